/** Figures: where the time and the bytes went, in tabs below the tree. */

import { Boundary } from "../detail/Boundary";
import { useShelf, usePart, type Shelf } from "../detail/shelf";
import { Shown } from "../detail/Shown";
import { type Tab, Tabs } from "../detail/Tabs";
import type { Host } from "../host";
import type { TreeModel } from "../tree/model";
import { Icicle } from "./Icicle";
import { Plots } from "./Plots";
import { Recompiles } from "./Recompiles";
import { Timeline } from "./Timeline";

interface Props {
  readonly host: Host;
  readonly tree: TreeModel | null;
  readonly selected: number | null;
  readonly onSelect: (id: number) => void;
  readonly chosen: FigureId;
  readonly onChoose: (figure: FigureId) => void;
}

export type FigureId = "timeline" | "time" | "bytes" | "recompiles" | "plots";

const TABS: readonly (Tab & { readonly id: FigureId })[] = [
  { id: "timeline", title: "Timeline" },
  { id: "time", title: "Time" },
  { id: "bytes", title: "Bytes" },
  { id: "recompiles", title: "Recompiles" },
];

/** Render the figures of a recording; what is selected in the tree is marked in them. */
export function Figures(props: Props) {
  const shelf = useShelf(props.host);
  const { chosen, onChoose } = props;
  const tabs = props.host.hasPlotly ? [...TABS, { id: "plots", title: "Plotly" }] : TABS;
  return (
    <div class="mc-figures-tabs">
      <Tabs label="Figures" tabs={tabs} chosen={chosen} onChoose={(id) => onChoose(id as FigureId)}>
        <Boundary key={chosen}>
          <Figure {...props} shelf={shelf} />
        </Boundary>
      </Tabs>
    </div>
  );
}

function Figure({ shelf, chosen: figure, tree, selected, onSelect }: Props & { shelf: Shelf }) {
  const timeline = usePart(shelf, "timeline", figure === "timeline" ? "" : null);
  if (figure === "plots") return <Plots shelf={shelf} />;
  if (figure === "timeline") {
    return (
      <Shown answer={timeline} what="the timeline">
        {(part) => <Timeline {...{ part, tree, selected, onSelect }} />}
      </Shown>
    );
  }
  if (!tree) return <p class="mc-waiting" role="status">Loading the tree…</p>;
  if (figure === "recompiles") return <Recompiles {...{ tree, selected, onSelect }} />;
  return <Icicle key={figure} by={figure} {...{ tree, selected, onSelect }} />;
}
