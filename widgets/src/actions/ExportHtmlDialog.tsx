/** Export HTML: what the page may hold that its readers should perhaps not see. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { useAttempt } from "./attempt";
import { Attempted } from "./Attempted";
import { Dialog } from "./Dialog";
import type { Work } from "./work";

/** Render the dialog; it closes when the page is exported. */
export function ExportHtmlDialog({ work, onClose }: { work: Work; onClose: () => void }) {
  const [keepsHome, setKeepsHome] = useState(false);
  const [keepsEnvironment, setKeepsEnvironment] = useState(false);
  const attempt = useAttempt(work, onClose);
  return (
    <Dialog
      title="Export HTML"
      verb="Export"
      isReady={!attempt.isRunning}
      onSubmit={() => attempt.run("export_html", { options: { keepsHome, keepsEnvironment } }, "Exporting the page")}
      onClose={onClose}
    >
      <p class="mc-note">One file that opens in any browser. It needs no kernel and no network.</p>
      <Check isOn={keepsHome} onChange={setKeepsHome} title="Keep home directories">
        Else they are written as <code>~</code>.
      </Check>
      <Check isOn={keepsEnvironment} onChange={setKeepsEnvironment} title="Keep environment variables">
        They may hold keys and passwords.
      </Check>
      <Attempted attempt={attempt} work={work} />
    </Dialog>
  );
}

function Check({ isOn, onChange, title, children }: {
  isOn: boolean;
  onChange: (isOn: boolean) => void;
  title: string;
  children: ComponentChildren;
}) {
  return (
    <label class="mc-check">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {title}
        <small>{children}</small>
      </span>
    </label>
  );
}
