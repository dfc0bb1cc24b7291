/** View: the part of the time axis that is seen, and how zooming and panning change it. */

/** From where to where, in microseconds. */
export interface View {
  readonly from: number;
  readonly to: number;
}

/** No closer than this: spans are whole microseconds. */
const SHORTEST_US = 20;

/** Return a view that shows `1 / factor` of the time, with the moment `at` where it was, inside the whole. */
export function zoomed(view: View, factor: number, at: number, wholeUs: number): View {
  const length = clamp((view.to - view.from) / factor, Math.min(SHORTEST_US, wholeUs), wholeUs);
  const share = (at - view.from) / (view.to - view.from);
  return within(at - share * length, length, wholeUs);
}

/** Return a view that begins later by a share of its own length, or earlier, inside the whole. */
export function panned(view: View, share: number, wholeUs: number): View {
  const length = view.to - view.from;
  return within(view.from + share * length, length, wholeUs);
}

function within(from: number, length: number, wholeUs: number): View {
  const start = clamp(from, 0, wholeUs - length);
  return { from: start, to: start + length };
}

/** Return round moments of a view for the axis, at most `count` of them, and the step between two. */
export function ticks(view: View, count: number): { readonly step: number; readonly at: number[] } {
  const rough = (view.to - view.from) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => power * times >= rough) ?? 10);
  const at: number[] = [];
  for (let tick = Math.ceil(view.from / step) * step; tick <= view.to; tick += step) at.push(tick);
  return { step, at };
}

/** Write a moment of the axis with as many digits as the step needs: `1.25 s`, `340 ms`, `20 µs`. */
export function tickText(us: number, step: number): string {
  const [unit, name] = step >= 100_000 ? [1e6, "s"] : step >= 100 ? [1e3, "ms"] : [1, "µs"];
  const digits = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  return `${(us / unit).toFixed(digits)} ${name}`;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
