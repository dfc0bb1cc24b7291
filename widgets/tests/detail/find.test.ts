// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";

import { FOUND_LIMIT, places, TextIndex } from "../../src/detail/find";

describe("places", () => {
  it("are where a word begins, whatever its case", () => {
    expect(places("Buf0, buf1", "buf")).toEqual([0, 6]);
  });

  it("take signs of a pattern as they are", () => {
    expect(places("f(x) fx (x)", "(x)")).toEqual([1, 8]);
  });

  it("end at the limit", () => {
    expect(places("a".repeat(FOUND_LIMIT + 5), "a")).toHaveLength(FOUND_LIMIT);
  });

  it("are none for no word", () => {
    expect(places("abc", "")).toEqual([]);
  });
});

describe("a text index", () => {
  it("returns ranges over the bounds of nodes and of elements", () => {
    const blocks = ["<b>ab</b>cd", "<i>e</i>f"].map((html) => {
      const block = document.createElement("code");
      block.innerHTML = html;
      return block;
    });
    const index = new TextIndex(blocks);
    const range = index.range(1, 2);
    expect([range.startContainer.textContent, range.startOffset]).toEqual(["ab", 1]);
    expect([range.endContainer.textContent, range.endOffset]).toEqual(["cd", 1]);
    expect(index.range(4, 2).startContainer.textContent).toBe("e");
    expect(index.range(4, 2).endContainer.textContent).toBe("f");
  });
});
