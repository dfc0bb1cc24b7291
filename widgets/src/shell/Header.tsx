/** Header: what is shown, in what surroundings it was recorded, and what can be done with it. */

import { ActionBar } from "../actions/ActionBar";
import type { Work } from "../actions/work";
import type { Summary } from "../host";

/** Render the header; without a summary, the place for one. */
export function Header({ summary, work }: { summary: Summary | undefined; work: Work }) {
  return (
    <header class="mc-header">
      <h1>{summary?.title ?? "megacache"}</h1>
      {summary?.isLive && <span class="mc-live">capturing</span>}
      <span class="mc-facts-line">{summary?.facts.join(" · ")}</span>
      <ActionBar work={work} summary={summary} />
    </header>
  );
}
