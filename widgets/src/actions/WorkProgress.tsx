/** Work progress: what is being done and how far it is. */

import { formatPercent } from "../format";
import type { Doing } from "./work";

/** Render the work in words, with a bar. */
export function WorkProgress({ now }: { now: Doing }) {
  const { done, total } = now.progress;
  const isKnown = total > 0;
  return (
    <span class="mc-progress">
      <span role="status">{now.what}…</span>
      <progress aria-label={now.what} {...(isKnown ? { value: done, max: total } : {})} />
      {isKnown && <span>{formatPercent(done, total)}</span>}
    </span>
  );
}
