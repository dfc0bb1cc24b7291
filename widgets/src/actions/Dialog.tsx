/** Dialog: a form above everything else, from which Escape and two buttons lead back. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { useOwnId } from "../ids";

interface Props {
  readonly title: string;
  /** The word on the button that does it; without one, there is nothing left to do. */
  readonly verb?: string | undefined;
  readonly isReady?: boolean;
  readonly onSubmit?: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Render a dialog and open it. */
export function Dialog({ title, verb, isReady = true, onSubmit, onClose, children }: Props) {
  const id = useOwnId();
  const box = useRef<HTMLDialogElement>(null);
  // Closed by the browser, also when it is done and taken away, so that the focus goes back to where it was.
  const close = () => box.current!.close();
  useLayoutEffect(() => {
    const dialog = box.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);

  function submit(event: Event): void {
    event.preventDefault();
    if (isReady) onSubmit?.();
  }

  return (
    <dialog class="mc-dialog" aria-labelledby={id} ref={box} onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        {children}
        <div class="mc-dialog-end">
          <button type="button" class="mc-button" onClick={close}>{verb ? "Cancel" : "Close"}</button>
          {verb && <button type="submit" class="mc-button mc-button-primary" aria-disabled={!isReady}>{verb}</button>}
        </div>
      </form>
    </dialog>
  );
}
