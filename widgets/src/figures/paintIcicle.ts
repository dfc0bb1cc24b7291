/** Paint an icicle: each cell below the one that holds it, down to those that would be thinner than half a pixel. */

import type { TreeModel } from "../tree/model";
import { type Cell, CELL, type Measure } from "./cells";
import { inkOn } from "./palette";
import { fitted, SMALL } from "./lettering";
import type { Sheet } from "./Stage";

/** What is painted: `top` fills the whole width. */
export interface IciclePicture {
  readonly tree: TreeModel;
  readonly by: Measure;
  readonly top: Cell;
  readonly marked: Cell | undefined;
  readonly hovered: Cell | undefined;
  readonly amountText: (cell: Cell) => string;
}

const THINNEST = 0.5;

/** Paint what is seen of a picture. */
export function paintIcicle(sheet: Sheet, picture: IciclePicture): void {
  const { top } = picture;
  sheet.context.font = SMALL;
  sheet.context.textBaseline = "middle";
  paintBelow(sheet, picture, top, sheet.width / (top.x1 - top.x0));
  for (const cell of [picture.marked, picture.hovered]) {
    if (cell) outline(sheet, picture, cell);
  }
}

function paintBelow(sheet: Sheet, picture: IciclePicture, cell: Cell, scale: number): void {
  const y = (cell.depth - picture.top.depth) * CELL - sheet.top;
  if (y > sheet.height) return;
  if (y > -CELL) paintCell(sheet, picture, cell, (cell.x0 - picture.top.x0) * scale, y, (cell.x1 - cell.x0) * scale);
  for (const child of cell.children ?? []) {
    if ((child.x1 - child.x0) * scale >= THINNEST) paintBelow(sheet, picture, child, scale);
  }
}

function paintCell(sheet: Sheet, picture: IciclePicture, cell: Cell, x: number, y: number, width: number): void {
  const { context, colour } = sheet;
  const fill = colour(...colourOf(picture, cell));
  // A gap on the right and below tells cells apart, as long as there is room for one.
  const gap = width > 3 ? 1 : 0;
  context.fillStyle = fill;
  context.fillRect(x, y, width - gap, CELL - 1);
  if (width < 28) return;
  const name = nameOf(picture.tree, cell.data);
  const amount = picture.amountText(cell);
  const both = `${name}  ${amount}`;
  context.fillStyle = inkOn(fill);
  context.fillText(context.measureText(both).width < width - 10 ? both : fitted(context, name, width - 10), x + 5, y + CELL / 2);
}

function colourOf({ tree, by }: IciclePicture, { data: place }: Cell): [name: string, fallback: string] {
  if (place < 0) return ["kind-session", "kind-other"];
  const isTyped = by === "bytes" && tree.kindOf(place) === "artifact";
  return [isTyped ? `type-${tree.labelOf(place)}` : `kind-${tree.kindOf(place)}`, "kind-other"];
}

/** Return what a node is called in one line. */
export function nameOf(tree: TreeModel, place: number): string {
  if (place < 0) return "all";
  return `${tree.labelOf(place)} ${tree.nameOf(place)}`.trimStart();
}

function outline({ context, colour, width, top }: Sheet, picture: IciclePicture, cell: Cell): void {
  const scale = width / (picture.top.x1 - picture.top.x0);
  const left = Math.max(0, (cell.x0 - picture.top.x0) * scale);
  const right = Math.min(width, (cell.x1 - picture.top.x0) * scale);
  if (cell.depth < picture.top.depth || right < left) return;
  context.strokeStyle = colour("text");
  context.lineWidth = 2;
  context.strokeRect(left + 1, (cell.depth - picture.top.depth) * CELL - top + 1, Math.max(1, right - left - 3), CELL - 3);
}
