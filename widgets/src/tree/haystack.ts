/** Haystack: many short texts as one long one, in which a word is found faster than text by text. */

/** Texts without line breaks, searched in any case. */
export class Haystack {
  readonly #text: string;
  readonly #starts: Uint32Array;

  constructor(texts: readonly string[]) {
    this.#text = `${texts.join("\n").toLowerCase()}\n`;
    this.#starts = startsOf(this.#text, texts.length);
  }

  /** Set 1 for each text that holds a word, which is in lower case; an empty word is in none. */
  mark(word: string, found: Uint8Array): void {
    if (!word) return;
    const starts = this.#starts;
    let place = 0;
    let at = this.#text.indexOf(word);
    while (at >= 0) {
      while (starts[place + 1]! <= at) place += 1;
      found[place] = 1;
      // One hit per text is enough: go on behind it.
      at = this.#text.indexOf(word, starts[place + 1]!);
    }
  }
}

/** Return where each text starts, and behind them where one more would. */
function startsOf(text: string, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1);
  for (let place = 0; place < count; place += 1) starts[place + 1] = text.indexOf("\n", starts[place]!) + 1;
  return starts;
}
