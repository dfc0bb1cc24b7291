import { describe, expect, it } from "vitest";

import { AXIS, barAt, laid, momentAt, PITCH, rowAt } from "../../src/figures/lanes";
import type { Row } from "../../src/figures/spans";

const row = (levels: number, ...bars: [start: number, end: number, level: number][]): Row => ({
  label: "", title: "", id: null, levels, bars: bars.map(([start, end, level], span) => ({ start, end, level, span, phase: 0 })),
});
const lanes = laid([row(1, [0, 10, 0], [40, 41, 0]), row(3, [0, 100, 0], [20, 60, 1]), row(1)]);
const view = { from: 0, to: 100 };
const track = { left: 50, width: 200 };

describe("lanes", () => {
  it("find the row at a height, and none in the axis or below the last", () => {
    expect([AXIS - 1, AXIS, AXIS + PITCH, lanes.tops[2]! - 1, lanes.tops[2]!, lanes.height].map((y) => rowAt(lanes, y))).toEqual(
      [-1, 0, 1, 1, 2, -1],
    );
  });

  it("find the bar at a point, by its level too", () => {
    const top = lanes.tops[1]!;
    expect(barAt(lanes.rows[1]!, top, view, track, 110, top + 5)?.span).toBe(0);
    expect(barAt(lanes.rows[1]!, top, view, track, 110, top + 20)?.span).toBe(1);
    expect(barAt(lanes.rows[1]!, top, view, track, 230, top + 20)).toBeUndefined();
  });

  it("find a bar that is thinner than a pixel", () => {
    const wide = { from: 0, to: 100_000 };
    expect(barAt(lanes.rows[0]!, AXIS, wide, track, 50.2, AXIS + 5)?.span).toBe(1);
  });

  it("know no bar where the labels are", () => {
    expect(barAt(lanes.rows[0]!, AXIS, view, track, 49, AXIS + 5)).toBeUndefined();
    expect(momentAt(view, track, 150)).toBe(50);
  });
});
