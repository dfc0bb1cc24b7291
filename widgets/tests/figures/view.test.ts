import { describe, expect, it } from "vitest";

import { panned, ticks, tickText, zoomed } from "../../src/figures/view";

const WHOLE = 1_000_000;

describe("a view", () => {
  it("keeps the moment under the pointer when it zooms", () => {
    expect(zoomed({ from: 0, to: WHOLE }, 2, 250_000, WHOLE)).toEqual({ from: 125_000, to: 625_000 });
  });

  it("never shows more than there is, nor less than some microseconds", () => {
    expect(zoomed({ from: 100, to: 600 }, 0.0001, 300, WHOLE)).toEqual({ from: 0, to: WHOLE });
    const closest = zoomed({ from: 0, to: 100 }, 1e6, 50, WHOLE);
    expect(closest.to - closest.from).toBe(20);
  });

  it("stops at both ends", () => {
    expect(panned({ from: 100, to: 300 }, -5, WHOLE)).toEqual({ from: 0, to: 200 });
    expect(panned({ from: WHOLE - 300, to: WHOLE - 100 }, 5, WHOLE)).toEqual({ from: WHOLE - 200, to: WHOLE });
  });
});

describe("ticks", () => {
  it("are round, within the view, and not too many", () => {
    expect(ticks({ from: 130_000, to: 930_000 }, 5)).toEqual({ step: 200_000, at: [200_000, 400_000, 600_000, 800_000] });
  });

  it("are written with the digits of their step", () => {
    expect(tickText(1_200_000, 200_000)).toBe("1.2 s");
    expect(tickText(20_000_000, 10_000_000)).toBe("20 s");
    expect(tickText(340_000, 20_000)).toBe("340 ms");
    expect(tickText(1_500, 500)).toBe("1.5 ms");
    expect(tickText(40, 20)).toBe("40 µs");
  });
});
