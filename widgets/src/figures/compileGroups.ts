/** Compile groups: the compiles of each function, for those functions that were compiled more than once. */

import type { TreeModel } from "../tree/model";

/** One function with the places of its compiles in the tree, in order. */
export interface CompileGroup {
  readonly place: number;
  readonly compiles: readonly number[];
  readonly duration: number;
}

const COMPILES = new Set(["guarded_code", "recompile", "compile"]);
const OWNERS = new Set(["function", "resume", "frame"]);

/** Return the groups, the one with most compile time first. */
export function compileGroups(tree: TreeModel): CompileGroup[] {
  const found = new Map<number, number[]>();
  for (let place = 0; place < tree.count; place += 1) {
    if (!COMPILES.has(tree.kindOf(place))) continue;
    const owner = tree.ancestors(place).find((above) => OWNERS.has(tree.kindOf(above)));
    if (owner === undefined) continue;
    const compiles = found.get(owner);
    if (compiles) compiles.push(place);
    else found.set(owner, [place]);
  }
  return [...found]
    .filter(([, compiles]) => compiles.length > 1)
    .map(([place, compiles]) => ({ place, compiles, duration: compiles.reduce((sum, each) => sum + timeOf(tree, each), 0) }))
    .sort((a, b) => b.duration - a.duration);
}

/** Return the compile time of a node, 0 where nobody knows. */
export function timeOf(tree: TreeModel, place: number): number {
  return tree.duration[place]! || 0;
}
