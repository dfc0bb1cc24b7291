/**
 * Trace: a timeline as JSON that Perfetto and Chrome open, as `megacache/explorer/trace.py` writes it.
 *
 * A page knows no more than its timeline: its sessions are one process, one after the other.
 */

import type { TimelinePart } from "../host";

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string>>;
}

interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
}

const PROCESS = 1;

/** Return the trace of a timeline: a complete event per span, in microseconds. */
export function traceOf({ spans, lanes, phases }: TimelinePart): Trace {
  const threads = [...new Set(spans.thread)].sort((one, other) => one - other);
  const names = threads.map((thread): TraceEvent => ({
    name: "thread_name",
    ph: "M",
    pid: PROCESS,
    tid: thread,
    args: { name: `thread ${thread}` },
  }));
  const events = spans.name.map((name, at): TraceEvent => ({
    name,
    ph: "X",
    pid: PROCESS,
    tid: spans.thread[at]!,
    cat: phases[spans.phase[at]!]?.phase ?? "",
    ts: spans.startUs[at]!,
    dur: spans.us[at]!,
    args: { compile: lanes[spans.lane[at]!]?.label ?? "", function: lanes[spans.lane[at]!]?.title ?? "" },
  }));
  return { traceEvents: [...names, ...events], displayTimeUnit: "ms" };
}
