/** Tree row: one line of the tree. */

import { formatBytes, formatDuration } from "../format";
import { Shape, State } from "../states";
import { frameColour } from "./frameColour";
import type { TreeModel } from "./model";
import type { Rows } from "./rows";
import { shareOf } from "./share";
import type { TreeView } from "./view";
import { LINE } from "./window";

/** Kinds that are called by words; the others are called by names from code. */
const WORDED = new Set(["session", "graph_break", "outside", "offered", "untied"]);

interface Props {
  readonly base: string;
  readonly view: TreeView;
  readonly tree: TreeModel;
  readonly rows: Rows;
  readonly line: number;
  readonly isSelected: boolean;
}

/** Return the id that a line has in the document. */
export function rowId(base: string, id: number): string {
  return `${base}-${id}`;
}

/**
 * Render a line; a click selects it, a click on its triangle opens or closes it.
 *
 * Its parts are parted by spaces: they are its name for who does not see its columns.
 */
export function TreeRow({ base, view, tree, rows, line, isSelected }: Props) {
  const place = rows.place[line]!;
  const isOpen = tree.hasChildren(place) ? view.isOpen(place) : undefined;
  return (
    <div
      class="mc-row"
      role="treeitem"
      id={rowId(base, tree.id[place]!)}
      aria-level={rows.level[line]}
      aria-setsize={rows.siblings[line]}
      aria-posinset={rows.position[line]}
      aria-expanded={isOpen}
      aria-selected={isSelected}
      style={{ top: `${line * LINE}px`, "--mc-level": rows.level[line]! - 1 }}
      onClick={() => view.select(tree.id[place]!)}
      onDblClick={() => view.toggle(place)}
    >
      <Name tree={tree} place={place} isOpen={isOpen} onTurn={() => view.toggle(place)} />{" "}
      <span class="mc-row-state"><State word={tree.stateOf(place)?.word ?? ""} /></span>{" "}
      <Amounts view={view} tree={tree} place={place} />
    </div>
  );
}

function Name({ tree, place, isOpen, onTurn }: {
  tree: TreeModel;
  place: number;
  isOpen: boolean | undefined;
  onTurn: () => void;
}) {
  const [label, name, detail, kind] = [tree.labelOf(place), tree.nameOf(place), tree.detailOf(place), tree.kindOf(place)];
  const Called = WORDED.has(kind) ? "b" : "code";
  return (
    <span class="mc-row-name" title={[label, name, detail].filter(Boolean).join(" ")}>
      <Turn isOpen={isOpen} onTurn={onTurn} />
      {kind === "frame" && <Swatch name={name} detail={detail} />}
      {kind === "graph_break" && <span class="mc-row-break"><Shape shape="▲" /></span>}
      {label && <><span class="mc-row-label">{label}</span>{" "}</>}
      <Called>{name}</Called>{" "}
      {detail && <span class="mc-row-detail">{detail}</span>}
    </span>
  );
}

/** The colour of a frame: it says nothing that the name does not, so that only the eye meets it. */
function Swatch({ name, detail }: { name: string; detail: string }) {
  const colour = frameColour(name, detail);
  return colour && <i class={`mc-swatch ${colour.isDeep ? "mc-swatch-deep" : ""}`} style={{ "--mc-hue": colour.hue }} />;
}

function Turn({ isOpen, onTurn }: { isOpen: boolean | undefined; onTurn: () => void }) {
  function onClick(event: MouseEvent): void {
    event.stopPropagation();
    onTurn();
  }

  if (isOpen === undefined) return <span class="mc-turn" />;
  return (
    <span class="mc-turn" onClick={onClick} onDblClick={(event) => event.stopPropagation()}>
      <svg class={isOpen ? "mc-turn-open" : ""} viewBox="0 0 10 10"><path d="M3 1.5l4.5 3.5L3 8.5z" /></svg>
    </span>
  );
}

function Amounts({ view, tree, place }: { view: TreeView; tree: TreeModel; place: number }) {
  const by = view.order.value === "bytes" ? "bytes" : "time";
  const share = shareOf(tree, by, place);
  return (
    <>
      <span class="mc-row-time">{formatDuration(tree.duration[place]!)}</span>{" "}
      <span class="mc-row-bytes">{formatBytes(tree.size[place]!)}</span>
      <span class="mc-share">{share > 0 && <i><i style={{ width: `${100 * share}%` }} /></i>}</span>
    </>
  );
}
