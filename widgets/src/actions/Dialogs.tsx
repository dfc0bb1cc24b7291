/** Dialogs: which of them is open. */

import type { Summary } from "../host";
import { ExportHtmlDialog } from "./ExportHtmlDialog";
import { LoadDialog } from "./LoadDialog";
import { SaveAsDialog } from "./SaveAsDialog";
import type { Work } from "./work";

/** The actions that ask something first. */
export type DialogName = "save_as" | "load" | "export_html";

/** Render the dialog of a name. */
export function Dialogs({ name, work, summary, onClose }: {
  name: DialogName | null;
  work: Work;
  summary: Summary | undefined;
  onClose: () => void;
}) {
  switch (name) {
    case "save_as":
      return <SaveAsDialog work={work} bundle={summary?.bundle ?? ""} onClose={onClose} />;
    case "load":
      // What can be saved is a session, which has loaded its own bundle when it began.
      return <LoadDialog work={work} own={work.can("save") ? "" : (summary?.bundle ?? "")} onClose={onClose} />;
    case "export_html":
      return <ExportHtmlDialog work={work} onClose={onClose} />;
    case null:
      return null;
  }
}
