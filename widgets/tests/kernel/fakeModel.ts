/** Fake model: an anywidget model whose kernel is the test. */

import type { KernelModel, Listener, Traits } from "../../src/kernel/model";

/** An ask as the kernel gets it. */
export interface SentAsk {
  readonly type: string;
  readonly id: number;
  readonly name: string;
  readonly params: Record<string, unknown>;
  readonly buffer: ArrayBuffer | undefined;
}

/** A model that keeps what was sent. */
export class FakeModel implements KernelModel {
  readonly sent: SentAsk[] = [];
  readonly traits: Traits;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(traits: Partial<Traits> = {}) {
    this.traits = { _tree: null, _actions: [], _has_plotly: false, _uid: "u1", _height: 600, ...traits };
  }

  get<K extends keyof Traits>(trait: K): Traits[K] {
    return this.traits[trait];
  }

  set<K extends keyof Traits>(trait: K, value: Traits[K]): void {
    (this.traits as { -readonly [key in keyof Traits]: Traits[key] })[trait] = value;
    this.trigger(`change:${trait}`);
  }

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(listener));
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  send(content: unknown, _callbacks?: unknown, buffers?: ArrayBuffer[]): void {
    this.sent.push({ ...(content as Omit<SentAsk, "buffer">), buffer: buffers?.[0] });
  }

  trigger(event: string, message?: unknown, buffers: DataView[] = []): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(message, buffers);
  }

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((count, listeners) => count + listeners.size, 0);
  }

  /** Return the latest ask. */
  get asked(): SentAsk {
    return this.sent[this.sent.length - 1]!;
  }

  /** Answer the latest ask, or one of an id. */
  async answer(answer: { result?: unknown; error?: string; buffer?: Uint8Array; id?: number }): Promise<void> {
    const { buffer, id = this.asked.id, ...rest } = answer;
    // Not at the start of its memory, as a buffer of a websocket message.
    const padded = buffer && Uint8Array.of(0, 0, 0, ...buffer);
    this.trigger("msg:custom", { type: "answer", id, ...rest }, padded ? [new DataView(padded.buffer, 3)] : []);
    await this.turn();
  }

  /** Let what was begun go on. */
  async turn(): Promise<void> {
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
  }
}
