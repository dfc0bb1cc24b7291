/**
 * Stage: a canvas as large as its place, sharp on any screen, painted anew when its size, its scroll position or the
 * theme is another. What is taller than the place scrolls natively, and only what is seen is painted.
 */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

import { useOwnId } from "../ids";
import { type Palette, paletteOf, useTheme } from "./palette";
import { type Point, usePointer } from "./pointer";
import { useScrollTop, useSize } from "./size";

export type { Point } from "./pointer";

/** What a figure paints on; what is above `top` is scrolled out of sight. */
export interface Sheet {
  readonly context: CanvasRenderingContext2D;
  readonly colour: Palette;
  readonly width: number;
  readonly height: number;
  readonly top: number;
}

interface Props {
  /** What the figure is called. */
  readonly name: string;
  /** What it shows, for who cannot see it. */
  readonly summary: string;
  /** Which keys do what. */
  readonly help: string;
  /** The height of all there is to paint. */
  readonly contentHeight: number;
  readonly paint: (sheet: Sheet) => void;
  readonly onHover: (point: Point | null) => void;
  readonly onClick: (point: Point) => void;
  /** Return whether the key was used. */
  readonly onKey: (key: string) => boolean;
  /** A drag by a share of the width; without it nothing can be dragged. */
  readonly onDrag?: (share: number, width: number) => void;
  /** A wheel with ctrl, or a pinch: the factor of the zoom, and where. */
  readonly onZoom?: (factor: number, x: number, width: number) => void;
  /** The part of the content that should be seen; it is scrolled to when it becomes another. */
  readonly seen?: readonly [top: number, bottom: number] | undefined;
  readonly hovered: Point | null;
  readonly tip?: ComponentChildren;
}

/** Render a stage; each rendering paints once, with the next frame. */
export function Stage(props: Props) {
  const { name, summary, help, contentHeight, seen, hovered, tip } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(scroller);
  const top = useScrollTop(scroller);
  const theme = useTheme(scroller);
  const colour = useMemo(() => scroller.current && paletteOf(scroller.current), [theme, size]);
  const pointer = usePointer(scroller, top, props);
  const helpId = useOwnId();

  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !colour || !size.width) return;
    const frame = requestAnimationFrame(() => {
      fit(context, size);
      props.paint({ context, colour, width: size.width, height: size.height, top });
    });
    return () => cancelAnimationFrame(frame);
  });
  useLayoutEffect(() => {
    if (scroller.current && seen) scrollTo(scroller.current, seen);
  }, [seen?.[0], seen?.[1]]);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey || event.ctrlKey || !props.onKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div class="mc-stage">
      <div
        class={`mc-stage-scroll${props.onDrag ? " mc-stage-drags" : ""}`}
        ref={scroller}
        role="group"
        aria-label={name}
        aria-describedby={helpId}
        tabIndex={0}
        onKeyDown={onKeyDown}
        {...pointer}
      >
        <div style={{ height: `${contentHeight}px` }}>
          <canvas ref={canvas} role="img" aria-label={summary} />
        </div>
      </div>
      <p id={helpId} class="mc-spoken">{help}</p>
      {tip && hovered && <Tip at={hovered} top={top} size={size}>{tip}</Tip>}
    </div>
  );
}

/** A tip beside the pointer: shifted by as much of its own size as the pointer is across, it never leaves the stage. */
function Tip({ at, top, size, children }: {
  at: Point;
  top: number;
  size: { readonly width: number; readonly height: number };
  children: ComponentChildren;
}) {
  const x = at.x / size.width;
  const isAbove = at.y - top > size.height / 2;
  const style = {
    left: `${at.x}px`,
    top: `${at.y - top + (isAbove ? -10 : 16)}px`,
    transform: `translate(${(-100 * x).toFixed(1)}%, ${isAbove ? "-100%" : "0"})`,
  };
  return <div class="mc-tip" style={style} aria-hidden="true">{children}</div>;
}

function fit(context: CanvasRenderingContext2D, { width, height, scale }: ReturnType<typeof useSize>): void {
  const { canvas } = context;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
}

function scrollTo(scroller: HTMLElement, [top, bottom]: readonly [number, number]): void {
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
}
