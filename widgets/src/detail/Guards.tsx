/** Guards: the conditions for using a guarded code, kept and dropped, with a filter; those that failed stand on top. */

import { useMemo, useState } from "preact/hooks";

import { formatCount } from "../format";
import type { GuardRow, GuardsPart, GuardsReference } from "../host";
import { Blocks } from "./Blocks";
import { Breakable } from "./Breakable";
import { Choice } from "./Choice";
import { type GuardFilter, guardTypes, shownGuards } from "./guardFilter";
import { type Shelf, usePart } from "./shelf";
import { Shown } from "./Shown";

const EVERYTHING: GuardFilter = { keeping: "all", type: "", text: "" };

/** Render the guards of one compile; where a node has several, a choice of them. */
export function Guards({ shelf, references }: { shelf: Shelf; references: readonly GuardsReference[] }) {
  const [wanted, setWanted] = useState("");
  const chosen = references.find((each) => each.name === wanted) ?? references[0]!;
  const answer = usePart(shelf, "guards", chosen.name);
  return (
    <div class="mc-filling">
      {references.length > 1 && (
        <label class="mc-pick">
          Compile{" "}
          <select class="mc-select" value={chosen.name} onChange={(event) => setWanted(event.currentTarget.value)}>
            {references.map((each) => <option key={each.name} value={each.name}>{referenceText(each)}</option>)}
          </select>
        </label>
      )}
      <Shown answer={answer} what="the guards">{(part) => <GuardList key={chosen.name} part={part} />}</Shown>
    </div>
  );
}

function referenceText({ compileId, kept, dropped }: GuardsReference): string {
  return [compileId, kept !== null && `${formatCount(kept)} kept`, dropped > 0 && `${formatCount(dropped)} dropped`]
    .filter(Boolean)
    .join(" · ");
}

function GuardList({ part }: { part: GuardsPart }) {
  const [filter, setFilter] = useState(EVERYTHING);
  const shown = useMemo(() => shownGuards(part.rows, filter), [part, filter]);
  if (part.rows.length === 0) return <p class="mc-empty">This compile has no guards.</p>;
  return (
    <>
      <Filter rows={part.rows} filter={filter} onChange={setFilter} />
      <p class="mc-spoken" role="status">{formatCount(shown.length)} of {formatCount(part.rows.length)} guards</p>
      {shown.length > 0 ? (
        <Blocks label="Guards" items={shown} rowHeight={58}>{(row) => <Guard row={row} />}</Blocks>
      ) : (
        <p class="mc-empty">
          No guard matches.{" "}
          <button type="button" class="mc-link" onClick={() => setFilter(EVERYTHING)}>Show all</button>
        </p>
      )}
    </>
  );
}

function Filter({ rows, filter, onChange }: {
  rows: readonly GuardRow[];
  filter: GuardFilter;
  onChange: (filter: GuardFilter) => void;
}) {
  const types = useMemo(() => guardTypes(rows), [rows]);
  const dropped = rows.filter((row) => row.isDropped).length;
  return (
    <div class="mc-tools">
      <input
        class="mc-input"
        type="search"
        placeholder="Filter guards…"
        aria-label="Filter guards by text"
        value={filter.text}
        onInput={(event) => onChange({ ...filter, text: event.currentTarget.value })}
      />
      <select
        class="mc-select"
        aria-label="Type of guard"
        value={filter.type}
        onChange={(event) => onChange({ ...filter, type: event.currentTarget.value })}
      >
        <option value="">All types</option>
        {types.map(([type, count]) => <option key={type} value={type}>{type} {formatCount(count)}</option>)}
      </select>
      <Choice
        label="Kept or dropped"
        options={[
          ["all", `All ${formatCount(rows.length)}`],
          ["kept", `Kept ${formatCount(rows.length - dropped)}`],
          ["dropped", `Dropped ${formatCount(dropped)}`],
        ]}
        chosen={filter.keeping}
        onChoose={(keeping) => onChange({ ...filter, keeping })}
      />
    </div>
  );
}

function Guard({ row }: { row: GuardRow }) {
  const origin = [row.line && <code key="line">{row.line}</code>, row.location].filter(Boolean);
  return (
    <div class={`mc-guard${row.failedIn ? " mc-guard-failed" : ""}`}>
      <code><Breakable text={row.expression || row.source} /></code>
      <span class="mc-guard-type">{row.type}</span>
      {origin.length > 0 && <span class="mc-guard-origin">{origin[0]} {origin[1]}</span>}
      {row.failedIn && <span class="mc-guard-state mc-tone-caution">failed in {row.failedIn}</span>}
      {row.isDropped && (
        <span class="mc-guard-state mc-tone-quiet">dropped{row.dropReason && `: ${row.dropReason}`}</span>
      )}
    </div>
  );
}
