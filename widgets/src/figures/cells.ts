/** Icicle: the tree as cells that hold each other, as wide as the time or the bytes in them. */

import { hierarchy, type HierarchyRectangularNode, partition } from "d3-hierarchy";

import type { TreeModel } from "../tree/model";

/** What makes a cell wide. */
export type Measure = "time" | "bytes";

/** One cell; `data` is its place in the tree, or -1 for the whole of a tree with several tops. */
export type Cell = HierarchyRectangularNode<number>;

/** The height of a cell. */
export const CELL = 22;

/** Lay a tree out: across, the whole goes from 0 to 1. */
export function icicle(tree: TreeModel, by: Measure): Cell {
  const amounts = by === "time" ? tree.duration : tree.size;
  const artifact = tree.kinds.indexOf("artifact");
  // Artifacts have times of their own within that of their backend entry: they would be counted twice.
  const isCell = (place: number) => amounts[place]! > 0 && !(by === "time" && tree.kind[place] === artifact);
  const below = (place: number) => childrenOf(tree, place).filter(isCell);
  const own = (place: number) => {
    const held = below(place).reduce((sum, child) => sum + amounts[child]!, 0);
    return place < 0 ? 0 : Math.max(0, amounts[place]! - held);
  };
  const top = tree.roots.length === 1 ? tree.roots[0]! : -1;
  return partition<number>()(hierarchy(top, below).sum(own));
}

/** Return the cell of a node of the tree, or of the nearest one above it that has a cell. */
export function cellOf(root: Cell, tree: TreeModel, id: number | null): Cell | undefined {
  const last = id === null ? -1 : tree.placeOf(id);
  if (last < 0) return undefined;
  let cell = root;
  for (const place of [last, ...tree.ancestors(last)].reverse()) cell = cell.children?.find((child) => child.data === place) ?? cell;
  return cell;
}

/** Return the cell at a place: across from 0 to 1 within `top`, and so many levels below it. */
export function cellAt(top: Cell, across: number, level: number): Cell | undefined {
  const x = top.x0 + across * (top.x1 - top.x0);
  let cell: Cell | undefined = top;
  for (let at = 0; cell && at < level; at += 1) cell = childAt(cell, x);
  return cell;
}

/** Siblings stand in a row, so the one at a place is found by halving. */
function childAt(cell: Cell, x: number): Cell | undefined {
  const children = cell.children ?? [];
  let low = 0;
  let high = children.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (children[middle]!.x1 < x) low = middle + 1;
    else high = middle;
  }
  const found = children[low];
  return found && found.x0 <= x && x <= found.x1 ? found : undefined;
}

/** Return the cell that an arrow key leads to, if there is one. */
export function cellBeside(cell: Cell, key: string): Cell | undefined {
  if (key === "ArrowUp") return cell.parent ?? undefined;
  if (key === "ArrowDown") return cell.children?.reduce((most, each) => (each.value! > most.value! ? each : most));
  const siblings = cell.parent?.children ?? [];
  return siblings[siblings.indexOf(cell) + (key === "ArrowRight" ? 1 : -1)];
}

function childrenOf(tree: TreeModel, place: number): readonly number[] {
  return place < 0 ? tree.roots : tree.children(place);
}
