import { expect, it } from "vitest";

import { traceOf } from "../../src/page/trace";

it("a trace has an event per span and a name per thread", () => {
  const trace = traceOf({
    durationUs: 30,
    phases: [{ phase: "dynamo", title: "dynamo" }, { phase: "aot", title: "AOT" }],
    lanes: [{ label: "0/0", title: "forward", id: 1 }, { label: "0/1", title: "forward", id: null }],
    spans: { name: ["a", "b"], lane: [0, 1], phase: [1, 0], thread: [2, 0], depth: [0, 1], startUs: [5, 20], us: [10, 7] },
  });
  expect(trace).toEqual({
    displayTimeUnit: "ms",
    traceEvents: [
      { name: "thread_name", ph: "M", pid: 1, tid: 0, args: { name: "thread 0" } },
      { name: "thread_name", ph: "M", pid: 1, tid: 2, args: { name: "thread 2" } },
      { name: "a", ph: "X", pid: 1, tid: 2, cat: "aot", ts: 5, dur: 10, args: { compile: "0/0", function: "forward" } },
      { name: "b", ph: "X", pid: 1, tid: 0, cat: "dynamo", ts: 20, dur: 7, args: { compile: "0/1", function: "forward" } },
    ],
  });
});
