/** Overview: the first tab: what was found, where the time went, facts, and what became of the artifacts. */

import { formatBytes, formatCount } from "../format";
import type { NodeDetail, Overview as OverviewOfNode } from "../host";
import { State } from "../states";
import { Findings } from "./Findings";
import { Phases } from "./Phases";

/** Render the overview of a node. */
export function Overview({ node }: { node: NodeDetail }) {
  const { findings, phases, facts, states } = node.overview;
  return (
    <div class="mc-overview">
      <Heading node={node} />
      <Findings findings={findings} />
      <Phases phases={phases} />
      {facts.length > 0 && <Facts facts={facts} />}
      {states.length > 0 && <States states={states} />}
    </div>
  );
}

function Heading({ node }: { node: NodeDetail }) {
  return (
    <header class="mc-overview-head">
      <h2>
        {node.label && <span class="mc-quiet">{node.label} </span>}
        {node.name}
      </h2>
      <State word={node.state} />
      {node.detail && <p>{node.detail}</p>}
    </header>
  );
}

function Facts({ facts }: { facts: OverviewOfNode["facts"] }) {
  return (
    <dl class="mc-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function States({ states }: { states: OverviewOfNode["states"] }) {
  return (
    <section>
      <h3>Artifacts by state</h3>
      <table class="mc-table">
        <thead>
          <tr>
            <th scope="col">state</th>
            <th scope="col" class="mc-number">artifacts</th>
            <th scope="col" class="mc-number">bytes</th>
          </tr>
        </thead>
        <tbody>
          {states.map((each) => (
            <tr key={each.state}>
              <td>{each.state ? <State word={each.state} /> : "not looked up"}</td>
              <td class="mc-number">{formatCount(each.count)}</td>
              <td class="mc-number">{formatBytes(each.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
