/** Size: how large an element is, how far it is scrolled, and how many pixels of the screen make one of the page. */

import { useLayoutEffect, useState } from "preact/hooks";

interface Element {
  readonly current: HTMLElement | null;
}

/** Return the size of an element and the scale of its screen, whenever either is another. */
export function useSize(element: Element) {
  const [size, setSize] = useState({ width: 0, height: 0, scale: 1 });
  const measure = () =>
    setSize((before) => {
      const { clientWidth: width, clientHeight: height } = element.current ?? { clientWidth: 0, clientHeight: 0 };
      const isSame = before.width === width && before.height === height && before.scale === devicePixelRatio;
      return isSame ? before : { width, height, scale: devicePixelRatio };
    });

  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const screen = matchMedia(`(resolution: ${size.scale}dppx)`);
    screen.addEventListener("change", measure);
    return () => screen.removeEventListener("change", measure);
  }, [size.scale]);
  return size;
}

/** Return how far an element is scrolled. */
export function useScrollTop(element: Element): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const scroller = element.current!;
    const onScroll = () => setTop(scroller.scrollTop);
    scroller.addEventListener("scroll", onScroll, { passive: true });
    return () => scroller.removeEventListener("scroll", onScroll);
  }, []);
  return top;
}
