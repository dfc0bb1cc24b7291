/** Layout: how wide the tree is, how high the figures are, and whether they are unfolded. */

import { useState } from "preact/hooks";

import type { DividerMeasure } from "./Divider";

/** In percent of the width. */
const LEFT = { usual: 50, least: 20, most: 80, step: 2 };
/** In pixels. */
const STRIP = { usual: 176, least: 140, most: 520, step: 16 };
/** Below this height the figures are folded at first: the tree needs the room. */
const ROOMY = 600;

/** What the reader can move. */
export interface Layout {
  readonly left: DividerMeasure;
  readonly strip: DividerMeasure;
  readonly isUnfolded: boolean;
  readonly fold: () => void;
  /** For the style sheet. */
  readonly style: Record<string, string>;
}

/** Return the layout and what changes it. */
export function useLayout(height: number | undefined): Layout {
  const [left, setLeft] = useState(LEFT.usual);
  const [strip, setStrip] = useState(STRIP.usual);
  const [isUnfolded, setIsUnfolded] = useState((height ?? window.innerHeight) >= ROOMY);
  return {
    left: { ...LEFT, value: left, unit: "percent", set: setLeft },
    strip: { ...STRIP, value: strip, unit: "pixels", set: setStrip },
    isUnfolded,
    fold: () => setIsUnfolded(!isUnfolded),
    style: { "--mc-left": `${left}%`, "--mc-strip": `${strip}px`, ...(height ? { "--mc-height": `${height}px` } : {}) },
  };
}
