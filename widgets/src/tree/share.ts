/** Share: how much of the whole a node takes. */

import type { TreeModel } from "./model";

/** What is shared. */
export type Measure = "time" | "bytes";

const wholes = new WeakMap<TreeModel, Readonly<Record<Measure, number>>>();

/** Return the part of the whole tree that a node takes, from 0 to 1; 0 where nobody knows. */
export function shareOf(tree: TreeModel, by: Measure, place: number): number {
  const amount = amountsOf(tree, by)[place]!;
  const whole = wholeOf(tree, by);
  return amount > 0 && whole > 0 ? Math.min(1, amount / whole) : 0;
}

function wholeOf(tree: TreeModel, by: Measure): number {
  let known = wholes.get(tree);
  if (!known) wholes.set(tree, (known = { time: sum(tree, "time"), bytes: sum(tree, "bytes") }));
  return known[by];
}

function sum(tree: TreeModel, by: Measure): number {
  const amounts = amountsOf(tree, by);
  return tree.roots.reduce((whole, root) => whole + (amounts[root]! || 0), 0);
}

function amountsOf(tree: TreeModel, by: Measure): Float64Array {
  return by === "time" ? tree.duration : tree.size;
}
