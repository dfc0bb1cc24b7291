import { describe, expect, it } from "vitest";

import { TreeModel } from "../../src/tree/model";
import { parseQuery } from "../../src/tree/query";
import { problemCount, search } from "../../src/tree/search";
import { ENCODER } from "../encoder";
import { largeTree, treeOf } from "../synthetic";

const tree = treeOf(...ENCODER);

function hits(text: string, onlyProblems = false): string[] {
  const found = search(tree, parseQuery(text), onlyProblems);
  if (!found) throw new Error("nothing was asked for");
  return tree.name.filter((_, place) => found.isHit[place]);
}

describe("a query", () => {
  it("is words and filters, quoted or not, with alternatives", () => {
    expect(parseQuery('Fwd type:inductor,kernel state:"miss" reason:"size of" other:x')).toEqual({
      words: ["fwd", "other:x"], types: [["inductor", "kernel"]], states: [["miss"]], reasons: [["size of"]],
    });
  });

  it("asks for nothing while a filter is being typed", () => {
    expect(search(tree, parseQuery("  state: "), false)).toBeNull();
    expect(search(tree, parseQuery('reason:'), false)).toBeNull();
    expect(search(tree, parseQuery('reason:"'), false)).toBeNull();
    expect(search(tree, parseQuery('type:"" state:, reason:""'), false)).toBeNull();
  });
});

describe("a search", () => {
  it("finds words in names, details and labels, in any case, and all of them", () => {
    expect(hits("bertmodel")).toEqual(["BertModel.forward"]);
    expect(hits("CELL 3")).toEqual(["mean_pool"]);
    expect(hits("aot_auto")).toEqual(["alnnwlsr2bpn"]);
    expect(hits("cell pool")).toEqual(["mean_pool"]);
    expect(hits('"cell 5, line"')).toEqual(["cosine"]);
  });

  it("does not find a word across two names", () => {
    expect(hits("forward 0/0")).toEqual([]);
    expect(hits('"forward\n0/0"')).toEqual([]);
  });

  it("narrows by type: the label or the kind, however its words are joined", () => {
    expect(hits("type:kernel")).toEqual(["craqlrzex7go.so"]);
    expect(hits("type:guarded-code")).toEqual(hits("type:guarded_code"));
    expect(hits("type:artifact")).toHaveLength(3);
    expect(hits("type:recompile,resume")).toEqual(["0/1", "resume_in_forward_at_748"]);
  });

  it("narrows by state and by reason", () => {
    expect(hits("state:miss")).toEqual(["cosine", "3/0"]);
    expect(hits("state:refused type:guarded")).toEqual(["2/0"]);
    expect(hits("reason:size")).toEqual(["0/1"]);
    expect(hits("reason:BertModel")).toEqual([]);
  });

  it("counts its hits and knows what leads to them", () => {
    const found = search(tree, parseQuery("kernel"), false)!;
    expect(found.count).toBe(1);
    expect(tree.name.filter((_, place) => found.hasHitBelow[place])).toEqual(["BertModel.forward", "0/1", "__compiled_fn_5"]);
  });

  it("shows problems, and counts those that are nobody else's", () => {
    expect(hits("", true)).toEqual(["0/1", "call to print", "mean_pool", "2/0"]);
    expect(problemCount(tree)).toBe(3);
  });

  it("takes under 50 ms at 100,000 nodes", () => {
    const large = new TreeModel(largeTree(100_000));
    search(large, parseQuery("warm"), false);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      expect(search(large, parseQuery("zwrh state:miss type:inductor"), false)!.count).toBeGreaterThan(10_000);
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(50);
  });
});
