/** Findings: failures, graph breaks, recompiles and refusals as callouts, each with what to do next. */

import { Inline } from "../code";
import type { Finding } from "../host";

/** Render findings, the text first, the advice below it, torch's own words folded. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <>
      {findings.map((finding, at) => (
        <section key={at} class={`mc-finding mc-tone-${finding.tone}`}>
          <p>
            <strong>{finding.title}</strong> <Inline text={finding.text} />
          </p>
          {finding.advice && <p class="mc-finding-advice"><Inline text={finding.advice} /></p>}
          {finding.more && (
            <details>
              <summary>Torch's own text</summary>
              <pre>{finding.more}</pre>
            </details>
          )}
        </section>
      ))}
    </>
  );
}
