/** File field: a file that is chosen or dropped. */

import { useState } from "preact/hooks";

/** Render the field. */
export function FileField({ file, onChoose }: { file: File | null; onChoose: (file: File) => void }) {
  const [isOver, setIsOver] = useState(false);

  function take(files: FileList | null | undefined): void {
    const first = files?.[0];
    if (first) onChoose(first);
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    setIsOver(false);
    take(event.dataTransfer?.files);
  }

  return (
    <label
      class={`mc-file ${isOver ? "mc-file-over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={onDrop}
    >
      <input type="file" onChange={(event) => take(event.currentTarget.files)} />
      <span>{file ? file.name : "Choose a file, or drop one here"}</span>
    </label>
  );
}
