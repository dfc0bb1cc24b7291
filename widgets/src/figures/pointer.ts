/** Pointer: what a mouse, a pen or a finger does on a stage: hover, click, drag, zoom. */

import { useLayoutEffect, useRef } from "preact/hooks";

/** A place on a stage that is so wide; `y` counts from the top of the content, scrolled or not. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

interface Handlers {
  readonly onHover: (point: Point | null) => void;
  readonly onClick: (point: Point) => void;
  readonly onDrag?: (share: number, width: number) => void;
  readonly onZoom?: (factor: number, x: number, width: number) => void;
}

/** So many pixels a pointer may move and still click. */
const STILL = 4;

/** Return the listeners of a stage that is scrolled to `top`. */
export function usePointer(stage: { readonly current: HTMLElement | null }, top: number, handlers: Handlers) {
  const press = useRef<{ x: number; isDrag: boolean } | null>(null);
  const latest = useRef(handlers);
  latest.current = handlers;
  useZoom(stage, latest);

  const pointOf = (event: PointerEvent): Point => {
    const frame = stage.current!.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top + top, width: frame.width };
  };

  function onPointerDown(event: PointerEvent): void {
    if (event.button === 0) press.current = { x: event.clientX, isDrag: false };
  }

  function onPointerMove(event: PointerEvent): void {
    const pressed = press.current;
    if (!pressed || !handlers.onDrag) {
      handlers.onHover(pointOf(event));
      return;
    }
    if (!pressed.isDrag && Math.abs(event.clientX - pressed.x) <= STILL) return;
    if (!pressed.isDrag) stage.current!.setPointerCapture(event.pointerId);
    const { clientWidth } = stage.current!;
    handlers.onHover(null);
    handlers.onDrag((event.clientX - pressed.x) / clientWidth, clientWidth);
    press.current = { x: event.clientX, isDrag: true };
  }

  function onPointerUp(event: PointerEvent): void {
    if (press.current && !press.current.isDrag) handlers.onClick(pointOf(event));
    press.current = null;
  }

  function onPointerLeave(): void {
    press.current = null;
    handlers.onHover(null);
  }

  return { onPointerDown, onPointerMove, onPointerUp, onPointerLeave, onPointerCancel: onPointerLeave };
}

/** Zoom by ctrl and the wheel, which a pinch on a touchpad is too; a plain wheel scrolls. */
function useZoom(stage: { readonly current: HTMLElement | null }, latest: { readonly current: Handlers }): void {
  useLayoutEffect(() => {
    const element = stage.current!;
    const onWheel = (event: WheelEvent) => {
      const { onDrag, onZoom } = latest.current;
      const { left } = element.getBoundingClientRect();
      if (onZoom && event.ctrlKey) onZoom(Math.exp(-event.deltaY / 300), event.clientX - left, element.clientWidth);
      else if (onDrag && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        onDrag(-event.deltaX / element.clientWidth, element.clientWidth);
      } else return;
      event.preventDefault();
    };
    // Not passive: else the browser would zoom the whole page.
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
}
