/**
 * Tree model: one tree, and the way from a node to its parent, its children and its id.
 *
 * A node is known by its place, which counts from 0 in preorder. All below a node stand right behind it, so that one
 * column of ends is enough to find its children. A place is good for one model; what outlives it is the id.
 */

import type { TreeColumns, TreeState } from "../wire";

// The columns are those of the wire: said once there, they are not listed here again.
export interface TreeModel extends TreeColumns {}

/** One tree; its columns have an entry per place. */
export class TreeModel {
  /** The places at the top. */
  readonly roots: readonly number[];
  /** The place behind all that is below a node. */
  readonly end: Int32Array;
  #placeById: Map<number, number> | undefined;

  constructor(columns: TreeColumns) {
    Object.assign(this, columns);
    this.end = endsOf(columns.parent);
    this.roots = this.#within(0, this.count);
  }

  nameOf(place: number): string {
    return this.name[place]!;
  }

  detailOf(place: number): string {
    return this.detail[place]!;
  }

  /** Return the word before the name: `recompile`, `backend`, `inductor`. */
  labelOf(place: number): string {
    return this.labels[this.label[place]!] ?? "";
  }

  kindOf(place: number): string {
    return this.kinds[this.kind[place]!] ?? "";
  }

  stateOf(place: number): TreeState | undefined {
    return this.states[this.state[place]!];
  }

  isProblem(place: number): boolean {
    return this.stateOf(place)?.isProblem ?? false;
  }

  hasChildren(place: number): boolean {
    return this.end[place]! > place + 1;
  }

  children(place: number): readonly number[] {
    return this.#within(place + 1, this.end[place]!);
  }

  /** Return the place of a node, or -1 where it is not in this tree. */
  placeOf(id: number): number {
    this.#placeById ??= new Map(Array.from(this.id, (each, place) => [each, place]));
    return this.#placeById.get(id) ?? -1;
  }

  /** Return the places above a node, the nearest first. */
  ancestors(place: number): number[] {
    const above: number[] = [];
    for (let at = this.parent[place]!; at >= 0; at = this.parent[at]!) above.push(at);
    return above;
  }

  #within(start: number, end: number): number[] {
    const siblings: number[] = [];
    for (let place = start; place < end; place = this.end[place]!) siblings.push(place);
    return siblings;
  }
}

function endsOf(parent: Int32Array): Int32Array {
  const end = Int32Array.from(parent, (_, place) => place + 1);
  for (let place = parent.length - 1; place >= 0; place -= 1) {
    const above = parent[place]!;
    if (above >= place) throw new Error("This tree is damaged: a node stands before its parent.");
    if (above >= 0) end[above] = Math.max(end[above]!, end[place]!);
  }
  return end;
}
