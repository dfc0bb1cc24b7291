/** Find: where a word stands in a text that is shown, marked without touching the document. */

/** The most places that are looked for; who finds more needs a longer word. */
export const FOUND_LIMIT = 2000;

const ALL = "mc-find";
const HERE = "mc-find-here";

/** Return where a word begins in a text, whatever its case, up to `FOUND_LIMIT` places. */
export function places(text: string, word: string): number[] {
  if (!word) return [];
  const pattern = new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  const found: number[] = [];
  for (const match of text.matchAll(pattern)) {
    if (found.push(match.index) === FOUND_LIMIT) break;
  }
  return found;
}

/** The text nodes of some elements, as one text. */
export class TextIndex {
  readonly #nodes: Text[] = [];
  readonly #starts: number[] = [];

  constructor(elements: Iterable<Element>) {
    let length = 0;
    for (const element of elements) {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode() as Text | null; node; node = walker.nextNode() as Text | null) {
        this.#nodes.push(node);
        this.#starts.push(length);
        length += node.length;
      }
    }
  }

  /** Return the range of so many characters from a place. */
  range(from: number, length: number): Range {
    const range = document.createRange();
    const first = this.#at(from);
    const last = this.#at(from + length - 1);
    range.setStart(this.#nodes[first]!, from - this.#starts[first]!);
    range.setEnd(this.#nodes[last]!, from + length - this.#starts[last]!);
    return range;
  }

  #at(place: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Mark what was found, and what of it is looked at, until the returned function is called.
 *
 * The marks are CSS highlights, which all explorers of a page share; each takes only its own ones away.
 */
export function marked(found: readonly Range[], here: Range | undefined): () => void {
  if (!("highlights" in CSS)) return () => {};
  const all = highlight(ALL);
  const one = highlight(HERE);
  one.priority = 1;
  for (const range of found) all.add(range);
  if (here) one.add(here);
  return () => {
    for (const range of found) all.delete(range);
    if (here) one.delete(here);
  };
}

function highlight(name: string): Highlight {
  const kept = CSS.highlights.get(name) ?? new Highlight();
  CSS.highlights.set(name, kept);
  return kept;
}
