/** Ids: names for elements that refer to each other, in a document that may hold several explorers. */

import { useState } from "preact/hooks";

/**
 * Return an id that no other element of the document has.
 *
 * Preact's own `useId` counts from the root that is rendered: two explorers of a notebook would get the same ids, and a
 * choice in one of them would undo that in the other.
 */
export function useOwnId(): string {
  const [id] = useState(() => `mc-${Math.random().toString(36).slice(2)}`);
  return id;
}
