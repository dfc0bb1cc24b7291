/** Timeline: when each compile, or each thread, was in which phase; it zooms, pans and selects. */

import { useLayoutEffect, useMemo, useState } from "preact/hooks";

import { Choice } from "../detail/Choice";
import { count, formatDuration } from "../format";
import type { TimelinePart } from "../host";
import type { TreeModel } from "../tree/model";
import { AXIS, barAt, laid, type Lanes, momentAt, rowAt, type Track } from "./lanes";
import { paintTimeline } from "./paintTimeline";
import { type Bar, compileRows, type Row, type Rows, threadRows } from "./spans";
import { type Point, Stage } from "./Stage";
import { TimelineTable } from "./TimelineTable";
import { panned, type View, zoomed } from "./view";

interface Props {
  readonly part: TimelinePart;
  readonly tree: TreeModel | null;
  readonly selected: number | null;
  readonly onSelect: (id: number) => void;
}

const HELP =
  "Left and right move through time, plus and minus zoom, 0 shows all. " +
  "Up and down go from row to row, Enter selects a row in the tree.";
const STEP = 1.5;

/** Render the timeline of a recording. */
export function Timeline({ part, tree, selected, onSelect }: Props) {
  const [by, setBy] = useState<Rows>("compiles");
  const lanes = useMemo(() => laid(by === "compiles" ? compileRows(part) : threadRows(part)), [part, by]);
  const { view, zoom, pan, showAll } = useView(Math.max(1, part.durationUs));
  const [row, setRow] = useRow(lanes, tree, selected);
  const [hovered, setHovered] = useState<Point | null>(null);
  const left = useMemo(() => labelWidth(lanes.rows), [lanes]);
  const trackOf = (width: number): Track => ({ left, width: Math.max(40, width - left - 12) });
  const met = hovered ? meet(lanes, view, trackOf(hovered.width), hovered) : {};

  function select(at: number): void {
    if (at < 0) return;
    setRow(at);
    const id = lanes.rows[at]?.id ?? null;
    if (id !== null) onSelect(id);
  }

  function onKey(key: string): boolean {
    const middle = (view.from + view.to) / 2;
    if (key === "ArrowLeft") pan(-0.2);
    else if (key === "ArrowRight") pan(0.2);
    else if (key === "+" || key === "=") zoom(STEP, middle);
    else if (key === "-") zoom(1 / STEP, middle);
    else if (key === "0" || key === "Escape") showAll();
    else if (key === "ArrowUp") setRow(Math.max(0, row - 1));
    else if (key === "ArrowDown") setRow(Math.min(lanes.rows.length - 1, row + 1));
    else if (key === "Enter") select(row);
    else return false;
    return true;
  }

  if (!part.spans.startUs.length) return <p class="mc-empty">No times were recorded. Run a cell that compiles something.</p>;
  const current = lanes.rows[row];
  return (
    <div class="mc-figure">
      <div class="mc-tools">
        <Legend part={part} />
        <Choice label="Rows" options={[["compiles", "Compiles"], ["threads", "Threads"]]} chosen={by} onChoose={setBy} />
        <ZoomButtons onZoom={(factor) => zoom(factor, (view.from + view.to) / 2)} onAll={showAll} />
      </div>
      <Stage
        name="Timeline"
        summary={summary(part, lanes.rows)}
        help={HELP}
        contentHeight={lanes.height}
        paint={(sheet) =>
          paintTimeline(sheet, {
            part, lanes, view, track: trackOf(sheet.width), selected: row, hovered: met.bar, hasNames: by === "threads",
          })
        }
        onHover={setHovered}
        onClick={(point) => select(rowAt(lanes, point.y))}
        onKey={onKey}
        onDrag={(share, width) => pan((-share * width) / trackOf(width).width)}
        onZoom={(factor, x, width) => zoom(factor, momentAt(view, trackOf(width), x))}
        seen={current && [(lanes.tops[row] ?? 0) - AXIS, lanes.tops[row + 1] ?? lanes.height]}
        hovered={hovered}
        tip={met.row && <Tip part={part} row={met.row} bar={met.bar} />}
      />
      <p class="mc-spoken" role="status">{current && `${current.label} ${current.title}`}</p>
      {by === "compiles" && <TimelineTable part={part} rows={lanes.rows} />}
    </div>
  );
}

/** The part of the time that is seen; as long as nobody zooms, all of it, however it grows. */
function useView(wholeUs: number) {
  const [chosen, setChosen] = useState<View | null>(null);
  const view = chosen ?? { from: 0, to: wholeUs };
  return {
    view,
    zoom: (factor: number, at: number) => setChosen(unlessAll(zoomed(view, factor, at, wholeUs), wholeUs)),
    pan: (share: number) => setChosen(unlessAll(panned(view, share, wholeUs), wholeUs)),
    showAll: () => setChosen(null),
  };
}

function unlessAll(view: View, wholeUs: number): View | null {
  return view.to - view.from >= wholeUs ? null : view;
}

/** The row that is marked: the one that was gone to, until another node is selected in the tree. */
function useRow(lanes: Lanes, tree: TreeModel | null, selected: number | null) {
  const [goneTo, setGoneTo] = useState(-1);
  const ofTree = useMemo(() => rowOfNode(lanes.rows, tree, selected), [lanes, tree, selected]);
  useLayoutEffect(() => setGoneTo(-1), [selected, lanes.rows.length]);
  return [goneTo >= 0 ? goneTo : ofTree, setGoneTo] as const;
}

/** Return the row of a node, or of the nearest one above it that has a row. */
function rowOfNode(rows: readonly Row[], tree: TreeModel | null, id: number | null): number {
  if (!tree || id === null) return -1;
  const places = new Map(rows.map((row, at) => [row.id, at]));
  const place = tree.placeOf(id);
  if (place < 0) return -1;
  const node = [place, ...tree.ancestors(place)].find((each) => places.has(tree.id[each]!));
  return node === undefined ? -1 : places.get(tree.id[node]!)!;
}

function meet(lanes: Lanes, view: View, track: Track, point: Point): { row?: Row; bar?: Bar | undefined } {
  const at = rowAt(lanes, point.y);
  const row = lanes.rows[at];
  return row ? { row, bar: barAt(row, lanes.tops[at]!, view, track, point.x, point.y) } : {};
}

function labelWidth(rows: readonly Row[]): number {
  const longest = rows.reduce((most, row) => Math.max(most, row.label.length), 0);
  return Math.min(200, Math.max(72, 30 + longest * 6.8));
}

function summary(part: TimelinePart, rows: readonly Row[]): string {
  return `Timeline of ${count(rows.length, "row")} over ${formatDuration(part.durationUs)}`;
}

function Legend({ part }: { part: TimelinePart }) {
  const used = useMemo(() => new Set(part.spans.phase), [part]);
  return (
    <ul class="mc-legend">
      {part.phases.map(({ phase, title }, at) => used.has(at) && (
        <li key={phase}><i class={`mc-key mc-phase-${phase}`} />{title}</li>
      ))}
    </ul>
  );
}

function ZoomButtons({ onZoom, onAll }: { onZoom: (factor: number) => void; onAll: () => void }) {
  return (
    <span class="mc-buttons">
      <button type="button" class="mc-button" aria-label="Zoom out" onClick={() => onZoom(1 / STEP)}>−</button>
      <button type="button" class="mc-button" aria-label="Zoom in" onClick={() => onZoom(STEP)}>+</button>
      <button type="button" class="mc-button" onClick={onAll}>All</button>
    </span>
  );
}

function Tip({ part, row, bar }: { part: TimelinePart; row: Row; bar: Bar | undefined }) {
  const name = bar && row.levels > 1 ? part.spans.name[bar.span] : "";
  return (
    <>
      {bar && (
        <p>
          <i class={`mc-key mc-phase-${part.phases[bar.phase]?.phase ?? "other"}`} />
          {part.phases[bar.phase]?.title} <b>{formatDuration(bar.end - bar.start)}</b>
        </p>
      )}
      {name && <p>{name}</p>}
      <p>{row.label} <span class="mc-quiet">{row.title}</span></p>
      {bar && <p class="mc-quiet">from {formatDuration(bar.start)} to {formatDuration(bar.end)}</p>}
    </>
  );
}
