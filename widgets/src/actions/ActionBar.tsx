/** Action bar: the buttons of what the host can do; the lesser ones are in a menu. */

import { useState } from "preact/hooks";

import type { Action, Summary } from "../host";
import { Dialogs, type DialogName } from "./Dialogs";
import { Menu, type MenuItem } from "./Menu";
import type { Work } from "./work";

interface Props {
  readonly work: Work;
  readonly summary: Summary | undefined;
}

/** Render the buttons; none for what the host cannot do. */
export function ActionBar({ work, summary }: Props) {
  const [dialog, setDialog] = useState<DialogName | null>(null);
  const isBusy = work.now.value !== null || !summary;
  const run = (action: Action, what: string) => work.run(action, {}, what).catch(() => undefined);
  const lesser = lesserOf(work, () => run("export_trace", "Writing the trace"), setDialog);

  function save(): void {
    if (summary?.bundle) void run("save", `Saving ${summary.bundle}`);
    else setDialog("save_as");
  }

  return (
    <div class="mc-actions" role="group" aria-label="Actions">
      {work.can("save") && <Button isBusy={isBusy} onClick={save}>Save</Button>}
      {(work.can("load") || work.can("upload")) && (
        <Button isBusy={isBusy} onClick={() => setDialog("load")}>Load…</Button>
      )}
      {lesser.length > 1 && <Menu label="More" items={lesser} isBusy={isBusy} />}
      {lesser.length === 1 && <Button isBusy={isBusy} onClick={lesser[0]!.onChoose}>{lesser[0]!.title}</Button>}
      {work.can("export_bundle") && (
        <Button isBusy={isBusy} isPrimary onClick={() => run("export_bundle", "Exporting the bundle")}>Export bundle</Button>
      )}
      <Dialogs name={dialog} work={work} summary={summary} onClose={() => setDialog(null)} />
    </div>
  );
}

function lesserOf(work: Work, writeTrace: () => void, open: (dialog: DialogName) => void): MenuItem[] {
  const items: readonly (MenuItem & { readonly action: Action })[] = [
    { action: "save_as", title: "Save as…", onChoose: () => open("save_as") },
    { action: "export_html", title: "Export HTML…", onChoose: () => open("export_html") },
    { action: "export_trace", title: "Export trace", onChoose: writeTrace },
  ];
  return items.filter(({ action }) => work.can(action));
}

/** While something is done the buttons wait; they keep the focus, which a disabled one would lose. */
function Button({ isBusy, isPrimary = false, onClick, children }: {
  isBusy: boolean;
  isPrimary?: boolean;
  onClick: () => void;
  children: string;
}) {
  return (
    <button
      type="button"
      class={`mc-button ${isPrimary ? "mc-button-primary" : ""}`}
      aria-disabled={isBusy}
      onClick={() => isBusy || onClick()}
    >
      {children}
    </button>
  );
}
