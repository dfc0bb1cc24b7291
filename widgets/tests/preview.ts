/** Preview: the explorer of a made-up host, to look at while it is changed; see `preview.html`. */

import { h, render } from "preact";

import { App } from "../src/App";
import type { Host, Outcome, VerdictRow } from "../src/host";
import { ENCODER, STACKS } from "./encoder";
import { MadeUpHost } from "./parts";
import { columnsOf, encode, largeTree } from "./synthetic";

const VERDICTS: readonly VerdictRow[] = [
  { verdict: "refused", count: 2, bytes: 118_784, type: "kernel", reason: "made for `avx512`, and this machine has `avx2`" },
  { verdict: "loaded", count: 19, bytes: 5_211_904, type: "inductor", reason: "" },
];

const DOUBTS: readonly string[] = [
  "it belongs to eve (user 1001), and you are ada (user 1000)",
  "it was downloaded from https://example.org/caches/foreign.megacache",
  "it was changed since Bob of the team (SHA256:If4x36FUomFia/hUBG/SJxt77UtqvkWqWId+9H+XIbk) signed it on 2026-11-28",
];

const nodes = Number(new URLSearchParams(location.search).get("nodes"));
const parts = new MadeUpHost();

const host: Host = {
  actions: new Set(["save", "save_as", "load", "upload", "export_bundle", "export_html", "export_trace"]),
  hasPlotly: false,
  tree: (grouping) => encode(nodes ? largeTree(nodes) : columnsOf(grouping === "stacks" ? STACKS : ENCODER)),
  part: (kind, name) => parts.part(kind, name),
  onChange: (changed) => parts.onChange(changed),
  act: async (action, { path, trusts }, onProgress): Promise<Outcome> => {
    for (let done = 0; done <= 20; done += 1) {
      onProgress({ done, total: 20 });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    if (path === "foreign.megacache" && !trusts) return { text: "foreign.megacache is not loaded yet", doubts: DOUBTS };
    if (path === "nothing") throw new Error("there is no file nothing: type the path of a bundle.");
    if (action === "load" || action === "upload") return { text: "21 artifacts: 19 loaded, 2 refused", verdicts: VERDICTS };
    return { text: "Saved 3 new artifacts (61 kB) to encoder.megacache in 4 ms" };
  },
};

render(h(App, { host }), document.getElementById("megacache")!);
