import { expect, it } from "vitest";

import { compileGroups } from "../../src/figures/compileGroups";
import { smallTree } from "./tree";

it("compiles are grouped by the nearest function, for those that were compiled twice, the slowest first", () => {
  const tree = smallTree();
  const groups = compileGroups(tree).map(({ place, compiles, duration }) => [
    tree.nameOf(place), compiles.map((each) => tree.nameOf(each)), duration,
  ]);
  expect(groups).toEqual([["forward", ["0/0", "0/1"], 80_000], ["resume_in_forward", ["1/0", "1/1"], 10_000]]);
});
