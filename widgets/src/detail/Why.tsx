/** Why: for each lookup the verdict, the reason, and how its key differs from the nearest one that was stored. */

import { Inline } from "../code";
import type { Why } from "../host";
import { State } from "../states";
import { Blocks } from "./Blocks";
import { Breakable } from "./Breakable";
import { type Cut, cuts } from "./keyDifference";

/** Render why each lookup of a node was served or not. */
export function WhyList({ lookups }: { lookups: readonly Why[] }) {
  return <Blocks label="Lookups" items={lookups} rowHeight={96}>{(why) => <Lookup why={why} />}</Blocks>;
}

function Lookup({ why }: { why: Why }) {
  return (
    <article class="mc-why">
      <h3><State word={why.verdict} /> {why.type} <code>{why.key}</code></h3>
      {why.reason && <p><Inline text={why.reason} /></p>}
      {why.nearestKey && <p class="mc-quiet">The nearest stored key is <code>{why.nearestKey}</code></p>}
      {why.differences.length > 0 && <Differences differences={why.differences} />}
    </article>
  );
}

function Differences({ differences }: { differences: Why["differences"] }) {
  return (
    <table class="mc-difference">
      <thead>
        <tr><th scope="col">component</th><th scope="col">stored</th><th scope="col">now</th></tr>
      </thead>
      <tbody>
        {differences.map((each) => {
          const [now, then] = cuts(each.now, each.then);
          return (
            <tr key={each.name}>
              <th scope="row"><Breakable text={each.name} /></th>
              <td class="mc-difference-then"><Side cut={then} /></td>
              <td class="mc-difference-now"><Side cut={now} /></td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Side({ cut: [head, own, tail] }: { cut: Cut }) {
  if (!head && !own && !tail) return <span class="mc-quiet">absent</span>;
  return (
    <code>
      <Breakable text={head} />
      {own && <mark><Breakable text={own} /></mark>}
      <Breakable text={tail} />
    </code>
  );
}
