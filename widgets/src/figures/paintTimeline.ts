/** Paint the timeline: an axis, labels on the left, and bars in the colours of their phases. */

import { formatDuration } from "../format";
import type { TimelinePart } from "../host";
import { AXIS, BAR, barTop, type Lanes, PITCH, type Track } from "./lanes";
import { fitted, LARGE, SMALL } from "./lettering";
import { inkOn } from "./palette";
import type { Bar, Row } from "./spans";
import type { Sheet } from "./Stage";
import { tickText, ticks, type View } from "./view";

/** What is painted. */
export interface Picture {
  readonly part: TimelinePart;
  readonly lanes: Lanes;
  readonly view: View;
  readonly track: Track;
  readonly selected: number;
  readonly hovered: Bar | undefined;
  /** Whether bars are named after their spans, or else after their phases. */
  readonly hasNames: boolean;
}

/** Paint what is seen of a picture. */
export function paintTimeline(sheet: Sheet, picture: Picture): void {
  const { context, height, top } = sheet;
  const { rows, tops } = picture.lanes;
  paintGrid(sheet, picture);
  context.save();
  context.beginPath();
  context.rect(0, AXIS, sheet.width, height - AXIS);
  context.clip();
  for (let at = 0; at < rows.length; at += 1) {
    const rowTop = tops[at]! - top;
    const rowEnd = (tops[at + 1] ?? picture.lanes.height) - top;
    if (rowEnd < AXIS) continue;
    if (rowTop > height) break;
    if (at === picture.selected) paintSelection(sheet, rowTop, rowEnd - rowTop);
    paintLabel(sheet, picture, rows[at]!, rowTop, at === picture.selected);
    paintBars(sheet, picture, rows[at]!, rowTop);
  }
  context.restore();
}

function paintGrid({ context, colour, height }: Sheet, { view, track }: Picture): void {
  const { step, at } = ticks(view, Math.floor(track.width / 90));
  context.font = SMALL;
  context.textBaseline = "middle";
  for (const tick of at) {
    const x = Math.round(track.left + ((tick - view.from) / (view.to - view.from)) * track.width) + 0.5;
    context.fillStyle = colour("line");
    context.fillRect(x - 0.5, AXIS - 4, 1, height);
    const text = tickText(tick, step);
    const isLast = x + context.measureText(text).width > track.left + track.width;
    context.textAlign = isLast ? "right" : "left";
    context.fillStyle = colour("text-second");
    context.fillText(text, isLast ? x - 3 : x, AXIS / 2 - 1);
  }
  context.textAlign = "left";
}

function paintSelection({ context, colour, width }: Sheet, top: number, height: number): void {
  context.fillStyle = colour("selected");
  context.fillRect(0, top, width, height);
  context.fillStyle = colour("accent");
  context.fillRect(0, top, 2, height);
}

function paintLabel({ context, colour }: Sheet, { track }: Picture, row: Row, top: number, isSelected: boolean): void {
  context.font = LARGE;
  context.textBaseline = "middle";
  context.fillStyle = colour(isSelected ? "text" : "text-second");
  context.fillText(fitted(context, row.label, track.left - 24), 12, top + PITCH / 2 + 0.5);
}

function paintBars(sheet: Sheet, picture: Picture, row: Row, top: number): void {
  const { view, track } = picture;
  const end = track.left + track.width;
  const acrossOf = (us: number) => track.left + ((us - view.from) / (view.to - view.from)) * track.width;
  // Bars that share a pixel are painted once; there may be a hundred thousand of them.
  const painted: number[] = [];
  for (let at = 0; at < row.bars.length; at += 1) {
    const bar = row.bars[at]!;
    const left = Math.max(track.left, acrossOf(bar.start));
    const right = Math.min(end, acrossOf(bar.end));
    if (right < track.left) continue;
    if (left > end) break;
    if (right - left < 1) {
      if (right <= (painted[bar.level] ?? 0)) continue;
      painted[bar.level] = Math.floor(left) + 1;
    }
    // Another thread may begin on top of a bar: its name must end there.
    const next = row.bars[at + 1];
    const free = next?.level === bar.level ? Math.min(right, acrossOf(next.start)) : right;
    paintBar(sheet, picture, bar, left, barTop(top, bar), right - left, free - left);
  }
}

function paintBar(sheet: Sheet, picture: Picture, bar: Bar, x: number, y: number, width: number, free: number): void {
  const { context, colour } = sheet;
  const fill = colour(`phase-${picture.part.phases[bar.phase]?.phase ?? "other"}`, "phase-other");
  // Half a pixel of ground tells neighbours apart.
  const drawn = Math.max(1, width > 3 ? width - 0.5 : width);
  context.fillStyle = fill;
  context.fillRect(x, y, drawn, BAR);
  if (bar === picture.hovered) outline(sheet, x, y, drawn);
  if (free > 28) paintName(sheet, namesOf(picture, bar), inkOn(fill), x, y, free);
}

function outline({ context, colour }: Sheet, x: number, y: number, width: number): void {
  context.strokeStyle = colour("text");
  context.lineWidth = 1.5;
  context.strokeRect(x + 0.75, y + 0.75, Math.max(1, width - 1.5), BAR - 1.5);
}

function paintName({ context }: Sheet, names: readonly string[], ink: string, x: number, y: number, width: number): void {
  context.font = SMALL;
  const name = names.find((each) => context.measureText(each).width < width - 8);
  if (!name) return;
  context.fillStyle = ink;
  context.fillText(name, x + 4, y + BAR / 2 + 0.5);
}

/** Return what a bar may be called, the longest first. */
function namesOf({ part, hasNames }: Picture, bar: Bar): string[] {
  const title = (hasNames && part.spans.name[bar.span]) || part.phases[bar.phase]?.title || "";
  return [`${title} ${formatDuration(bar.end - bar.start)}`, title];
}
