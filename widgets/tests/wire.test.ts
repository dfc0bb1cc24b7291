import { describe, expect, it } from "vitest";

import { gunzip } from "../src/gzip";
import { TreeModel } from "../src/tree/model";
import { decodeTree } from "../src/wire";
import { ENCODER } from "./encoder";
import { columnsOf, encode, gzip, largeTree } from "./synthetic";

describe("the wire", () => {
  it("carries a tree unchanged", async () => {
    const tree = columnsOf([{ name: "a → b", detail: "ü", ms: 1.5, bytes: 3, id: 2 ** 52 + 1, below: [{ name: "" }] }, ...ENCODER]);
    expect(await decodeTree(await encode(tree))).toEqual(tree);
  });

  it("carries an empty tree and one nameless node", async () => {
    expect((await decodeTree(await encode(columnsOf([])))).name).toEqual([]);
    expect((await decodeTree(await encode(columnsOf([{ name: "" }])))).name).toEqual([""]);
  });

  it("refuses another version, and says what to do", async () => {
    await expect(decodeTree(await encode(columnsOf([]), 2))).rejects.toThrow("version 2; the explorer reads version 1. Run the cell again.");
  });

  it("refuses columns that are cut off or have too few entries", async () => {
    const raw = await gunzip(await encode(columnsOf(ENCODER)));
    await expect(decodeTree(await gzip(raw.subarray(0, raw.length - 8)))).rejects.toThrow("cut off");
    const short = { ...columnsOf(ENCODER), detail: ["one"] };
    await expect(decodeTree(await encode(short))).rejects.toThrow("1 entries in detail");
  });

  it("refuses what is no gzip", async () => {
    await expect(decodeTree(Uint8Array.of(1, 2, 3, 4))).rejects.toThrow();
  });

  it("is decoded in a fraction of a second at 100,000 nodes", async () => {
    const bytes = await encode(largeTree(100_000));
    const start = performance.now();
    const tree = new TreeModel(await decodeTree(bytes));
    expect(tree.count).toBeGreaterThan(99_000);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
