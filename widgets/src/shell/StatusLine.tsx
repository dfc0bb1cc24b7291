/** Status line: what is being done, what was done last, and what failed. */

import { useEffect, useState } from "preact/hooks";

import { WorkProgress } from "../actions/WorkProgress";
import type { Message, Work } from "../actions/work";
import { formatCount } from "../format";
import type { Host } from "../host";

interface Props {
  readonly work: Work;
  readonly host: Host;
  /** A quiet addition at the right. */
  readonly note: string;
}

/** Render the line; earlier messages unfold above it. */
export function StatusLine({ work, host, note }: Props) {
  const [isUnfolded, setIsUnfolded] = useState(false);
  const notice = useNotice(host);
  const messages = work.messages.value;
  const now = work.now.value;
  const last = messages[messages.length - 1];
  const isTold = !now && last?.text.includes(notice);
  return (
    <footer class="mc-status">
      {isUnfolded && <Messages messages={messages} />}
      <div class="mc-status-line">
        {now ? <WorkProgress now={now} /> : <Latest message={last} />}
        {notice && !isTold && <span class="mc-notice" role="status">{notice}</span>}
        {messages.length > 1 && (
          <button type="button" class="mc-link" aria-expanded={isUnfolded} onClick={() => setIsUnfolded(!isUnfolded)}>
            {isUnfolded ? "Fewer messages" : `${formatCount(messages.length)} messages`}
          </button>
        )}
        <span class="mc-status-note">{note}</span>
      </div>
    </footer>
  );
}

function Latest({ message }: { message: Message | undefined }) {
  // Both are there before they say something: only then a screen reader hears it.
  return (
    <>
      <span class="mc-done" role="status">{message?.isFailure === false && message.text}</span>
      <span class="mc-failed" role="alert">{message?.isFailure && message.text}</span>
    </>
  );
}

function Messages({ messages }: { messages: readonly Message[] }) {
  return (
    <ol class="mc-messages">
      {messages.toReversed().map((message) => (
        <li key={message.at.getTime()} class={message.isFailure ? "mc-failed" : ""}>
          <time>{message.at.toLocaleTimeString()}</time> {message.text}
        </li>
      ))}
    </ol>
  );
}

function useNotice(host: Host): string {
  const [notice, setNotice] = useState("");
  useEffect(() => host.onNotice?.(setNotice), [host]);
  return notice;
}
