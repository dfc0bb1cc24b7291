/** States: the word, the shape and the tone of what became of a lookup; a shape tells them apart without colour. */

import type { Tone } from "./host";

/** How a state looks; the words are those of `megacache/views/tree.py`. */
export interface StateLook {
  readonly shape: string;
  readonly tone: Tone;
}

const LOOKS: Readonly<Record<string, StateLook>> = {
  failed: { shape: "✕", tone: "problem" },
  limit: { shape: "✕", tone: "problem" },
  refused: { shape: "▲", tone: "problem" },
  rejected: { shape: "▲", tone: "problem" },
  skipped: { shape: "▽", tone: "caution" },
  bypass: { shape: "◆", tone: "caution" },
  missed: { shape: "■", tone: "caution" },
  miss: { shape: "■", tone: "caution" },
  hit: { shape: "●", tone: "hit" },
  loaded: { shape: "◐", tone: "quiet" },
  unused: { shape: "○", tone: "quiet" },
};

// Drawn, not written: fonts disagree on the size of these characters.
const PATHS: Readonly<Record<string, string>> = {
  "✕": "M1.5 1.5l7 7m0-7l-7 7",
  "▲": "M5 1l4.5 8h-9z",
  "▽": "M5 9L.5 1h9z",
  "◆": "M5 0l5 5-5 5-5-5z",
  "■": "M1 1h8v8h-8z",
  "●": "M5 1a4 4 0 1 0 .01 0z",
  "◐": "M5 1a4 4 0 1 0 .01 0zM5 1a4 4 0 0 0 0 8z",
  "○": "M5 1.8a3.2 3.2 0 1 0 .01 0z",
};

const OUTLINED = new Set(["✕", "▽", "○", "◐"]);

/** Return how a state looks; a word that is not known is quiet and has no shape. */
export function lookOf(word: string): StateLook {
  return LOOKS[word] ?? { shape: "", tone: "quiet" };
}

/** Render a state as shape and word; nothing for the empty state. */
export function State({ word }: { word: string }) {
  if (!word) return null;
  const { shape, tone } = lookOf(word);
  return (
    <span class={`mc-state mc-tone-${tone}`}>
      <Shape shape={shape} />
      <span>{word}</span>
    </span>
  );
}

/** Render a shape in the colour of the text around it. */
export function Shape({ shape }: { shape: string }) {
  return (
    <svg class={`mc-shape ${OUTLINED.has(shape) ? "mc-shape-outlined" : ""}`} viewBox="0 0 10 10" aria-hidden="true">
      <path d={PATHS[shape] ?? ""} />
      {shape === "◐" && <path class="mc-shape-half" d="M5 1a4 4 0 0 0 0 8z" />}
    </svg>
  );
}
