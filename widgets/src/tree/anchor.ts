/** Anchor: the topmost line keeps its place on the screen when the tree is replaced by a grown one. */

import { useLayoutEffect, useRef } from "preact/hooks";

import type { TreeModel } from "./model";
import { lineOf, type Rows } from "./rows";
import { LINE } from "./window";

interface Seen {
  readonly tree: TreeModel;
  readonly rows: Rows;
}

/** Hold the element that scrolls where the reader left it. */
export function useAnchor(scroller: { readonly current: HTMLElement | null }, tree: TreeModel, rows: Rows): void {
  const before = useRef<Seen>({ tree, rows });
  useLayoutEffect(() => {
    const now = { tree, rows };
    if (before.current.tree !== tree) hold(scroller.current!, before.current, now);
    before.current = now;
  }, [tree, rows]);
}

function hold(scroller: HTMLElement, before: Seen, now: Seen): void {
  const line = Math.floor(scroller.scrollTop / LINE);
  // Who stands at the very top wants to see what is on top.
  if (line === 0 || line >= before.rows.count) return;
  const id = before.tree.id[before.rows.place[line]!]!;
  const moved = lineOf(now.rows, now.tree.placeOf(id));
  if (moved >= 0) scroller.scrollTop += (moved - line) * LINE;
}
