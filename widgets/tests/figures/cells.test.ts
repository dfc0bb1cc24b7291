import { describe, expect, it } from "vitest";

import { cellAt, cellBeside, cellOf, icicle } from "../../src/figures/cells";
import { smallTree } from "./tree";

const tree = smallTree();
const root = icicle(tree, "time");
const named = (name: string) => root.find((cell) => tree.nameOf(cell.data) === name)!;

describe("cells", () => {
  it("are as wide as their time, inside the cell above", () => {
    expect([named("encoder").x0, named("encoder").x1]).toEqual([0, 1]);
    expect(named("forward").x1 - named("forward").x0).toBeCloseTo(0.9);
    expect(named("0/1").x0).toBeCloseTo(0.5);
    for (const cell of root.descendants()) {
      expect(cell.x1).toBeLessThanOrEqual((cell.parent ?? root).x1 + 1e-9);
    }
  });

  it("leave artifacts out by time, and what has no bytes by bytes", () => {
    expect(root.find((cell) => tree.nameOf(cell.data) === "kernel")).toBeUndefined();
    const names = icicle(tree, "bytes").descendants().map((cell) => tree.nameOf(cell.data));
    expect(names).toContain("kernel");
    expect(names).not.toContain("print");
  });

  it("of a node are found by its id; a node without one has that above it", () => {
    expect(cellOf(root, tree, 50)).toBe(named("0/1"));
    expect(cellOf(root, tree, 40)).toBe(named("fn_0"));
    expect([cellOf(root, tree, null), cellOf(root, tree, 12345)]).toEqual([undefined, undefined]);
  });

  it("are found by their place, within the one that is zoomed into", () => {
    expect(cellAt(root, 0.95, 1)).toBe(named("pool"));
    expect(cellAt(named("forward"), 0.7, 1)).toBe(named("0/1"));
    expect(cellAt(root, 0.7, 3)).toBeUndefined();
  });

  it("are walked with arrow keys; down leads to the widest", () => {
    expect(cellBeside(named("forward"), "ArrowDown")).toBe(named("0/0"));
    expect(cellBeside(named("0/0"), "ArrowRight")).toBe(named("0/1"));
    expect(cellBeside(named("0/0"), "ArrowLeft")).toBeUndefined();
    expect(cellBeside(named("0/1"), "ArrowUp")).toBe(named("forward"));
    expect(cellBeside(root, "ArrowUp")).toBeUndefined();
  });
});
