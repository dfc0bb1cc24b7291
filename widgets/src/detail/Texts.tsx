/** Texts: the graphs or the generated code of a node, as a list with sizes and one of them below it. */

import { useState } from "preact/hooks";

import { formatBytes } from "../format";
import type { TextReference } from "../host";
import { useOwnId } from "../ids";
import { CodeView } from "./CodeView";
import { type Shelf, usePart } from "./shelf";
import { Shown } from "./Shown";

/** Render the list and the chosen text; `what` is one of them in words: `the graph`. */
export function Texts({ shelf, references, what }: {
  shelf: Shelf;
  references: readonly TextReference[];
  what: string;
}) {
  const [wanted, setWanted] = useState(0);
  const at = Math.min(wanted, references.length - 1);
  const chosen = references[at]!;
  const answer = usePart(shelf, "text", chosen.sha256);
  return (
    <div class="mc-filling">
      <TextList references={references} chosen={at} onChoose={setWanted} />
      <Shown answer={answer} what={what}>
        {(part) => <CodeView key={chosen.sha256} part={part} title={`${chosen.title} ${chosen.compileId}`} />}
      </Shown>
    </div>
  );
}

function TextList({ references, chosen, onChoose }: {
  references: readonly TextReference[];
  chosen: number;
  onChoose: (at: number) => void;
}) {
  const name = useOwnId();
  return (
    <fieldset class="mc-texts">
      <legend class="mc-spoken">Which text is shown</legend>
      {references.map((each, at) => (
        <label key={`${at}:${each.sha256}`}>
          <input type="radio" name={name} checked={at === chosen} onChange={() => onChoose(at)} />
          <span>
            {each.title} <code>{each.compileId}</code>
            <b>{formatBytes(each.bytes)}</b>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
