/** Loading: the tree of a host, asked for again whenever it is another than before. */

import { useEffect, useRef, useState } from "preact/hooks";

import type { Grouping, Host } from "../host";
import { decodeTree } from "../wire";
import { TreeModel } from "./model";
import type { TreeView } from "./view";

/** Why the tree is not there, if it is not, and a way to ask again. */
export interface Loading {
  readonly error: string;
  readonly ask: () => void;
}

/** Show the tree of a host in a view, now and after each change. */
export function useTree(host: Host, grouping: Grouping, view: TreeView): Loading {
  const [error, setError] = useState("");
  const ask = useRef<() => void>(() => undefined);
  useEffect(() => {
    const loader = new Loader(host, grouping, view, setError);
    ask.current = () => loader.ask();
    loader.ask();
    const ignore = host.onChange(ask.current);
    return () => {
      ignore();
      loader.stop();
    };
  }, [host, grouping, view]);
  return { error, ask: () => ask.current() };
}

/** Asks for one tree at a time: changes that come while one is awaited are seen with the next. */
class Loader {
  #isAwaited = false;
  #isStale = false;
  #isStopped = false;

  constructor(
    private readonly host: Host,
    private readonly grouping: Grouping,
    private readonly view: TreeView,
    private readonly tell: (error: string) => void,
  ) {}

  ask(): void {
    if (this.#isAwaited) this.#isStale = true;
    else void this.#load();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #load(): Promise<void> {
    this.#isAwaited = true;
    this.#isStale = false;
    const error = await this.#show().then(
      () => "",
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    );
    this.#isAwaited = false;
    if (this.#isStopped) return;
    this.tell(error);
    if (this.#isStale) await this.#load();
  }

  async #show(): Promise<void> {
    const tree = new TreeModel(await decodeTree(await this.host.tree(this.grouping)));
    if (!this.#isStopped) this.view.show(tree, this.grouping);
  }
}
