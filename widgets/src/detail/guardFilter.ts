/** Guard filter: which are shown, in which order, and of which types they are. */

import type { GuardRow } from "../host";

/** Whether kept guards are shown, or dropped ones, or both. */
export type Keeping = "all" | "kept" | "dropped";

/** What of the guards is shown; an empty type or text lets all through. */
export interface GuardFilter {
  readonly keeping: Keeping;
  readonly type: string;
  readonly text: string;
}

/** Return the guards that pass a filter, those that failed first, else in torch's order. */
export function shownGuards(rows: readonly GuardRow[], filter: GuardFilter): GuardRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const passing = rows.filter(
    (row) =>
      (filter.keeping === "all" || row.isDropped === (filter.keeping === "dropped")) &&
      (!filter.type || row.type === filter.type) &&
      words.every((word) => textOf(row).includes(word)),
  );
  return [...passing.filter((row) => row.failedIn), ...passing.filter((row) => !row.failedIn)];
}

/** Return the types with their counts, the most frequent first. */
export function guardTypes(rows: readonly GuardRow[]): [type: string, count: number][] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.type, (counts.get(row.type) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
}

function textOf(row: GuardRow): string {
  return [row.type, row.expression, row.source, row.line, row.location, row.dropReason].join("\n").toLowerCase();
}
