/** Rows: the lines of a tree that are seen, in their order, and where each stands among its siblings. */

import type { TreeModel } from "./model";
import type { Found } from "./search";

/** How siblings are ordered: as things happened, or by what took most. */
export type Order = "happened" | "time" | "bytes";

/** Columns with an entry per line. */
export interface Rows {
  readonly count: number;
  readonly place: Int32Array;
  /** From 1 at the top. */
  readonly level: Uint16Array;
  /** From 1 for the first of its siblings. */
  readonly position: Int32Array;
  readonly siblings: Int32Array;
}

interface Siblings {
  readonly places: readonly number[];
  next: number;
}

/**
 * Return the lines that are seen.
 *
 * @param isOpen Whether what is below a node is seen.
 * @param found What a search found: beside it only what is above is seen, and all below a hit that has no other hit below.
 */
export function rowsOf(tree: TreeModel, order: Order, isOpen: (place: number) => boolean, found: Found | null): Rows {
  const rows = emptyRows(tree.count);
  const arranged = arranger(tree, order);
  const seen = (places: readonly number[]) => arranged(found ? places.filter((place) => isFound(found, place)) : places);
  const below = (place: number) =>
    found?.hasHitBelow[place] ? seen(tree.children(place)) : arranged(tree.children(place));
  const open: Siblings[] = [{ places: seen(tree.roots), next: 0 }];
  let count = 0;
  while (open.length) {
    const siblings = open[open.length - 1]!;
    const place = siblings.places[siblings.next];
    if (place === undefined) {
      open.pop();
      continue;
    }
    siblings.next += 1;
    rows.place[count] = place;
    rows.level[count] = open.length;
    rows.position[count] = siblings.next;
    rows.siblings[count] = siblings.places.length;
    count += 1;
    if (tree.hasChildren(place) && isOpen(place)) open.push({ places: below(place), next: 0 });
  }
  return { ...rows, count };
}

/** Return the line of a place, or -1 where it is not seen. */
export function lineOf(rows: Rows, place: number): number {
  const line = rows.place.indexOf(place);
  return line < rows.count ? line : -1;
}

function emptyRows(most: number): Rows {
  return {
    count: 0,
    place: new Int32Array(most),
    level: new Uint16Array(most),
    position: new Int32Array(most),
    siblings: new Int32Array(most),
  };
}

function isFound({ isHit, hasHitBelow }: Found, place: number): boolean {
  return Boolean(isHit[place]! | hasHitBelow[place]!);
}

/** Return what puts siblings into their order; unknown amounts come last, and equal ones as they happened. */
function arranger(tree: TreeModel, order: Order): (places: readonly number[]) => readonly number[] {
  if (order === "happened") return (places) => places;
  const amounts = order === "time" ? tree.duration : tree.size;
  const amount = (place: number) => (Number.isNaN(amounts[place]!) ? -1 : amounts[place]!);
  return (places) => places.toSorted((one, other) => amount(other) - amount(one));
}
