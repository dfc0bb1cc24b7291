/** Tabs: a row of tabs with one panel below, after the WAI-ARIA pattern with roving focus. */

import type { ComponentChildren, Ref } from "preact";
import { useRef } from "preact/hooks";

import { formatCount } from "../format";
import { useOwnId } from "../ids";

/** One tab; an empty one keeps its place and cannot be chosen. */
export interface Tab {
  readonly id: string;
  readonly title: string;
  readonly count?: number | undefined;
  readonly isEmpty?: boolean;
}

/** As wide as a digit. */
const FIGURE_SPACE = "\u2007";

interface Props {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
  readonly panelRef?: Ref<HTMLDivElement>;
  readonly children: ComponentChildren;
}

/** Render the row and the panel of the chosen tab. */
export function Tabs({ label, tabs, chosen, onChoose, panelRef, children }: Props) {
  const base = useOwnId();
  const row = useRef<HTMLDivElement>(null);

  function onKeyDown(event: KeyboardEvent): void {
    const next = neighbour(tabs, chosen, event.key);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(next.id);
    row.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  }

  return (
    <div class="mc-tabs">
      <div class="mc-tabs-top" role="tablist" aria-label={label} ref={row} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            class="mc-tab"
            id={`${base}-${tab.id}`}
            data-tab={tab.id}
            aria-selected={tab.id === chosen}
            aria-disabled={tab.isEmpty ? true : undefined}
            aria-controls={tab.id === chosen ? `${base}-panel` : undefined}
            tabIndex={tab.id === chosen ? 0 : -1}
            onClick={() => tab.isEmpty || onChoose(tab.id)}
          >
            <span class="mc-tab-title" data-text={tab.title}>{tab.title}</span>
            {"count" in tab && <>{" "}<span class="mc-tab-count">{countOf(tab)}</span></>}
          </button>
        ))}
      </div>
      <div
        class="mc-panel"
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-${chosen}`}
        tabIndex={0}
        ref={panelRef ?? null}
      >
        {children}
      </div>
    </div>
  );
}

/** Return the count; one of one digit, or none, takes the room of two, so that nothing moves. */
function countOf({ count }: Tab): string {
  return (count ? formatCount(count) : "").padEnd(2, FIGURE_SPACE);
}

/** Return the tab that a key leads to; the row is a ring, and empty tabs are passed over. */
function neighbour(tabs: readonly Tab[], chosen: string, key: string): Tab | undefined {
  const open = tabs.filter((tab) => !tab.isEmpty);
  const at = open.findIndex((tab) => tab.id === chosen);
  switch (key) {
    case "ArrowRight":
      return open[(at + 1) % open.length];
    case "ArrowLeft":
      return open[(at - 1 + open.length) % open.length];
    case "Home":
      return open[0];
    case "End":
      return open[open.length - 1];
    default:
      return undefined;
  }
}
