/** Copy button: copies a text, and says so for a moment. */

import { useEffect, useState } from "preact/hooks";

const SAID_MS = 1600;

/** Render the button; `what` completes its name for who cannot see where it stands: `the code`. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  async function copy(): Promise<void> {
    setSaid((await copied(text)) ? "Copied" : "Not copied");
  }

  return (
    <button type="button" class="mc-button mc-copy" aria-label={said || `Copy ${what}`} onClick={copy}>
      <span aria-live="polite">{said || "Copy"}</span>
    </button>
  );
}

/** Copy a text; a page that was not served securely has no clipboard, but may copy what is selected. */
async function copied(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    const isWritten = await navigator.clipboard.writeText(text).then(() => true, () => false);
    if (isWritten) return true;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
