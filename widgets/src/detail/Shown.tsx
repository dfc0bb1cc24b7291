/** Shown: a part when it has come; before, that it is awaited; else why it did not come, with a way to ask again. */

import type { ComponentChildren } from "preact";

import type { Answer } from "./shelf";

/**
 * Show what became of a part.
 *
 * @param what The part in the words of a sentence: `the guards`.
 * @param children What to show of the part.
 */
export function Shown<T>({ answer, what, children }: {
  answer: Answer<T>;
  what: string;
  children: (part: T) => ComponentChildren;
}) {
  if (answer.part !== undefined) return <>{children(answer.part)}</>;
  if (answer.error === undefined) {
    return <p class="mc-waiting" role="status">Loading {what}…</p>;
  }
  return (
    <div class="mc-failure" role="alert">
      <p>Could not load {what}. {answer.error}</p>
      <button type="button" class="mc-button" onClick={answer.ask}>Try again</button>
    </div>
  );
}
