import { describe, expect, it } from "vitest";

import { compileRows, threadRows } from "../../src/figures/spans";
import type { TimelinePart } from "../../src/host";

type Span = [lane: number, phase: number, thread: number, depth: number, start: number, us: number];

function part(spans: Span[]): TimelinePart {
  const column = (at: number) => spans.map((span) => span[at]!);
  return {
    durationUs: 100,
    phases: ["dynamo", "aot", "inductor"].map((phase) => ({ phase, title: phase })),
    lanes: [{ label: "0/0", title: "f", id: 1 }, { label: "0/1", title: "f", id: 2 }],
    spans: {
      name: spans.map((_, at) => `span ${at}`), lane: column(0), phase: column(1), thread: column(2), depth: column(3),
      startUs: column(4), us: column(5),
    },
  };
}

/** Return bars as phase, start and end. */
const drawn = (bars: readonly { phase: number; start: number; end: number }[]) => bars.map(({ phase, start, end }) => [phase, start, end]);

describe("rows of compiles", () => {
  it("give each moment to the innermost span", () => {
    const [row] = compileRows(part([[0, 0, 0, 0, 0, 100], [0, 1, 0, 1, 20, 60], [0, 2, 0, 2, 30, 10]]));
    expect(drawn(row!.bars)).toEqual([[0, 0, 20], [1, 20, 30], [2, 30, 40], [1, 40, 80], [0, 80, 100]]);
  });

  it("join neighbours of one phase, but not over a gap", () => {
    const [row] = compileRows(part([[0, 0, 0, 0, 0, 50], [0, 0, 0, 1, 10, 20], [0, 0, 0, 0, 60, 10]]));
    expect(drawn(row!.bars)).toEqual([[0, 0, 50], [0, 60, 70]]);
  });

  it("take the outer of two spans that begin together first", () => {
    const [row] = compileRows(part([[0, 2, 0, 1, 0, 10], [0, 0, 0, 0, 0, 30]]));
    expect(drawn(row!.bars)).toEqual([[2, 0, 10], [0, 10, 30]]);
    const [equal] = compileRows(part([[0, 2, 0, 1, 0, 10], [0, 0, 0, 0, 0, 10]]));
    expect(drawn(equal!.bars)).toEqual([[2, 0, 10]]);
  });

  it("keep threads and lanes apart", () => {
    const [first, second] = compileRows(part([[0, 0, 0, 0, 0, 40], [0, 2, 1, 0, 10, 40], [1, 0, 0, 0, 60, 5]]));
    expect(drawn(first!.bars)).toEqual([[0, 0, 40], [2, 10, 50]]);
    expect(drawn(second!.bars)).toEqual([[0, 60, 65]]);
  });
});

describe("rows of threads", () => {
  it("put spans below those that hold them", () => {
    const [main, other] = threadRows(part([[0, 0, 0, 0, 0, 50], [0, 1, 0, 1, 10, 20], [0, 2, 0, 1, 30, 10], [0, 2, 1, 0, 5, 10]]));
    expect(main!.bars.map((bar) => bar.level)).toEqual([0, 1, 1]);
    expect([main!.label, main!.levels, other!.label, other!.levels]).toEqual(["main thread", 2, "thread 1", 1]);
  });
});
