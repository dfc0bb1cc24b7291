/** Icicle: where time or bytes went, down the tree; a click zooms in, the crumbs above lead back. */

import { useMemo, useState } from "preact/hooks";

import { formatBytes, formatDuration } from "../format";
import type { TreeModel } from "../tree/model";
import { type Cell, CELL, cellAt, cellBeside, cellOf, icicle, type Measure } from "./cells";
import { IcicleTable } from "./IcicleTable";
import { nameOf, paintIcicle } from "./paintIcicle";
import { type Point, Stage } from "./Stage";

interface Props {
  readonly tree: TreeModel;
  readonly by: Measure;
  readonly selected: number | null;
  readonly onSelect: (id: number) => void;
}

const HELP =
  "Arrow keys go from cell to cell, Enter zooms into a cell and selects it in the tree, Escape or Backspace goes back out.";

const EMPTY = {
  time: "No compile time was recorded. Run a cell that compiles something.",
  bytes: "No artifact with a known size was recorded. Run a cell that compiles something.",
};

/** Render an icicle of the whole tree. */
export function Icicle({ tree, by, selected, onSelect }: Props) {
  const root = useMemo(() => icicle(tree, by), [tree, by]);
  const [topId, setTopId] = useState<number | null>(null);
  const [cursorId, setCursorId] = useState<number | null>(null);
  const [hovered, setHovered] = useState<Point | null>(null);
  const top = useMemo(() => cellOf(root, tree, topId) ?? root, [root, tree, topId]);
  const cursor = useMemo(() => cellOf(root, tree, cursorId ?? selected), [root, tree, cursorId, selected]);
  const met = hovered ? cellAt(top, hovered.x / hovered.width, Math.floor(hovered.y / CELL)) : undefined;
  const amountText = useMemo(() => amounts(tree, by), [tree, by]);
  const idOf = (cell: Cell): number | null => (cell.data < 0 ? null : tree.id[cell.data]!);

  /** Select a cell and, if there is anything in it, zoom into it. */
  function zoom(cell: Cell): void {
    const id = idOf(cell);
    if (cell.children) setTopId(id);
    setCursorId(id);
    if (id !== null) onSelect(id);
  }

  function back(): void {
    if (top.parent) zoom(top.parent);
  }

  function onKey(key: string): boolean {
    if (key === "Escape" || key === "Backspace") back();
    else if (key === "Enter") zoom(cursor ?? top);
    else if (key.startsWith("Arrow")) {
      const next = cellBeside(cursor ?? top, key);
      if (next) setCursorId(idOf(next));
    } else return false;
    return true;
  }

  if (!root.value) return <p class="mc-empty">{EMPTY[by]}</p>;
  return (
    <div class="mc-figure">
      <Crumbs tree={tree} cells={top.ancestors().reverse()} amountText={amountText} onZoom={zoom} />
      <Stage
        name={by === "time" ? "Time down the tree" : "Bytes down the tree"}
        summary={`${nameOf(tree, top.data)}, ${amountText(top)}, in ${top.children?.length ?? 0} parts`}
        help={HELP}
        contentHeight={(top.height + 1) * CELL}
        paint={(sheet) => paintIcicle(sheet, { tree, by, top, marked: cursor, hovered: met, amountText })}
        onHover={setHovered}
        onClick={(point) => {
          const cell = cellAt(top, point.x / point.width, Math.floor(point.y / CELL));
          if (cell) zoom(cell === top ? (top.parent ?? top) : cell);
        }}
        onKey={onKey}
        seen={cursor && [(cursor.depth - top.depth) * CELL, (cursor.depth - top.depth + 1) * CELL]}
        hovered={hovered}
        tip={met && <Tip tree={tree} cell={met} root={root} amount={amountText(met)} />}
      />
      <p class="mc-spoken" role="status">{cursor && `${nameOf(tree, cursor.data)} ${amountText(cursor)}`}</p>
      <IcicleTable tree={tree} top={top} amountText={amountText} />
    </div>
  );
}

/** Return what writes the amount of a cell: what the tree says, or for the whole the sum of its parts. */
function amounts(tree: TreeModel, by: Measure): (cell: Cell) => string {
  const [column, write] = by === "time" ? [tree.duration, formatDuration] : [tree.size, formatBytes];
  return (cell) => write(cell.data < 0 ? (cell.value ?? 0) : column[cell.data]!);
}

function Crumbs({ tree, cells, amountText, onZoom }: {
  tree: TreeModel;
  cells: readonly Cell[];
  amountText: (cell: Cell) => string;
  onZoom: (cell: Cell) => void;
}) {
  const last = cells.length - 1;
  return (
    <nav class="mc-crumbs" aria-label="Zoomed into">
      <ol>
        {cells.map((cell, at) => (
          <li key={cell.data}>
            {at < last ? (
              <button type="button" class="mc-link" onClick={() => onZoom(cell)}>{nameOf(tree, cell.data)}</button>
            ) : (
              <span aria-current="true">{nameOf(tree, cell.data)} <b>{amountText(cell)}</b></span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Tip({ tree, cell, root, amount }: { tree: TreeModel; cell: Cell; root: Cell; amount: string }) {
  const share = (100 * (cell.value ?? 0)) / (root.value ?? 1);
  const detail = cell.data < 0 ? "" : tree.detailOf(cell.data);
  return (
    <>
      <p>{nameOf(tree, cell.data)} <b>{amount}</b></p>
      {detail && <p class="mc-quiet">{detail}</p>}
      <p class="mc-quiet">{share.toFixed(share < 10 ? 1 : 0)} % of all</p>
    </>
  );
}
