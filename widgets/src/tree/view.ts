/**
 * Tree view: what of a tree is seen, and which node is selected.
 *
 * Nodes are remembered by their ids, so that a tree that grows while a cell runs stays as the reader left it.
 */

import { computed, signal } from "@preact/signals";

import type { Grouping } from "../host";
import type { TreeModel } from "./model";
import { parseQuery } from "./query";
import { lineOf, type Order, rowsOf } from "./rows";
import { problemCount, search } from "./search";

/** A tree opens at first as far as this many lines hold. */
const LINES_AT_FIRST = 24;

/** The view of one explorer. */
export class TreeView {
  readonly tree = signal<TreeModel | null>(null);
  readonly selected = signal<number | null>(null);
  readonly text = signal("");
  readonly onlyProblems = signal(false);
  readonly order = signal<Order>("happened");

  readonly problems = computed(() => (this.tree.value ? problemCount(this.tree.value) : 0));
  readonly found = computed(() => {
    const tree = this.tree.value;
    return tree && search(tree, parseQuery(this.text.value), this.onlyProblems.value);
  });
  readonly rows = computed(() => {
    const tree = this.tree.value;
    return tree && rowsOf(tree, this.order.value, (place) => this.isOpen(place), this.found.value);
  });

  readonly #open = signal<ReadonlySet<number>>(new Set());
  /** During a search what leads to a hit is open; these are the exceptions that the reader made. */
  readonly #exceptions = signal<ReadonlySet<number>>(new Set());
  readonly #shown = new Map<Grouping, TreeModel>();
  /** Whether the reader has closed something: from then on nothing opens by itself but what is new at the top. */
  #isTended = false;

  /** Show a tree for the first time or again; what was open and selected stays so. */
  show(tree: TreeModel, grouping: Grouping): void {
    const before = this.#shown.get(grouping);
    this.#shown.set(grouping, tree);
    const isKept = this.#isTended && before?.count;
    const fresh = isKept ? tree.roots.filter((root) => before.placeOf(tree.id[root]!) < 0) : opening(tree);
    this.#add(tree, fresh);
    this.tree.value = tree;
    // While a cell fills the tree nothing is selected: what comes first is seldom what the reader looks for.
    const isFilling = tree.summary.isLive && (before !== undefined || firstFunction(tree) < 0);
    if (this.selected.value === null && tree.count && !isFilling) this.selected.value = tree.id[Math.max(0, firstFunction(tree))]!;
  }

  isOpen(place: number): boolean {
    const tree = this.tree.value!;
    const id = tree.id[place]!;
    const found = this.found.value;
    return found ? Boolean(found.hasHitBelow[place]) !== this.#exceptions.value.has(id) : this.#open.value.has(id);
  }

  setOpen(places: readonly number[], isOpen: boolean): void {
    const tree = this.tree.value!;
    const turned = places.filter((place) => tree.hasChildren(place) && this.isOpen(place) !== isOpen);
    const list = this.found.value ? this.#exceptions : this.#open;
    if (!isOpen && !this.found.value) this.#isTended = true;
    list.value = toggled(list.value, turned.map((place) => tree.id[place]!));
  }

  toggle(place: number): void {
    this.setOpen([place], !this.isOpen(place));
  }

  /** Look for a text; an empty one ends the search. */
  search(text: string): void {
    this.#exceptions.value = new Set();
    this.text.value = text;
    this.#reveal();
  }

  /** Show only what leads to a problem, or all again. */
  showProblems(onlyProblems: boolean): void {
    this.#exceptions.value = new Set();
    this.onlyProblems.value = onlyProblems;
    this.#reveal();
  }

  /** End every search. */
  showAll(): void {
    this.onlyProblems.value = false;
    this.search("");
  }

  /** Order siblings by an amount, or as they happened if they already are. */
  orderBy(order: Order): void {
    this.order.value = this.order.value === order ? "happened" : order;
  }

  /** Select a node wherever it is: what hides it is opened, and a search that does not find it ends. */
  select(id: number): void {
    this.selected.value = id;
    const tree = this.tree.value;
    const place = tree?.placeOf(id) ?? -1;
    if (!tree || place < 0 || lineOf(this.rows.value!, place) >= 0) return;
    this.setOpen(tree.ancestors(place), true);
    if (lineOf(this.rows.value!, place) < 0) this.showAll();
  }

  /** Select the next hit of the search, or the one before. */
  selectHit(step: 1 | -1): void {
    const [tree, rows, found] = [this.tree.value, this.rows.value, this.found.value];
    if (!tree || !rows || !found?.count) return;
    const line = this.selected.value === null ? -1 : lineOf(rows, tree.placeOf(this.selected.value));
    const start = step < 0 ? Math.max(line, 0) : line;
    for (let passed = 1; passed <= rows.count; passed += 1) {
      // The hits are a ring.
      const place = rows.place[(start + step * passed + rows.count) % rows.count]!;
      if (found.isHit[place]) return this.select(tree.id[place]!);
    }
  }

  /** When a search has ended, what was selected in it stays in sight. */
  #reveal(): void {
    const tree = this.tree.value;
    if (!tree || this.found.value || this.selected.value === null) return;
    const place = tree.placeOf(this.selected.value);
    if (place >= 0) this.setOpen(tree.ancestors(place), true);
  }

  #add(tree: TreeModel, places: readonly number[]): void {
    if (places.length) this.#open.value = new Set([...this.#open.value, ...places.map((place) => tree.id[place]!)]);
  }
}

/**
 * Return what is open at first: level by level, as far as there is room.
 *
 * Of a tree that is being filled the artifacts stay folded: those of the first compile would take the room of the next.
 */
function opening(tree: TreeModel): number[] {
  const isArtifact = (place: number) => tree.kindOf(place) === "artifact";
  const open: number[] = [];
  let lines = tree.roots.length;
  let level = tree.roots;
  while (level.length) {
    const below = level.flatMap((place) => tree.children(place));
    lines += below.length;
    // One level is opened in any case: a single session says nothing.
    if (open.length && (lines > LINES_AT_FIRST || (tree.summary.isLive && below.some(isArtifact)))) break;
    open.push(...level);
    level = below;
  }
  return open;
}

/** Return the place of the first function, or -1 where there is none. */
function firstFunction(tree: TreeModel): number {
  return tree.kind.indexOf(tree.kinds.indexOf("function"));
}

function toggled(set: ReadonlySet<number>, ids: readonly number[]): ReadonlySet<number> {
  const other = new Set(set);
  for (const id of ids) if (!other.delete(id)) other.add(id);
  return other;
}
