/** Code: short code within a sentence. */

/** Render a sentence; text between backticks is code. */
export function Inline({ text }: { text: string }) {
  // Split by a group, words and code alternate; a lone backtick stays what it is.
  const parts = text.split(/`([^`]+)`/);
  return <>{parts.map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>;
}
