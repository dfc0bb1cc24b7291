/** Save as: the path of the bundle to save to. */

import { useState } from "preact/hooks";

import { useAttempt } from "./attempt";
import { Attempted } from "./Attempted";
import { Dialog } from "./Dialog";
import type { Work } from "./work";

/** Render the dialog; it closes when the bundle is saved. */
export function SaveAsDialog({ work, bundle, onClose }: { work: Work; bundle: string; onClose: () => void }) {
  const [path, setPath] = useState(bundle);
  const attempt = useAttempt(work, onClose);
  const wanted = path.trim();
  return (
    <Dialog
      title="Save as"
      verb="Save"
      isReady={wanted !== "" && !attempt.isRunning}
      onSubmit={() => attempt.run("save_as", { path: wanted }, `Saving ${wanted}`)}
      onClose={onClose}
    >
      <label class="mc-labelled">
        Path on the machine of the kernel
        <input class="mc-input" value={path} placeholder="train.megacache" spellcheck={false} autofocus
          onInput={(event) => setPath(event.currentTarget.value)} />
      </label>
      <p class="mc-note">A bundle that is there already keeps what it holds; what is new is added.</p>
      <Attempted attempt={attempt} work={work} />
    </Dialog>
  );
}
