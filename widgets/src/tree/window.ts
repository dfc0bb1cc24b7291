/** Window: which lines of a list are seen; all lines are of one height, so that it takes two divisions. */

/** The height of a line in pixels; `tree.css` has the same. */
export const LINE = 25;

/** Lines mounted beyond each edge, so that scrolling shows no gaps. */
const BEYOND = 8;

/** Before it was measured. */
const USUAL_HEIGHT = 600;

/** The first line that is mounted, and how many. */
export interface Window {
  readonly first: number;
  readonly lines: number;
}

/** Return the lines to mount for a place of the scroll bar and a height, in pixels. */
export function windowOf(scrollTop: number, height: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / LINE) - BEYOND);
  const end = Math.ceil((scrollTop + (height || USUAL_HEIGHT)) / LINE) + BEYOND;
  return { first, lines: end - first };
}
