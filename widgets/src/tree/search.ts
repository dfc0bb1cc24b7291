/** Search: which nodes of a tree a query finds. */

import { Haystack } from "./haystack";
import type { TreeModel } from "./model";
import { isEmptyQuery, type Query } from "./query";

/** What was found: columns with 1 for yes. */
export interface Found {
  readonly count: number;
  /** Found itself. */
  readonly isHit: Uint8Array;
  /** Something below it was found. */
  readonly hasHitBelow: Uint8Array;
}

type Haystacks = Readonly<Record<"name" | "detail", Haystack>>;

/** What a reader who looks for problems wants to see even where all went well: it costs time each time. */
const PROBLEM_KINDS = new Set(["graph_break", "recompile"]);

// Made at the first search, not with the model: a tree that grows is replaced twice a second.
const haystacksOf = new WeakMap<TreeModel, Haystacks>();

/** Return what a query finds, or null where it asks for nothing. */
export function search(tree: TreeModel, query: Query, onlyProblems: boolean): Found | null {
  if (isEmptyQuery(query) && !onlyProblems) return null;
  const isHit = new Uint8Array(tree.count).fill(1);
  if (onlyProblems) keepProblems(isHit, tree);
  for (const states of query.states) keep(isHit, tree.state, places(tree.states, ({ word }) => begins(word, states)));
  for (const types of query.types) keepTypes(isHit, tree, types);
  for (const word of query.words) keepWord(isHit, tree, word);
  for (const reasons of query.reasons) keepReasons(isHit, tree, reasons);
  return found(tree, isHit);
}

/** Return how many problems there are: graph breaks, recompiles, and trouble that nothing below it brought. */
export function problemCount(tree: TreeModel): number {
  const isTrouble = places(tree.states, (state) => state.isProblem);
  const isOfKind = places(tree.kinds, (kind) => PROBLEM_KINDS.has(kind));
  const { isHit, hasHitBelow } = found(tree, tree.state.map((state) => isTrouble[state]!));
  return isHit.reduce((count, hit, place) => count + (isOfKind[tree.kind[place]!] || (hit && !hasHitBelow[place]) ? 1 : 0), 0);
}

function found(tree: TreeModel, isHit: Uint8Array): Found {
  const hasHitBelow = new Uint8Array(tree.count);
  let count = 0;
  for (let place = tree.count - 1; place >= 0; place -= 1) {
    const above = tree.parent[place]!;
    count += isHit[place]!;
    if (above >= 0 && (isHit[place] || hasHitBelow[place])) hasHitBelow[above] = 1;
  }
  return { count, isHit, hasHitBelow };
}

function keepWord(isHit: Uint8Array, tree: TreeModel, word: string): void {
  const isWanted = new Uint8Array(tree.count);
  const { name, detail } = haystacks(tree);
  name.mark(word, isWanted);
  detail.mark(word, isWanted);
  const isLabelled = places(tree.labels, (label) => label.includes(word));
  for (let place = 0; place < tree.count; place += 1) {
    if (!isWanted[place] && !isLabelled[tree.label[place]!]) isHit[place] = 0;
  }
}

function keepReasons(isHit: Uint8Array, tree: TreeModel, reasons: readonly string[]): void {
  const isWanted = new Uint8Array(tree.count);
  for (const reason of reasons) haystacks(tree).detail.mark(reason, isWanted);
  for (let place = 0; place < tree.count; place += 1) isHit[place]! &= isWanted[place]!;
}

function keepTypes(isHit: Uint8Array, tree: TreeModel, types: readonly string[]): void {
  const wanted = types.map(plain);
  const isLabelled = places(tree.labels, (label) => begins(plain(label), wanted));
  const isOfKind = places(tree.kinds, (kind) => begins(plain(kind), wanted));
  for (let place = 0; place < tree.count; place += 1) {
    isHit[place]! &= isLabelled[tree.label[place]!]! | isOfKind[tree.kind[place]!]!;
  }
}

function keepProblems(isHit: Uint8Array, tree: TreeModel): void {
  const isTrouble = places(tree.states, (state) => state.isProblem);
  const isOfKind = places(tree.kinds, (kind) => PROBLEM_KINDS.has(kind));
  for (let place = 0; place < tree.count; place += 1) {
    isHit[place]! &= isTrouble[tree.state[place]!]! | isOfKind[tree.kind[place]!]!;
  }
}

function keep(isHit: Uint8Array, column: Uint8Array, isWanted: Uint8Array): void {
  for (let place = 0; place < isHit.length; place += 1) isHit[place]! &= isWanted[column[place]!]!;
}

/** Return a column with 1 for the entries of a short list that are wanted. */
function places<T>(list: readonly T[], isWanted: (entry: T) => boolean): Uint8Array {
  return Uint8Array.from(list, (entry) => Number(isWanted(entry)));
}

function begins(text: string, beginnings: readonly string[]): boolean {
  return text !== "" && beginnings.some((beginning) => text.startsWith(beginning));
}

/** `graph break`, `graph_break` and `graph-break` are one type. */
function plain(text: string): string {
  return text.toLowerCase().replace(/[\s_-]/g, "");
}

function haystacks(tree: TreeModel): Haystacks {
  let made = haystacksOf.get(tree);
  if (!made) {
    made = { name: new Haystack(tree.name), detail: new Haystack(tree.detail) };
    haystacksOf.set(tree, made);
  }
  return made;
}
