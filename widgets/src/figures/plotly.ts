/** Plotly: loaded from the host on the first use, once for a page. */

import type { FigurePart, Host } from "../host";

/** What of plotly.js is used. */
export interface Plotly {
  react(element: HTMLElement, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  purge(element: HTMLElement): void;
}

/** What a title takes of the margin above a figure, and what is left there in any case, in pixels. */
const TITLE_HEIGHT = 32;
const LEAST_MARGIN = 8;

let loading: Promise<Plotly> | undefined;

/** Return plotly, loading it if need be; after a failure the next call tries again. */
export function loadPlotly(host: Host): Promise<Plotly> {
  loading ??= load(host).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(host: Host): Promise<Plotly> {
  const { script } = await host.part("plotly", "");
  // Where a page has an AMD loader, plotly would register there and not name itself; as a module it must not see one.
  const blinds = "const define = undefined, module = undefined, exports = undefined;";
  const source = [blinds, script, "export default globalThis.Plotly;"].join("\n");
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return ((await import(/* @vite-ignore */ url)) as { default: Plotly }).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Return the layout of a figure in the colours of the theme. */
export function themedLayout(layout: FigurePart["layout"], text: string, line: string): Record<string, unknown> {
  const themed: Record<string, unknown> = { ...layout };
  // The choice above the figure names it, and the room is scarce.
  delete themed["title"];
  const margin = layout["margin"] as { readonly t?: number } | undefined;
  if (margin?.t) themed["margin"] = { ...margin, t: Math.max(LEAST_MARGIN, margin.t - TITLE_HEIGHT) };
  themed["font"] = { ...(layout["font"] as object | undefined), color: text };
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    themed[axis] = { ...(layout[axis] as object), gridcolor: line, linecolor: line };
  }
  return themed;
}
