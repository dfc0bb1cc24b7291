/** Spans: the rows of the timeline, as bars by compile or by thread. */

import type { TimelinePart } from "../host";

/** What stands in a row: one compile or backward, or one thread. */
export type Rows = "compiles" | "threads";

/** One stretch of one colour; `span` is the place of the span it is of. */
export interface Bar {
  readonly start: number;
  readonly phase: number;
  readonly span: number;
  readonly level: number;
  end: number;
}

/** One row; its bars are by start, and those of one level follow each other unless two threads worked at once. */
export interface Row {
  readonly label: string;
  readonly title: string;
  /** The node of the tree that the row is about. */
  readonly id: number | null;
  readonly levels: number;
  readonly bars: readonly Bar[];
}

/** Return one row per lane, in which each moment has the colour of the innermost phase. */
export function compileRows(part: TimelinePart): Row[] {
  const { lane, thread } = part.spans;
  const threadCount = maximum(thread) + 1;
  const strands = grouped(part, (span) => lane[span]! * threadCount + thread[span]!);
  const bars: Bar[][] = part.lanes.map(() => []);
  for (const [key, spans] of strands) {
    const ofLane = bars[Math.floor(key / threadCount)];
    for (const bar of innermost(part, spans)) ofLane?.push(bar);
  }
  return part.lanes.map((each, at) => ({ ...each, levels: 1, bars: bars[at]!.sort((a, b) => a.start - b.start) }));
}

/** Return one row per thread, in which spans stand below those that hold them. */
export function threadRows(part: TimelinePart): Row[] {
  const { thread, phase, startUs, us } = part.spans;
  const rows: Row[] = [];
  for (const [at, spans] of grouped(part, (span) => thread[span]!)) {
    const ends: number[] = [];
    const bars = spans.map((span) => {
      const start = startUs[span]!;
      while (ends.length && ends[ends.length - 1]! <= start) ends.pop();
      const level = ends.length;
      ends.push(start + us[span]!);
      return { start, end: start + us[span]!, phase: phase[span]!, span, level };
    });
    const levels = bars.reduce((most, bar) => Math.max(most, bar.level), 0) + 1;
    rows[at] = { label: at === 0 ? "main thread" : `thread ${at}`, title: "", id: null, levels, bars };
  }
  return rows.filter(Boolean);
}

/** Return the spans of each group in the order in which they hold each other. */
function grouped(part: TimelinePart, keyOf: (span: number) => number): Map<number, number[]> {
  const { startUs, us, depth } = part.spans;
  const groups = new Map<number, number[]>();
  for (let span = 0; span < startUs.length; span += 1) {
    const group = groups.get(keyOf(span));
    if (group) group.push(span);
    else groups.set(keyOf(span), [span]);
  }
  for (const spans of groups.values()) {
    spans.sort((a, b) => startUs[a]! - startUs[b]! || depth[a]! - depth[b]! || us[b]! - us[a]!);
  }
  return groups;
}

/** Cut nested spans so that each moment belongs to the innermost; neighbours of one phase are joined. */
function innermost(part: TimelinePart, spans: readonly number[]): Bar[] {
  const { startUs, us, phase } = part.spans;
  const bars: Bar[] = [];
  const open: number[] = [];
  let now = 0;

  function add(span: number, until: number): void {
    if (until <= now) return;
    const last = bars[bars.length - 1];
    if (last && last.phase === phase[span] && last.end === now) last.end = until;
    else bars.push({ start: now, end: until, phase: phase[span]!, span, level: 0 });
    now = until;
  }

  function close(until: number): void {
    while (open.length) {
      const span = open[open.length - 1]!;
      const end = startUs[span]! + us[span]!;
      if (end > until) break;
      add(span, end);
      open.pop();
    }
  }

  for (const span of spans) {
    const start = startUs[span]!;
    close(start);
    const holder = open[open.length - 1];
    if (holder !== undefined) add(holder, start);
    open.push(span);
    now = Math.max(now, start);
  }
  close(Infinity);
  return bars;
}

function maximum(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
