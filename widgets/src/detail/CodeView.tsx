/** Code view: one text with line numbers and colour, a field to find a word in it, and a button to copy it. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { formatBytes, formatCount } from "../format";
import type { TextPart } from "../host";
import { CopyButton } from "./CopyButton";
import { FOUND_LIMIT, marked, places, TextIndex } from "./find";
import { highlightedLines } from "./highlight";

/** Lines are drawn by the block, and a browser passes over the blocks that are out of sight. */
const BLOCK_LENGTH = 200;

/** Render a text; `title` names it. */
export function CodeView({ part, title }: { part: TextPart; title: string }) {
  const lines = useMemo(() => highlightedLines(part.text, part.language), [part]);
  const box = useRef<HTMLDivElement>(null);
  const find = useFind(part.text, box);
  const columns = useMemo(() => part.text.split("\n").reduce((most, line) => Math.max(most, line.length), 0), [part]);
  const firsts = Array.from({ length: Math.ceil(lines.length / BLOCK_LENGTH) }, (_, at) => at * BLOCK_LENGTH);
  return (
    <div class="mc-code-view">
      <div class="mc-tools">
        <FindField find={find} />
        <CopyButton text={part.text} what={title} />
      </div>
      <div class="mc-code" ref={box} tabIndex={0} role="region" aria-label={title}>
        {firsts.map((first) => {
          const block = lines.slice(first, first + BLOCK_LENGTH);
          const size = `${columns + 8}ch calc(${block.length} * var(--mc-code-line))`;
          return <Block key={first} first={first} lines={block} size={size} />;
        })}
      </div>
      {part.leftOutBytes > 0 && <p class="mc-note">{formatBytes(part.leftOutBytes)} more at the end are not shown.</p>}
    </div>
  );
}

function Block({ first, lines, size }: { first: number; lines: readonly string[]; size: string }) {
  const numbers = lines.map((_, at) => first + at + 1).join("\n");
  return (
    <div class="mc-code-block" style={{ containIntrinsicSize: size }}>
      <span class="mc-code-numbers" aria-hidden="true">{numbers}</span>
      <code dangerouslySetInnerHTML={{ __html: `${lines.join("\n")}\n` }} />
    </div>
  );
}

type Find = ReturnType<typeof useFind>;

function useFind(text: string, box: { readonly current: HTMLDivElement | null }) {
  const [word, setWord] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => places(text, word), [text, word]);
  const index = useRef<TextIndex | null>(null);

  useLayoutEffect(() => {
    index.current = null;
  }, [text]);
  useLayoutEffect(() => setAt(0), [text, word]);
  useEffect(() => {
    if (!found.length || !box.current) return;
    const nodes = (index.current ??= new TextIndex(box.current.querySelectorAll("code")));
    const ranges = found.map((place) => nodes.range(place, word.length));
    const here = ranges[at];
    if (here) bringIntoView(box.current, here);
    return marked(ranges, here);
  }, [found, at]);

  const step = (by: number) => found.length && setAt((at + by + found.length) % found.length);
  return { word, setWord, found: found.length, at, step };
}

function FindField({ find }: { find: Find }) {
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    event.preventDefault();
    find.step(event.shiftKey ? -1 : 1);
  }
  return (
    <>
      <input
        class="mc-input"
        type="search"
        placeholder="Find…"
        aria-label="Find in this text"
        value={find.word}
        onInput={(event) => find.setWord(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <span class="mc-found" role="status">{foundText(find)}</span>
      <StepButton find={find} by={-1} label="Previous place" sign="↑" />
      <StepButton find={find} by={1} label="Next place" sign="↓" />
    </>
  );
}

function StepButton({ find, by, label, sign }: { find: Find; by: 1 | -1; label: string; sign: string }) {
  return (
    <button type="button" class="mc-button" aria-label={label} disabled={find.found < 2} onClick={() => find.step(by)}>
      {sign}
    </button>
  );
}

function foundText({ word, found, at }: Find): string {
  if (!word) return "";
  if (!found) return "not found";
  return `${formatCount(at + 1)} of ${formatCount(found)}${found === FOUND_LIMIT ? " or more" : ""}`;
}

/** Scroll the box, and nothing around it, so far that a range is seen. */
function bringIntoView(box: HTMLElement, range: Range): void {
  const frame = box.getBoundingClientRect();
  const place = range.getBoundingClientRect();
  if (place.top < frame.top || place.bottom > frame.bottom) {
    box.scrollTop += place.top - frame.top - (frame.height - place.height) / 2;
  }
  if (place.left < frame.left + 60 || place.right > frame.right) {
    box.scrollLeft += place.left - frame.left - frame.width / 2;
  }
}
