/** Phases: the compile time of a node as one thin bar, with the times in a legend below. */

import { formatDuration } from "../format";
import type { Overview } from "../host";

/** Render the phases; the legend says in words all that the bar shows. */
export function Phases({ phases }: { phases: Overview["phases"] }) {
  const spent = phases.filter((phase) => phase.us > 0);
  const total = spent.reduce((sum, phase) => sum + phase.us, 0);
  if (!total) return null;
  return (
    <section class="mc-phases">
      <h3>Compile time <span>{formatDuration(total)}</span></h3>
      <div class="mc-phases-bar" aria-hidden="true">
        {spent.map((phase) => (
          <i
            key={phase.phase}
            class={`mc-phase-${phase.phase}`}
            style={{ flexGrow: phase.us }}
            title={`${phase.title} ${formatDuration(phase.us)}`}
          />
        ))}
      </div>
      <ul class="mc-legend">
        {spent.map((phase) => (
          <li key={phase.phase}>
            <i class={`mc-key mc-phase-${phase.phase}`} />
            {phase.title} <b>{formatDuration(phase.us)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
