/** Attempted: what a dialog shows of the action that it asked for. */

import type { Attempt } from "./attempt";
import { WorkProgress } from "./WorkProgress";
import type { Work } from "./work";

/** Render the progress of an attempt, or why it failed. */
export function Attempted({ attempt, work }: { attempt: Attempt; work: Work }) {
  const now = work.now.value;
  if (attempt.isRunning && now) return <p class="mc-dialog-progress"><WorkProgress now={now} /></p>;
  if (attempt.error) return <p class="mc-failure" role="alert">{attempt.error}</p>;
  return null;
}
