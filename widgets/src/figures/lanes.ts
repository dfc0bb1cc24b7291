/** Lanes: where the rows of the timeline stand, and what is at a point of it. */

import type { Bar, Row } from "./spans";
import type { View } from "./view";

/** The height of the axis, which stays on top. */
export const AXIS = 22;
/** The height of a bar, and how far one row or level is from the next. */
export const BAR = 13;
export const PITCH = 19;
const LEVEL_PITCH = 15;

/** Rows with their places. */
export interface Lanes {
  readonly rows: readonly Row[];
  readonly tops: readonly number[];
  readonly height: number;
}

/** Place rows below each other. */
export function laid(rows: readonly Row[]): Lanes {
  let height = AXIS;
  const tops = rows.map((row) => {
    const top = height;
    height += PITCH + (row.levels - 1) * LEVEL_PITCH;
    return top;
  });
  return { rows, tops, height: height + 4 };
}

/** Return the place of the row at a height, or -1. */
export function rowAt({ rows, tops, height }: Lanes, y: number): number {
  if (y < AXIS || y >= height || !rows.length) return -1;
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Return the top of a bar in a row that begins at `top`. */
export function barTop(top: number, bar: Bar): number {
  return top + (PITCH - BAR) / 2 + bar.level * LEVEL_PITCH;
}

/** The part of a sheet that shows time: right of the labels. */
export interface Track {
  readonly left: number;
  readonly width: number;
}

/** Return the moment at a place across. */
export function momentAt(view: View, track: Track, x: number): number {
  return view.from + ((x - track.left) / track.width) * (view.to - view.from);
}

/** Return the bar at a place in a row: the last that is painted there. */
export function barAt(row: Row, top: number, view: View, track: Track, x: number, y: number): Bar | undefined {
  if (x < track.left) return undefined;
  // Half a pixel to both sides: the shortest bars can be met too.
  const half = (view.to - view.from) / track.width / 2;
  const moment = momentAt(view, track, x);
  const level = Math.min(row.levels - 1, Math.max(0, Math.floor((y - top - (PITCH - BAR) / 2) / LEVEL_PITCH)));
  for (let at = row.bars.length - 1; at >= 0; at -= 1) {
    const bar = row.bars[at]!;
    if (bar.level === level && bar.start <= moment + half && bar.end >= moment - half) return bar;
  }
  return undefined;
}
