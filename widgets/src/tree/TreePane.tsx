/** Tree pane: the search bar, the heads of the columns, and the tree or why there is none. */

import { Choice } from "../detail/Choice";
import type { Grouping } from "../host";
import type { Loading } from "./loading";
import type { TreeModel } from "./model";
import { SearchBar } from "./SearchBar";
import { Tree } from "./Tree";
import type { TreeView } from "./view";

const GROUPINGS = [
  ["functions", "Functions"],
  ["stacks", "Call stacks"],
] as const;

interface Props {
  readonly view: TreeView;
  readonly loading: Loading;
  readonly grouping: Grouping;
  readonly onGroup: (grouping: Grouping) => void;
}

/** Render the pane. */
export function TreePane({ view, loading, grouping, onGroup }: Props) {
  const [tree, rows] = [view.tree.value, view.rows.value];
  return (
    <div class={`mc-tree-pane ${tree && isBare(tree) ? "mc-tree-bare" : ""}`}>
      <SearchBar view={view} />
      <div class="mc-heads">
        <Choice label="Grouped by" options={GROUPINGS} chosen={grouping} onChoose={onGroup} />
        <span aria-hidden="true">state</span>
        <span aria-hidden="true">compile</span>
        <span aria-hidden="true">bytes</span>
        <span aria-hidden="true" class="mc-heads-share" />
      </div>
      {tree && rows && <Tree view={view} tree={tree} rows={rows} />}
      <Instead view={view} loading={loading} />
    </div>
  );
}

/** What stands where no line is. */
function Instead({ view, loading }: { view: TreeView; loading: Loading }) {
  const tree = view.tree.value;
  if (loading.error) {
    return (
      <div class="mc-failure" role="alert">
        <p>Could not load the tree. {loading.error}</p>
        <button type="button" class="mc-button" onClick={loading.ask}>Try again</button>
      </div>
    );
  }
  if (!tree) return <p class="mc-empty mc-waiting" role="status">Loading the tree…</p>;
  if (isBare(tree)) return <p class="mc-empty">Nothing was compiled yet. Run a cell that calls a compiled function.</p>;
  if (view.found.value?.count !== 0) return null;
  return (
    <div class="mc-empty">
      <p>No line fits.</p>
      <button type="button" class="mc-button" onClick={() => view.showAll()}>Show all lines</button>
    </div>
  );
}

/** Whether a tree holds nothing but sessions in which nothing happened. */
function isBare(tree: TreeModel): boolean {
  return tree.roots.length === tree.count && tree.roots.every((root) => tree.kindOf(root) === "session");
}
