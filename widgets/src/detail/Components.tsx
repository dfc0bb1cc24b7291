/** Components: what torch hashed into a cache key, one input of it per row. */

import { formatCount } from "../format";
import type { ComponentsPart } from "../host";
import { Breakable } from "./Breakable";
import { type Shelf, usePart } from "./shelf";
import { Shown } from "./Shown";

type Component = ComponentsPart["rows"][number];

/** Longer texts, such as a whole graph, are folded. */
const SHORT = 160;

/** Render the key components of a lookup, by the name of the part. */
export function Components({ shelf, name }: { shelf: Shelf; name: string }) {
  const answer = usePart(shelf, "components", name);
  return (
    <Shown answer={answer} what="the key components">
      {({ rows }) => (
        <section>
          <h3>Key components <span>{formatCount(rows.length)}</span></h3>
          <dl class="mc-components">
            {rows.map((row) => <ComponentRow key={row.name} row={row} />)}
          </dl>
        </section>
      )}
    </Shown>
  );
}

function ComponentRow({ row }: { row: Component }) {
  const text = <pre>{row.text}</pre>;
  return (
    <div>
      <dt><Breakable text={row.name} /></dt>
      <dd>
        {row.text.length <= SHORT ? text : (
          <details>
            <summary><code>{row.text.slice(0, SHORT).replace(/\s+/g, " ")}…</code></summary>
            {text}
          </details>
        )}
        <code class="mc-quiet">{row.digest}</code>
      </dd>
    </div>
  );
}
