/** Search bar: the search field, what it found, and chips that narrow and order the tree. */

import type { ComponentChildren } from "preact";

import { count, formatCount } from "../format";
import type { TreeView } from "./view";

const HINT = "Words, and type:, state: or reason: to narrow: type:inductor state:miss reason:size";

/** Render the bar of a view. */
export function SearchBar({ view }: { view: TreeView }) {
  return (
    <div class="mc-search" role="search">
      <Field view={view} />
      <Problems view={view} />
      <Chip isOn={view.order.value === "time"} title="Longest first" onClick={() => view.orderBy("time")}>Time</Chip>
      <Chip isOn={view.order.value === "bytes"} title="Largest first" onClick={() => view.orderBy("bytes")}>Bytes</Chip>
    </div>
  );
}

function Field({ view }: { view: TreeView }) {
  const found = view.found.value;
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === "Enter") view.selectHit(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && view.text.value) view.search("");
    else if (event.key === "ArrowDown") treeBeside(event.currentTarget as HTMLElement)?.focus();
    else return;
    event.preventDefault();
  }

  return (
    <span class="mc-search-field">
      <input
        type="search"
        class="mc-input"
        placeholder="Search names, guards, keys…"
        aria-label="Search the tree"
        title={HINT}
        spellcheck={false}
        autocomplete="off"
        value={view.text.value}
        onInput={(event) => view.search(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <span class="mc-search-count" aria-hidden="true">{found && formatCount(found.count)}</span>
      <span class="mc-spoken" role="status">{found && `${count(found.count, "line")} found`}</span>
    </span>
  );
}

function Problems({ view }: { view: TreeView }) {
  const problems = view.problems.value;
  const isOn = view.onlyProblems.value;
  return (
    <Chip
      isOn={isOn}
      isEmpty={!problems && !isOn}
      title={problems ? "Show only graph breaks, recompiles, and what failed or was refused" : "No graph break, no recompile, nothing failed or was refused"}
      onClick={() => view.showProblems(!isOn)}
    >
      Problems {formatCount(problems)}
    </Chip>
  );
}

function Chip({ isOn, isEmpty = false, title, onClick, children }: {
  isOn: boolean;
  isEmpty?: boolean;
  title: string;
  onClick: () => void;
  children: ComponentChildren;
}) {
  return (
    <button type="button" class="mc-chip" aria-pressed={isOn} aria-disabled={isEmpty} title={title} onClick={() => isEmpty || onClick()}>
      {children}
    </button>
  );
}

function treeBeside(field: HTMLElement): HTMLElement | null | undefined {
  return field.closest(".mc-tree-pane")?.querySelector<HTMLElement>('[role="tree"]');
}
