/**
 * Asks: questions to the kernel and their answers, as messages with a number.
 *
 * A kernel that runs a cell answers when it is done, so that waiting is no failure. Each ask ends all the same: with an
 * answer, when the connection is lost, or at its time limit.
 */

import type { Progress } from "../host";
import { bytesOf, type KernelModel, type Listener } from "./model";

/** A kernel that was silent for so long is called busy. */
const PATIENCE_MS = 2_000;
const MINUTE_MS = 60_000;
const USUAL_LIMIT_MS = 10 * MINUTE_MS;

/** Why nothing can be asked. */
export const NOT_CONNECTED = "Not connected to a kernel. Run the cell again.";
const BUSY = "The kernel is busy. Answers come when it is done.";

/** What the kernel answered. */
export interface KernelAnswer {
  readonly result: unknown;
  readonly buffer: Uint8Array | undefined;
}

/** What goes along with an ask. */
export interface Along {
  readonly buffer?: ArrayBuffer;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly limitMs?: number;
}

interface Waiting {
  readonly resolve: (answer: KernelAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: Along["onProgress"];
  readonly timers: readonly ReturnType<typeof setTimeout>[];
}

interface Message extends Progress {
  readonly type: "answer" | "progress";
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** The asks of one widget. */
export class Asks {
  readonly #waiting = new Map<number, Waiting>();
  readonly #overdue = new Set<number>();
  readonly #listeners = new Set<(notice: string) => void>();
  #last = 0;
  /** After a restart a notebook may not say so, but sending fails. */
  #isLost = false;

  constructor(
    private readonly model: KernelModel,
    private readonly isConnected: () => boolean,
  ) {
    model.on("msg:custom", this.#onMessage);
    model.on("comm_live_update", this.#onConnection);
  }

  /** Ask something; rejected with the sentence of the kernel where it cannot be done. */
  ask(name: string, params: Readonly<Record<string, unknown>>, along: Along = {}): Promise<KernelAnswer> {
    if (!this.isConnected()) return Promise.reject(new Error(NOT_CONNECTED));
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      const timers = this.#timers(id, along.limitMs ?? USUAL_LIMIT_MS);
      this.#waiting.set(id, { resolve, reject, onProgress: along.onProgress, timers });
      try {
        this.model.send({ type: "ask", id, name, params }, undefined, along.buffer ? [along.buffer] : []);
      } catch {
        this.#end(id)?.reject(new Error(NOT_CONNECTED));
        this.#lose(true);
      }
    });
  }

  /** Call back with what hinders the kernel, now and when it changes, until the returned function is called. */
  onNotice(tell: (notice: string) => void): () => void {
    this.#listeners.add(tell);
    tell(this.#notice());
    return () => this.#listeners.delete(tell);
  }

  /** Wait for nothing any more. */
  close(): void {
    this.model.off("msg:custom", this.#onMessage);
    this.model.off("comm_live_update", this.#onConnection);
    this.#giveUp("The explorer was closed.");
  }

  #onMessage: Listener = (content, buffers) => {
    const message = content as Message;
    this.#lose(false);
    this.#isHeard(message.id);
    if (message.type === "progress") return this.#waiting.get(message.id)?.onProgress?.(message);
    if (message.type !== "answer") return;
    const waiting = this.#end(message.id);
    if (message.error !== undefined) waiting?.reject(new Error(message.error));
    else waiting?.resolve({ result: message.result, buffer: buffers?.[0] && bytesOf(buffers[0]) });
  };

  #onConnection: Listener = () => {
    if (!this.isConnected()) this.#giveUp(NOT_CONNECTED);
    this.#tell();
  };

  #lose(isLost: boolean): void {
    if (this.#isLost === isLost) return;
    this.#isLost = isLost;
    this.#tell();
  }

  #timers(id: number, limitMs: number): Waiting["timers"] {
    const late = `The kernel did not answer within ${limitMs / MINUTE_MS} minutes. Interrupt the cell or try again.`;
    return [
      setTimeout(() => this.#isOverdue(id), PATIENCE_MS),
      setTimeout(() => this.#end(id)?.reject(new Error(late)), limitMs),
    ];
  }

  #isOverdue(id: number): void {
    this.#overdue.add(id);
    this.#tell();
  }

  #isHeard(id: number): void {
    clearTimeout(this.#waiting.get(id)?.timers[0]);
    if (this.#overdue.delete(id)) this.#tell();
  }

  #end(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    waiting?.timers.forEach(clearTimeout);
    this.#isHeard(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #giveUp(reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.#end(id)?.reject(new Error(reason));
  }

  #notice(): string {
    if (this.#isLost || !this.isConnected()) return NOT_CONNECTED;
    return this.#overdue.size ? BUSY : "";
  }

  #tell(): void {
    for (const tell of this.#listeners) tell(this.#notice());
  }
}
