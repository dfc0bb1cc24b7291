/** Shards: the parts of an exported page, sorted by name and cut into pieces, each unpacked when it is needed. */

import { gunzipJson } from "../gzip";
import { bytesOfBase64 } from "./base64";

type Shard = Readonly<Record<string, unknown>>;

/** The shards of one page. */
export class Shards {
  readonly #scripts: readonly HTMLElement[];
  readonly #unpacked = new Map<HTMLElement, Promise<Shard>>();

  constructor(page: ParentNode) {
    this.#scripts = [...page.querySelectorAll<HTMLElement>("script.megacache-shard")];
  }

  /** Return the part of a name, such as `node:123`; undefined where the page has none. */
  async part(name: string): Promise<unknown> {
    const script = this.#scripts.findLast(({ dataset }) => dataset["first"]! <= name);
    return script && (await this.#shard(script))[name];
  }

  #shard(script: HTMLElement): Promise<Shard> {
    let shard = this.#unpacked.get(script);
    if (!shard) {
      shard = gunzipJson(bytesOfBase64(script.textContent)) as Promise<Shard>;
      this.#unpacked.set(script, shard);
    }
    return shard;
  }
}
