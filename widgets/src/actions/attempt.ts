/** Attempt: one action that a dialog asks for, from the start to its outcome or to the reason why there is none. */

import { useState } from "preact/hooks";

import type { Action, Outcome } from "../host";
import { type Asked, textOf, type Work } from "./work";

/** How far it is. */
export interface Attempt {
  readonly isRunning: boolean;
  readonly outcome: Outcome | null;
  readonly error: string;
  /** Begin; after a failure it may be begun again. */
  readonly run: (action: Action, asked: Asked, what: string) => void;
}

/** Return an attempt that was not begun. */
export function useAttempt(work: Work, onDone?: () => void): Attempt {
  const [isRunning, setIsRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [error, setError] = useState("");

  async function run(action: Action, asked: Asked, what: string): Promise<void> {
    setIsRunning(true);
    setError("");
    try {
      setOutcome(await work.run(action, asked, what));
      onDone?.();
    } catch (thrown) {
      setError(textOf(thrown));
    } finally {
      setIsRunning(false);
    }
  }

  return { isRunning, outcome, error, run: (action, asked, what) => void run(action, asked, what) };
}
