/** Work: what a host is asked to do, one thing at a time, and what became of it. */

import { signal } from "@preact/signals";

import type { Action, ExportOptions, Host, Outcome, Progress } from "../host";

/** What is asked beside the action itself. */
export interface Asked {
  readonly path?: string;
  readonly file?: File;
  readonly options?: ExportOptions;
  readonly trusts?: boolean;
}

/** What is being done. */
export interface Doing {
  readonly action: Action;
  /** In words: `Loading train.megacache`. */
  readonly what: string;
  readonly progress: Progress;
}

/** What was done, or why not. */
export interface Message {
  readonly at: Date;
  readonly text: string;
  readonly isFailure: boolean;
}

/** So many messages are kept. */
const KEPT = 100;

/** The work of one host. */
export class Work {
  readonly now = signal<Doing | null>(null);
  readonly messages = signal<readonly Message[]>([]);

  constructor(readonly host: Host) {}

  can(action: Action): boolean {
    return this.host.actions.has(action);
  }

  /**
   * Do something and tell what became of it; a failure is told too, and then thrown.
   *
   * @param what The work in words: `Saving train.megacache`.
   */
  async run(action: Action, asked: Asked, what: string): Promise<Outcome> {
    if (this.now.value) throw new Error(`${this.now.value.what} is not done yet. Try again when it is.`);
    this.now.value = { action, what, progress: { done: 0, total: 0 } };
    try {
      const outcome = await this.host.act(action, asked, (progress) => (this.now.value = { action, what, progress }));
      this.#tell(outcome.text, false);
      return outcome;
    } catch (error) {
      this.#tell(`${what} failed: ${textOf(error)}`, true);
      throw error;
    } finally {
      this.now.value = null;
    }
  }

  #tell(text: string, isFailure: boolean): void {
    this.messages.value = [...this.messages.value, { at: new Date(), text, isFailure }].slice(-KEPT);
  }
}

/** Return what an error says. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
