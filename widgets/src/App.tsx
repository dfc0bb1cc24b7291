/** App: the explorer, the same in a notebook and in an exported page. */

import { useMemo, useState } from "preact/hooks";

import { Work } from "./actions/work";
import { Boundary } from "./detail/Boundary";
import { Detail } from "./detail/Detail";
import { type FigureId, Figures } from "./figures/Figures";
import type { Grouping, Host } from "./host";
import { Divider } from "./shell/Divider";
import { Header } from "./shell/Header";
import { useLayout } from "./shell/layout";
import { Numbers } from "./shell/Numbers";
import { useSettled } from "./shell/settled";
import { StatusLine } from "./shell/StatusLine";
import { useTree } from "./tree/loading";
import { TreePane } from "./tree/TreePane";
import { TreeView } from "./tree/view";

/** Render the explorer of a host; `height` is in pixels, and without it that of what is around. */
export function App({ host, height }: { host: Host; height?: number }) {
  const view = useMemo(() => new TreeView(), [host]);
  const work = useMemo(() => new Work(host), [host]);
  const [figure, setFigure] = useState<FigureId>("timeline");
  const layout = useLayout(height, figure === "plots");
  const [grouping, setGrouping] = useState<Grouping>("functions");
  const loading = useTree(host, grouping, view);
  const selected = useSettled(view.selected.value);
  const select = (id: number) => view.select(id);
  const tree = view.tree.value;
  const summary = tree?.summary;

  return (
    <section class="mc mc-explorer" aria-label="Explorer" onFocusIn={keepKeys} onKeyDown={(event) => event.stopPropagation()}>
      <div class="mc-frame" style={layout.style}>
        <Header summary={summary} work={work} />
        <Numbers figures={summary?.figures ?? []} />
        <div class="mc-body">
          <section class="mc-left" aria-label="Tree">
            <Boundary>
              <TreePane {...{ view, loading, grouping }} onGroup={setGrouping} />
            </Boundary>
          </section>
          <Divider label="Width of the tree" orientation="vertical" measure={layout.left} />
          <section class="mc-right" aria-label="Detail">
            <Detail host={host} id={selected} />
          </section>
        </div>
        {layout.isUnfolded && <Divider label="Height of the figures" orientation="horizontal" measure={layout.strip} />}
        <section class={`mc-strip ${layout.isUnfolded ? "" : "mc-strip-folded"}`} aria-label="Figures">
          {layout.isUnfolded && (
            <Figures {...{ host, tree, selected }} onSelect={select} chosen={figure} onChoose={setFigure} />
          )}
          <button type="button" class="mc-fold" aria-expanded={layout.isUnfolded} onClick={layout.fold}>
            Figures
          </button>
        </section>
        <StatusLine work={work} host={host} note={summary?.note ?? ""} />
      </div>
    </section>
  );
}

/** Keep JupyterLab's shortcuts from the keys of what has the focus: it looks at that element before those around it. */
function keepKeys({ target }: FocusEvent): void {
  (target as HTMLElement).setAttribute("data-lm-suppress-shortcuts", "true");
}
