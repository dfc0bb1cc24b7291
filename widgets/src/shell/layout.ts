/** Layout: how wide the tree is, how high the figures are, and whether they are unfolded. */

import { useState } from "preact/hooks";

import type { DividerMeasure } from "./Divider";

/** In percent of the width. */
const LEFT = { usual: 50, least: 20, most: 80, step: 2 };
/** In pixels. */
const STRIP = { usual: 176, least: 140, most: 520, step: 16 };
/** The same while a figure of plotly is shown, which has its own height: several rows are seen, or most of a chart. */
const TALL_STRIP = { ...STRIP, usual: 336 };
/** Below this height the figures are folded at first: the tree needs the room. */
const ROOMY = 600;

/** The most that the figures take of the explorer's height unasked. */
const MOST_OF_ROOM = 0.5;

/** What the reader can move. */
export interface Layout {
  readonly left: DividerMeasure;
  readonly strip: DividerMeasure;
  readonly isUnfolded: boolean;
  readonly fold: () => void;
  /** For the style sheet. */
  readonly style: Record<string, string>;
}

/**
 * Return the layout and what changes it.
 *
 * @param height Of the explorer in pixels; without it, that of what is around.
 * @param isTall Whether the figure that is shown needs more height. All above the figures keeps its place meanwhile, and
 *   both heights are kept apart: what the reader makes of one does not change the other.
 */
export function useLayout(height: number | undefined, isTall: boolean): Layout {
  const room = height ?? window.innerHeight;
  const [left, setLeft] = useState(LEFT.usual);
  const [isUnfolded, setIsUnfolded] = useState(room >= ROOMY);
  const low = useStrip(STRIP);
  const tall = useStrip({ ...TALL_STRIP, usual: bounded(TALL_STRIP.usual, room) });
  const strip = isTall ? tall : low;
  return {
    left: { ...LEFT, value: left, unit: "percent", set: setLeft },
    strip,
    isUnfolded,
    fold: () => setIsUnfolded(!isUnfolded),
    style: { "--mc-left": `${left}%`, "--mc-strip": `${strip.value}px`, ...(height ? { "--mc-height": `${height}px` } : {}) },
  };
}

function useStrip(bounds: typeof STRIP): DividerMeasure {
  const [value, set] = useState(bounds.usual);
  return { ...bounds, value, unit: "pixels", set };
}

/** Return a height of the figures that leaves the tree its place. */
function bounded(height: number, room: number): number {
  return Math.max(STRIP.usual, Math.min(height, Math.round(room * MOST_OF_ROOM)));
}
