/** Doubts: why a bundle was not loaded yet. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { Inline } from "../code";

const ADVICE =
  "Load it only if you know who made it. Or list that person's key with `megacache trust`, and have it signed.";

/** Render the doubts, and take the focus from the button, so that a second press of Enter says nothing. */
export function Doubts({ doubts }: { doubts: readonly string[] }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current!.focus(), []);
  return (
    <div class="mc-doubts" role="group" aria-label="Why it was not loaded" tabIndex={-1} ref={box}>
      <ul>{doubts.map((doubt) => <li key={doubt}><Inline text={doubt} /></li>)}</ul>
      <p class="mc-note"><Inline text={ADVICE} /></p>
    </div>
  );
}
