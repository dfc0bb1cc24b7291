import { describe, expect, it } from "vitest";

import { cuts } from "../../src/detail/keyDifference";

describe("the difference of two texts", () => {
  it("is what lies between their common ends", () => {
    expect(cuts("shape=[1, 76], cpu", "shape=[1, 13], cpu")).toEqual([
      ["shape=[1, ", "76", "], cpu"],
      ["shape=[1, ", "13", "], cpu"],
    ]);
  });

  it("never cuts a word or a number", () => {
    expect(cuts("torch.float32", "torch.float16")).toEqual([["torch.", "float32", ""], ["torch.", "float16", ""]]);
    expect(cuts("size 1", "size 113")).toEqual([["size ", "1", ""], ["size ", "113", ""]]);
  });

  it("is everything where one side is empty", () => {
    expect(cuts("nightly", "")).toEqual([["", "nightly", ""], ["", "", ""]]);
  });

  it("is found where one text is the other and more", () => {
    expect(cuts("a, a, b", "a, b")).toEqual([["a, ", "a, ", "b"], ["a, ", "", "b"]]);
  });
});
