/** Kernel host: a live kernel, which answers what the explorer asks. */

import { gunzipJson } from "../gzip";
import type { Action, Grouping, Host, Outcome, Parts, Progress } from "../host";
import { Asks } from "./asks";
import { bytesOf, type KernelModel } from "./model";
import { type Download, download, forget, loadUploaded, upload } from "./transfer";

/** A save or an export of a large recording may take minutes, and wait for a cell before. */
const ACT_LIMIT_MS = 60 * 60_000;

/** The host of a widget. */
export class KernelHost implements Host {
  readonly #asks: Asks;
  /** What was uploaded and waits until the reader says whether to load it. */
  #doubted: string | null = null;

  /** @param isConnected Whether there is a kernel behind the model. */
  constructor(
    private readonly model: KernelModel,
    isConnected: () => boolean,
  ) {
    this.#asks = new Asks(model, isConnected);
  }

  get actions(): ReadonlySet<Action> {
    return new Set(this.model.get("_actions") as readonly Action[]);
  }

  get hasPlotly(): boolean {
    return this.model.get("_has_plotly");
  }

  async tree(grouping: Grouping): Promise<Uint8Array> {
    // The tree of functions is with the widget already: it is there without a kernel, too.
    const tree = grouping === "functions" ? this.model.get("_tree") : null;
    if (tree?.byteLength) return bytesOf(tree);
    const { buffer } = await this.#asks.ask("tree", { grouping });
    if (!buffer) throw new Error("The kernel answered without a tree.");
    return buffer;
  }

  async part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]> {
    const { result, buffer } = await this.#asks.ask("part", { kind, name });
    return (buffer ? await gunzipJson(buffer) : result) as Parts[K];
  }

  async act(
    action: Action,
    { path, file, options, trusts = false }: Parameters<Host["act"]>[1],
    onProgress: (progress: Progress) => void,
  ): Promise<Outcome> {
    if (action === "upload") return this.#upload(file!, trusts, onProgress);
    const asked = { action, path, options, trusts };
    const { result } = await this.#asks.ask("act", asked, { onProgress, limitMs: ACT_LIMIT_MS });
    const { download: offered, ...outcome } = result as Outcome & { readonly download?: Download };
    if (offered) await download(this.#asks, offered, onProgress);
    return outcome;
  }

  forget(): void {
    if (this.#doubted) forget(this.#asks, this.#doubted);
    this.#doubted = null;
  }

  /** Send a file; when it is trusted, the one that was sent before and is doubted. */
  async #upload(file: File, trusts: boolean, onProgress: (progress: Progress) => void): Promise<Outcome> {
    if (trusts && this.#doubted) {
      const token = this.#doubted;
      this.#doubted = null;
      return loadUploaded(this.#asks, token, true, onProgress);
    }
    this.forget();
    const token = await upload(this.#asks, file, onProgress);
    const outcome = await loadUploaded(this.#asks, token, trusts, onProgress);
    if (outcome.doubts) this.#doubted = token;
    return outcome;
  }

  onChange(changed: () => void): () => void {
    this.model.on("change:_tree", changed);
    return () => this.model.off("change:_tree", changed);
  }

  onNotice(tell: (notice: string) => void): () => void {
    return this.#asks.onNotice(tell);
  }

  /** Wait for no answer any more. */
  close(): void {
    this.#asks.close();
  }
}
