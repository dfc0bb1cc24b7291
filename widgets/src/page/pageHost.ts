/** Page host: an exported file, which holds all that the explorer may ask for. */

import { offerFile } from "../file";
import type { Action, Grouping, Host, Outcome, Parts } from "../host";
import { bytesOfBase64 } from "./base64";
import { Shards } from "./shards";
import { traceOf } from "./trace";

/** The host of a page. */
export class PageHost implements Host {
  readonly actions: ReadonlySet<Action> = new Set<Action>(["export_trace"]);
  /** Plotly alone would make the page several times as large. */
  readonly hasPlotly = false;
  readonly #shards: Shards;

  constructor(private readonly page: Document) {
    this.#shards = new Shards(page);
  }

  async tree(grouping: Grouping): Promise<Uint8Array> {
    const script = this.page.querySelector(`#megacache-tree[data-grouping="${grouping}"]`);
    if (!script) throw new Error("This page was exported without this tree.");
    return bytesOfBase64(script.textContent);
  }

  async part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]> {
    const part = await this.#shards.part(`${kind}:${name}`);
    if (part === undefined) throw new Error("This page was exported without it.");
    return part as Parts[K];
  }

  async act(action: Action): Promise<Outcome> {
    if (action !== "export_trace") throw new Error("An exported page can do this only in a notebook.");
    const name = `${this.page.title.split(" · ")[0] || "megacache"}.trace.json`;
    offerFile(name, "application/json", [JSON.stringify(traceOf(await this.part("timeline", "")))]);
    return { text: `Exported ${name}. Open it in Perfetto.` };
  }

  /** A page stays as it is. */
  onChange(): () => void {
    return () => undefined;
  }
}
