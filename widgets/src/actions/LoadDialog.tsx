/** Load: a file of the reader's machine or a path on that of the kernel; a second step where it is doubted; the verdicts. */

import { useState } from "preact/hooks";

import { Choice } from "../detail/Choice";
import { formatBytes } from "../format";
import { useAttempt } from "./attempt";
import { Attempted } from "./Attempted";
import { Dialog } from "./Dialog";
import { Doubts } from "./Doubts";
import { FileField } from "./FileField";
import { Verdicts } from "./Verdicts";
import type { Work } from "./work";

const WAYS = [
  ["upload", "A file on this computer"],
  ["load", "A path on the kernel's machine"],
] as const;

type Way = (typeof WAYS)[number][0];

/**
 * Render the dialog; it stays to show the verdicts.
 *
 * @param own The path of the bundle that is shown, which a reader most likely means; empty where none is.
 */
export function LoadDialog({ work, own, onClose }: { work: Work; own: string; onClose: () => void }) {
  const ways = WAYS.filter(([way]) => work.can(way));
  const [way, setWay] = useState<Way>(own && work.can("load") ? "load" : (ways[0]?.[0] ?? "load"));
  const [file, setFile] = useState<File | null>(null);
  const [path, setPath] = useState(own);
  const attempt = useAttempt(work);
  const wanted = way === "upload" ? (file?.name ?? "") : path.trim();
  const asked = way === "upload" ? { file: file! } : { path: wanted };

  function closeDoubted(): void {
    if (!attempt.isRunning) work.host.forget?.();
    onClose();
  }

  if (attempt.outcome?.doubts) {
    return (
      <Dialog
        title={`${wanted} may not be your own`}
        verb="Load it: this runs the code in it"
        isReady={!attempt.isRunning}
        onSubmit={() => attempt.run(way, { ...asked, trusts: true }, `Loading ${wanted}`)}
        onClose={closeDoubted}
      >
        <Doubts doubts={attempt.outcome.doubts} />
        <Attempted attempt={attempt} work={work} />
      </Dialog>
    );
  }
  if (attempt.outcome) {
    return (
      <Dialog title={`Loaded ${wanted}`} onClose={onClose}>
        <p role="status">{attempt.outcome.text}</p>
        <Verdicts rows={attempt.outcome.verdicts ?? []} />
      </Dialog>
    );
  }
  return (
    <Dialog
      title="Load a bundle"
      verb="Load"
      isReady={wanted !== "" && !attempt.isRunning}
      onSubmit={() => attempt.run(way, asked, `Loading ${wanted}`)}
      onClose={onClose}
    >
      {ways.length > 1 && <Choice label="Where the bundle is" options={ways} chosen={way} onChoose={setWay} />}
      {way === "upload" && <FileField file={file} onChoose={setFile} />}
      {way === "load" && <PathField path={path} onChange={setPath} />}
      <p class="mc-note">
        Loading a cache runs its code: you are asked again where it may not be your own. Only what fits this machine is loaded.
        {file && way === "upload" && ` ${formatBytes(file.size)} to send.`}
      </p>
      <Attempted attempt={attempt} work={work} />
    </Dialog>
  );
}

function PathField({ path, onChange }: { path: string; onChange: (path: string) => void }) {
  return (
    <label class="mc-labelled">
      Path on the machine of the kernel
      <input class="mc-input" value={path} placeholder="train.megacache" spellcheck={false}
        onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}
