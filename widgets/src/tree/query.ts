/**
 * Query: what is typed into the search field, taken apart.
 *
 * Words are looked for in names, details and labels, and each must be found. `type:`, `state:` and `reason:` narrow:
 * `type:inductor state:miss,bypass reason:"size of"`. All of it in any case.
 */

/** A query; an empty list asks for nothing. */
export interface Query {
  readonly words: readonly string[];
  /** Each filter is a list of which one must apply. */
  readonly types: readonly (readonly string[])[];
  readonly states: readonly (readonly string[])[];
  readonly reasons: readonly (readonly string[])[];
}

const FILTERS: ReadonlyMap<string, Exclude<keyof Query, "words">> = new Map([
  ["type", "types"],
  ["state", "states"],
  ["reason", "reasons"],
]);

const TERM = /(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/g;

/** Take a text apart; a filter that is not known is an ordinary word. */
export function parseQuery(text: string): Query {
  const query = { words: [] as string[], types: [] as string[][], states: [] as string[][], reasons: [] as string[][] };
  const line = text.toLowerCase().replace(/\s+/g, " ");
  for (const [term, filter = "", quoted, bare] of line.matchAll(TERM)) {
    const list = FILTERS.get(filter);
    if (!list) query.words.push(quoted !== undefined && !filter ? quoted : term);
    else {
      const wanted = quoted === undefined ? bare!.split(",").filter(Boolean) : [quoted].filter(Boolean);
      // While `reason:"` is being typed, nothing has to be found yet.
      if (wanted.length) query[list].push(wanted);
    }
  }
  return { ...query, words: query.words.filter((word) => word && !isUnfinished(word)) };
}

/** Say whether a query asks for nothing. */
export function isEmptyQuery({ words, types, states, reasons }: Query): boolean {
  return !words.length && !types.length && !states.length && !reasons.length;
}

/** While `state:` is being typed, nothing has to be found yet. */
function isUnfinished(word: string): boolean {
  return word.endsWith(":") && FILTERS.has(word.slice(0, -1));
}
