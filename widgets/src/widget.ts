/** Widget: the explorer in a notebook, as anywidget loads it. */

import { h, render } from "preact";

import { App } from "./App";
import { KernelHost } from "./kernel/kernelHost";
import type { KernelModel } from "./kernel/model";

/** What ipywidgets marks a view with that has lost its kernel, or never had one. */
const DISCONNECTED = ".jupyter-widgets-disconnected";

export default {
  /** Render the explorer into an element; the returned function takes it out again. */
  render({ model, el }: { model: KernelModel; el: HTMLElement }): () => void {
    const host = new KernelHost(model, () => !el.closest(DISCONNECTED));
    const draw = () => render(h(App, { host, height: model.get("_height") }), el);
    const shown = hideSummary(model.get("_uid"));
    model.on("change:_height", draw);
    draw();
    return () => {
      model.off("change:_height", draw);
      render(null, el);
      host.close();
      shown();
    };
  },
};

/** Hide the summary that is below the widget for when there is no widget; the returned function shows it again. */
function hideSummary(uid: string): () => void {
  const style = document.createElement("style");
  style.textContent = `.mc-static[data-mc="${CSS.escape(uid)}"] { display: none; }`;
  document.head.append(style);
  return () => style.remove();
}
