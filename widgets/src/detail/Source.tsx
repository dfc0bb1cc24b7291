/** Source: the lines of a function, each marked by what became of it, with the reason beside the line. */

import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

import type { NodeDetail, SourcePart } from "../host";
import { Findings } from "./Findings";
import { highlightedLines } from "./highlight";
import { type Shelf, usePart } from "./shelf";
import { Shown } from "./Shown";

/** Every mark of a line with its words, as `megacache/views/source.py` has them. */
const MARKS = {
  graph: "in a graph",
  break: "graph break",
  guard: "a guard here failed",
  eager: "runs in Python",
} as const;

type Mark = keyof typeof MARKS;
type Line = SourcePart["lines"][number];

/** Render the source that a node is about, with what was found in it. */
export function Source({ shelf, node }: { shelf: Shelf; node: NodeDetail }) {
  const answer = usePart(shelf, "source", node.source);
  const { findings } = node.overview;
  // Several would push the source out of sight; each is told beside its line as well.
  const isOnTop = findings.length === 1;
  return (
    <>
      {isOnTop && <Findings findings={findings} />}
      <Shown answer={answer} what="the source">{(part) => <Lines part={part} here={node.line} />}</Shown>
      {!isOnTop && <Findings findings={findings} />}
    </>
  );
}

function Lines({ part, here }: { part: SourcePart; here: number | null }) {
  const html = useMemo(() => highlightedLines(dedented(part.lines), "python"), [part]);
  const box = useRef<HTMLDivElement>(null);
  const used = (Object.keys(MARKS) as Mark[]).filter((mark) => part.lines.some((line) => line.mark === mark));
  useLayoutEffect(() => {
    const line = box.current?.querySelector<HTMLElement>(".mc-line-here");
    if (line) centre(line);
  }, [part, here]);

  if (part.lines.length === 0) return <p class="mc-empty">The source was not recorded.</p>;
  return (
    <figure class="mc-source">
      <figcaption><code>{part.qualname}</code> {part.file}</figcaption>
      <div class="mc-source-lines" ref={box} role="list" aria-label={`Source of ${part.qualname}`}>
        {part.lines.map((line, at) => (
          <SourceLine key={line.number} line={line} html={html[at] ?? ""} isHere={line.number === here} />
        ))}
      </div>
      <ul class="mc-legend" aria-hidden="true">
        {used.map((mark) => <li key={mark}><i class={`mc-key mc-mark-${mark}`} />{MARKS[mark]}</li>)}
      </ul>
    </figure>
  );
}

function SourceLine({ line, html, isHere }: { line: Line; html: string; isHere: boolean }) {
  const words = MARKS[line.mark as Mark] as string | undefined;
  return (
    <div
      class={`mc-line${line.mark ? ` mc-line-${line.mark}` : ""}${isHere ? " mc-line-here" : ""}`}
      role="listitem"
      aria-current={isHere ? "location" : undefined}
    >
      <span class="mc-line-number">{line.number}</span>
      <i class={line.mark ? `mc-mark-${line.mark}` : ""} title={words} />
      <code dangerouslySetInnerHTML={{ __html: html || "\n" }} />
      {line.notes.length > 0 && <span class="mc-line-notes">{line.notes.map((note) => <span key={note}>{note}</span>)}</span>}
      {words && line.notes.length === 0 && <span class="mc-spoken">{words}</span>}
    </div>
  );
}

/** Return the text of the lines without the indent that they share. */
function dedented(lines: readonly Line[]): string {
  const indents = lines.filter((line) => line.text.trim()).map((line) => line.text.search(/\S/));
  const shared = indents.length ? Math.min(...indents) : 0;
  return lines.map((line) => line.text.slice(shared)).join("\n");
}

/** Scroll the panel, and nothing around it: the notebook stays where it is. */
function centre(line: HTMLElement): void {
  const panel = line.closest<HTMLElement>(".mc-panel");
  if (!panel) return;
  const top = line.getBoundingClientRect().top - panel.getBoundingClientRect().top;
  panel.scrollTop += top - (panel.clientHeight - line.offsetHeight) / 2;
}
