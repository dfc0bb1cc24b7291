/** Plots: the figures of `tables` in plotly, for who wants its zoom, its hover and its export as a picture. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Choice } from "../detail/Choice";
import { type Shelf, usePart } from "../detail/shelf";
import { Shown } from "../detail/Shown";
import type { FigurePart } from "../host";
import { paletteOf, useTheme } from "./palette";
import { loadPlotly, type Plotly, themedLayout } from "./plotly";

const FIGURES = [
  ["timeline", "Timeline"],
  ["sizes", "Sizes"],
  ["icicle_time", "Time"],
  ["icicle_bytes", "Bytes"],
] as const;

type FigureName = (typeof FIGURES)[number][0];

/** Render a choice of figures and the chosen one. */
export function Plots({ shelf }: { shelf: Shelf }) {
  const [name, setName] = useState<FigureName>("timeline");
  const figure = usePart(shelf, "figure", name);
  const plotly = usePlotly(shelf);
  return (
    <div class="mc-figure">
      <div class="mc-tools"><Choice label="Figure" options={FIGURES} chosen={name} onChoose={setName} /></div>
      <Shown answer={plotly} what="plotly">
        {(loaded) => (
          <Shown answer={figure} what="the figure">{(part) => <Plot plotly={loaded} figure={part} />}</Shown>
        )}
      </Shown>
    </div>
  );
}

function Plot({ plotly, figure }: { plotly: Plotly; figure: FigurePart }) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme(box);
  useEffect(() => {
    const colour = paletteOf(box.current!);
    const layout = themedLayout(figure.layout, colour("text-second"), colour("line"));
    void plotly.react(box.current!, figure.data, layout, { responsive: true, displaylogo: false });
  }, [plotly, figure, theme]);
  useLayoutEffect(() => () => plotly.purge(box.current!), []);
  return <div class="mc-plot" ref={box} />;
}

function usePlotly({ host }: Shelf) {
  const [round, setRound] = useState(0);
  const [came, setCame] = useState<{ part?: Plotly; error?: string }>({});
  useEffect(() => {
    let isAwaited = true;
    loadPlotly(host).then(
      (part) => isAwaited && setCame({ part }),
      (error: unknown) => isAwaited && setCame({ error: error instanceof Error ? error.message : String(error) }),
    );
    return () => {
      isAwaited = false;
    };
  }, [host, round]);
  const ask = () => {
    setCame({});
    setRound(round + 1);
  };
  return { ...came, ask };
}
