/** Lettering: the fonts of the figures, and texts that fit. */

const FAMILY = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** The font of labels beside a figure. */
export const LARGE = `12px ${FAMILY}`;

/** The font inside bars and cells, and of the axis. */
export const SMALL = `11px ${FAMILY}`;

/** Return a text, cut with an ellipsis where it would be wider than it may be. */
export function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low ? `${text.slice(0, low)}…` : "";
}
