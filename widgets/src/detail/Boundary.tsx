/** Boundary: what goes wrong while a part is drawn stays in that part. */

import type { ComponentChildren } from "preact";
import { useErrorBoundary } from "preact/hooks";

import { sentence } from "./shelf";

/**
 * Render a part; if it cannot be drawn, say so in its place, with a way to try again.
 *
 * Give it a key where another part may come into the same place: the failure of one is not that of the next.
 */
export function Boundary({ children }: { children: ComponentChildren }) {
  // The reader sees the message; the stack is for who looks into the console.
  const [error, tryAgain] = useErrorBoundary((thrown: unknown) => console.error(thrown)) as [unknown, () => void];
  if (error === undefined) return <>{children}</>;
  return (
    <div class="mc-failure" role="alert">
      <p>This part could not be shown: {sentence(error)}</p>
      <button type="button" class="mc-button" onClick={tryAgain}>Try again</button>
    </div>
  );
}
