/** Typeahead: letters typed in quick succession lead to the next line that begins with them. */

const PAUSE_MS = 700;

/** What is being typed. */
export class Typeahead {
  #typed = "";
  #at = 0;

  get isTyping(): boolean {
    return this.#typed !== "" && performance.now() - this.#at < PAUSE_MS;
  }

  /** Return the line that a letter leads to, or null for a key that is none or where no line begins so. */
  type(key: string, count: number, line: number, nameOf: (line: number) => string): number | null {
    if ([...key].length !== 1) return null;
    this.#typed = (this.isTyping ? this.#typed : "") + key.toLowerCase();
    this.#at = performance.now();
    // The first letter goes on to another line; more letters may stay on the one that they found.
    const first = line + (this.#typed.length > 1 ? 0 : 1);
    for (let step = 0; step < count; step += 1) {
      const at = (Math.max(first, 0) + step) % count;
      if (nameOf(at).toLowerCase().startsWith(this.#typed)) return at;
    }
    return null;
  }
}
