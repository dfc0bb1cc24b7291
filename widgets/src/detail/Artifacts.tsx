/** Artifacts: type, key, bytes and state of each; a row unfolds to its whole key, its content and its key components. */

import { useState } from "preact/hooks";

import { Inline } from "../code";
import { formatBytes } from "../format";
import type { ArtifactRow } from "../host";
import { State } from "../states";
import { Blocks } from "./Blocks";
import { Components } from "./Components";
import type { Shelf } from "./shelf";

/** Render the artifacts of a node. */
export function Artifacts({ shelf, rows }: { shelf: Shelf; rows: readonly ArtifactRow[] }) {
  return (
    <Blocks label="Artifacts" items={rows} rowHeight={30}>
      {(row) => <Artifact shelf={shelf} row={row} />}
    </Blocks>
  );
}

function Artifact({ shelf, row }: { shelf: Shelf; row: ArtifactRow }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="mc-artifact" open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <span class="mc-artifact-type">{row.type}</span>
        <code>{row.key || "no key"}</code>
        <span>{row.compileIds}</span>
        <span class="mc-number">{formatBytes(row.bytes)}</span>
        <State word={row.state} />
      </summary>
      {isOpen && <ArtifactFacts shelf={shelf} row={row} />}
    </details>
  );
}

function ArtifactFacts({ shelf, row }: { shelf: Shelf; row: ArtifactRow }) {
  return (
    <div class="mc-artifact-facts">
      <dl class="mc-facts mc-facts-long">
        <div><dt>key</dt><dd><code>{row.key || "torch made none"}</code></dd></div>
        {row.sha256 && <div><dt>content, sha256</dt><dd><code>{row.sha256}</code></dd></div>}
        {row.reason && <div><dt>reason</dt><dd><Inline text={row.reason} /></dd></div>}
        {row.compileIds && <div><dt>compiles</dt><dd>{row.compileIds}</dd></div>}
      </dl>
      {row.components && <Components shelf={shelf} name={row.components} />}
    </div>
  );
}
