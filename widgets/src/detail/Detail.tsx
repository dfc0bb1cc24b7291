/** Detail: what is known of the node that is selected in the tree, in tabs. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Host, NodeDetail } from "../host";
import { Artifacts } from "./Artifacts";
import { Boundary } from "./Boundary";
import { Guards } from "./Guards";
import { Overview } from "./Overview";
import { type Shelf, usePart, useShelf } from "./shelf";
import { Shown } from "./Shown";
import { Source } from "./Source";
import { type Tab, Tabs } from "./Tabs";
import { Texts } from "./Texts";
import { WhyList } from "./Why";

interface Props {
  readonly host: Host;
  readonly id: number | null;
}

type TabId = "overview" | "source" | "guards" | "graphs" | "code" | "artifacts" | "why";

/** Render the detail of a node; without one, say how to get one. */
export function Detail({ host, id }: Props) {
  const shelf = useShelf(host);
  const answer = usePart(shelf, "node", id === null ? null : String(id));
  const [wanted, setWanted] = useState<TabId>("overview");
  const panel = useRef<HTMLDivElement>(null);
  const tabs = tabsOf(answer.part);
  // The chosen tab is kept while nodes without it are passed.
  const chosen = tabs.some((tab) => tab.id === wanted && !tab.isEmpty) ? wanted : "overview";

  useLayoutEffect(() => {
    if (panel.current) panel.current.scrollTop = 0;
  }, [id, chosen]);

  if (id === null) return <p class="mc-empty">Select a line of the tree to see what is known of it.</p>;
  return (
    <Tabs label="Detail" tabs={tabs} chosen={chosen} onChoose={(tab) => setWanted(tab as TabId)} panelRef={panel}>
      <Shown answer={answer} what="the detail">
        {(node) => (
          // Keyed by the node: what was filtered, unfolded or chosen in one, or went wrong, is not carried over to the next.
          <Boundary key={`${chosen}:${node.id}`}>
            <Panel shelf={shelf} node={node} tab={chosen} />
          </Boundary>
        )}
      </Shown>
    </Tabs>
  );
}

function Panel({ shelf, node, tab }: { shelf: Shelf; node: NodeDetail; tab: TabId }) {
  switch (tab) {
    case "overview":
      return <Overview node={node} />;
    case "source":
      return <Source shelf={shelf} node={node} />;
    case "guards":
      return <Guards shelf={shelf} references={node.guards} />;
    case "graphs":
      return <Texts shelf={shelf} references={node.graphs} what="the graph" />;
    case "code":
      return <Texts shelf={shelf} references={node.code} what="the code" />;
    case "artifacts":
      return <Artifacts shelf={shelf} rows={node.artifacts} />;
    case "why":
      return <WhyList lookups={node.why} />;
  }
}

/** Return the tabs with their counts; while the node is awaited none is empty, so that nothing moves. */
function tabsOf(node: NodeDetail | undefined): readonly (Tab & { readonly id: TabId })[] {
  const counted = (id: TabId, title: string, count: number | undefined) => ({ id, title, count, isEmpty: count === 0 });
  return [
    { id: "overview", title: "Overview" },
    { id: "source", title: "Source", isEmpty: node?.source === null },
    { id: "guards", title: "Guards", count: node && guardCount(node), isEmpty: node?.guards.length === 0 },
    counted("graphs", "Graphs", node?.graphs.length),
    counted("code", "Code", node?.code.length),
    counted("artifacts", "Artifacts", node?.artifacts.length),
    counted("why", "Why", node?.why.length),
  ];
}

function guardCount(node: NodeDetail): number {
  return node.guards.reduce((sum, each) => sum + (each.kept ?? 0) + each.dropped, 0);
}
