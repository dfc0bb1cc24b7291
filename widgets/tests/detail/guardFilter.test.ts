import { describe, expect, it } from "vitest";

import { guardTypes, shownGuards } from "../../src/detail/guardFilter";
import { madeUpGuards } from "../parts";

const ALL = { keeping: "all", type: "", text: "" } as const;
const { rows } = madeUpGuards(3);

describe("the guards that are shown", () => {
  it("begin with those that failed, and go on in torch's order", () => {
    const shown = shownGuards(rows, ALL);
    expect(shown[0]!.failedIn).toBe("0/1");
    expect(shown.slice(1)).toEqual(rows.filter((row) => !row.failedIn));
  });

  it("are kept, or dropped, or both", () => {
    const count = (keeping: "kept" | "dropped") => shownGuards(rows, { ...ALL, keeping }).length;
    expect([count("kept"), count("dropped")]).toEqual([6, 1]);
  });

  it("are of the wanted type", () => {
    expect(shownGuards(rows, { ...ALL, type: "TENSOR_MATCH" })).toHaveLength(4);
  });

  it("hold every word, whatever its case and wherever it stands", () => {
    expect(shownGuards(rows, { ...ALL, text: "LAYER 412 dense" })).toHaveLength(3);
    expect(shownGuards(rows, { ...ALL, text: "pinned layer" })).toEqual([]);
  });

  it("are counted by type, the most frequent first", () => {
    expect(guardTypes(rows)).toEqual([["TENSOR_MATCH", 4], ["GRAD_MODE", 1], ["ID_MATCH", 1], ["TYPE_MATCH", 1]]);
  });
});
