/** Recompiles: for each function that was compiled more than once, the time of each compile as a bar. */

import { useMemo } from "preact/hooks";

import { count, formatCount, formatDuration } from "../format";
import type { TreeModel } from "../tree/model";
import { type CompileGroup, compileGroups, timeOf } from "./compileGroups";

interface Props {
  readonly tree: TreeModel;
  readonly selected: number | null;
  readonly onSelect: (id: number) => void;
}

/** So many functions are drawn; the others cost less time. */
const LIMIT = 100;

/** Render the functions, that with most compile time first. */
export function Recompiles({ tree, selected, onSelect }: Props) {
  const groups = useMemo(() => compileGroups(tree), [tree]);
  const longest = groups.reduce((most, { compiles }) => Math.max(most, ...compiles.map((each) => timeOf(tree, each))), 1);
  if (!groups.length) return <p class="mc-empty">Nothing was compiled twice: there are no recompiles.</p>;
  return (
    <div class="mc-recompiles">
      {groups.slice(0, LIMIT).map((group) => (
        <Group key={tree.id[group.place]} {...{ tree, group, longest, selected, onSelect }} />
      ))}
      {groups.length > LIMIT && (
        <p class="mc-note">{formatCount(groups.length - LIMIT)} more functions took less time. The tree shows them.</p>
      )}
    </div>
  );
}

function Group({ tree, group, longest, selected, onSelect }: Props & { group: CompileGroup; longest: number }) {
  return (
    <section>
      <h3>
        <code>{tree.nameOf(group.place)}</code>
        <span>{count(group.compiles.length, "compile")} · {formatDuration(group.duration)}</span>
      </h3>
      <ol>
        {group.compiles.map((place) => {
          const id = tree.id[place]!;
          const time = timeOf(tree, place);
          return (
            <li key={id}>
              <button type="button" aria-pressed={id === selected} onClick={() => onSelect(id)} title={tree.detailOf(place)}>
                <code>{tree.nameOf(place)}</code>
                <span class="mc-recompile-bar"><i style={{ width: `${(100 * time) / longest}%` }} /></span>
                <span class="mc-number">{formatDuration(time)}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
