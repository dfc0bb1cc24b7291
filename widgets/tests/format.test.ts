import { describe, expect, it } from "vitest";

import { count, formatBytes, formatCount, formatDuration, formatPercent } from "../src/format";

// What megacache/views/units.py writes for the same numbers.
describe("bytes", () => {
  it.each([
    [0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1050, "1.1 kB"], [1250, "1.2 kB"], [1350, "1.4 kB"], [9949, "9.9 kB"], [9950, "10 kB"],
    [12_500, "12 kB"], [999_499, "999 kB"], [999_500, "1.0 MB"], [1_200_000, "1.2 MB"], [99_949_999, "99.9 MB"], [99_950_000, "100 MB"],
    [5e15, "5000 TB"],
  ])("writes %d as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("writes nothing where nobody knows", () => expect([formatBytes(null), formatBytes(NaN)]).toEqual(["", ""]));
});

describe("durations", () => {
  it.each([
    [0, "0 ms"], [50, "0.1 ms"], [1150, "1.1 ms"], [9949, "9.9 ms"], [9950, "10 ms"], [340_000, "340 ms"], [999_500, "1.0 s"],
    [41_200_000, "41.2 s"], [99_950_000, "1 min 40 s"], [100_500_000, "1 min 40 s"], [125_000_000, "2 min 5 s"],
    [3_570_000_000, "59 min 30 s"], [3_720_000_000, "1 h 2 min"],
  ])("writes %d µs as %s", (us, text) => expect(formatDuration(us)).toBe(text));

  it("writes nothing where nobody knows", () => expect([formatDuration(null), formatDuration(NaN)]).toEqual(["", ""]));
});

describe("counts", () => {
  it("separates thousands and bends nouns", () => {
    expect(formatCount(10_000)).toBe("10,000");
    expect([count(1, "graph"), count(2, "graph"), count(2, "entry", "entries")]).toEqual(["1 graph", "2 graphs", "2 entries"]);
  });

  it("says 100 % only when all is done", () => {
    expect([formatPercent(999, 1000), formatPercent(1000, 1000), formatPercent(0, 0)]).toEqual(["99 %", "100 %", "0 %"]);
  });
});
