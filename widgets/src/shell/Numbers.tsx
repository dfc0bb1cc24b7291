/** Numbers: the six figures of a recording. */

import type { Summary } from "../host";

/** How many there are; while they are awaited, their places stay. */
const COUNT = 6;

/** Render the numbers, each with what it counts. */
export function Numbers({ figures }: { figures: Summary["figures"] }) {
  const places = Array.from({ length: Math.max(COUNT, figures.length) }, (_, at) => figures[at]);
  return (
    <dl class="mc-numbers">
      {places.map((figure, at) => (
        <div key={at}>
          <dt>{figure?.label ?? "\u00a0"}</dt>
          <dd>
            <b>{figure?.value ?? "–"}</b>
            {figure?.more && <span>{figure.more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
