import { describe, expect, it } from "vitest";

import { TreeModel } from "../../src/tree/model";
import { shareOf } from "../../src/tree/share";
import { columnsOf, treeOf } from "../synthetic";

const tree = treeOf(
  { name: "a", ms: 30, below: [{ name: "b", ms: 10, below: [{ name: "c" }] }, { name: "d", ms: 20 }] },
  { name: "e", ms: 10 },
);

describe("a tree", () => {
  it("knows children, parents and ends", () => {
    expect(tree.roots).toEqual([0, 4]);
    expect(tree.children(0)).toEqual([1, 3]);
    expect(tree.children(2)).toEqual([]);
    expect([tree.hasChildren(0), tree.hasChildren(2)]).toEqual([true, false]);
    expect(tree.ancestors(2)).toEqual([1, 0]);
  });

  it("finds a node by its id", () => {
    expect(tree.placeOf(102)).toBe(2);
    expect(tree.placeOf(7)).toBe(-1);
  });

  it("refuses a node that stands before its parent", () => {
    const columns = columnsOf([{ name: "a", below: [{ name: "b" }] }]);
    expect(() => new TreeModel({ ...columns, parent: Int32Array.of(1, -1) })).toThrow("before its parent");
  });

  it("shares by the whole of the top; what is not known has no share", () => {
    expect([0, 1, 2].map((place) => shareOf(tree, "time", place))).toEqual([0.75, 0.25, 0]);
    expect(shareOf(tree, "bytes", 0)).toBe(0);
  });
});
