/** Divider: the line between two panes, moved by dragging it or by the arrow keys. */

/** What a divider changes. */
export interface DividerMeasure {
  readonly value: number;
  readonly usual: number;
  readonly least: number;
  readonly most: number;
  readonly step: number;
  /** Percent of the panes together; or pixels of the pane behind the divider. */
  readonly unit: "percent" | "pixels";
  readonly set: (value: number) => void;
}

interface Props {
  readonly label: string;
  /** A vertical line stands between panes side by side. */
  readonly orientation: "vertical" | "horizontal";
  readonly measure: DividerMeasure;
}

/** Render a divider; a double click puts it back where it was at first. */
export function Divider({ label, orientation, measure }: Props) {
  const set = (value: number) => measure.set(Math.max(measure.least, Math.min(measure.most, value)));

  function onKeyDown(event: KeyboardEvent): void {
    const value = valueAfter(event.key, measure);
    if (value === null) return;
    event.preventDefault();
    set(value);
  }

  function onPointerDown(event: PointerEvent): void {
    const line = event.currentTarget as HTMLElement;
    line.setPointerCapture(event.pointerId);
    event.preventDefault();
    line.focus();
  }

  function onPointerMove(event: PointerEvent): void {
    const line = event.currentTarget as HTMLElement;
    if (line.hasPointerCapture(event.pointerId)) set(valueAt(event, line, orientation));
  }

  return (
    <div
      class={`mc-divider mc-divider-${orientation}`}
      role="separator"
      aria-label={label}
      aria-orientation={orientation}
      aria-valuenow={Math.round(measure.value)}
      aria-valuemin={measure.least}
      aria-valuemax={measure.most}
      aria-valuetext={`${Math.round(measure.value)} ${measure.unit}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onDblClick={() => set(measure.usual)}
    />
  );
}

function valueAfter(key: string, { value, step, least, most, unit }: DividerMeasure): number | null {
  // Up makes the pane below the line higher.
  const up = unit === "pixels" ? step : -step;
  switch (key) {
    case "ArrowLeft":
    case "ArrowUp":
      return value + up;
    case "ArrowRight":
    case "ArrowDown":
      return value - up;
    case "Home":
      return least;
    case "End":
      return most;
    default:
      return null;
  }
}

function valueAt(event: PointerEvent, line: HTMLElement, orientation: Props["orientation"]): number {
  if (orientation === "vertical") {
    const { left, width } = line.parentElement!.getBoundingClientRect();
    return (100 * (event.clientX - left)) / width;
  }
  return line.nextElementSibling!.getBoundingClientRect().bottom - event.clientY;
}
