/** Keys: what the keyboard does in a tree, after the WAI-ARIA pattern of a tree view. */

import type { TreeModel } from "./model";
import { lineOf, type Rows } from "./rows";
import { Typeahead } from "./typeahead";
import type { TreeView } from "./view";

/** The keyboard of one tree. */
export class TreeKeys {
  readonly #typeahead = new Typeahead();

  constructor(private readonly view: TreeView) {}

  /**
   * Do what a key asks for.
   *
   * @param pageLines How many lines are seen at once.
   * @returns Whether the key means something here.
   */
  press(event: KeyboardEvent, pageLines: number): boolean {
    const [tree, rows] = [this.view.tree.value, this.view.rows.value];
    if (!tree || !rows?.count || event.ctrlKey || event.metaKey || event.altKey) return false;
    const line = this.#line(tree, rows);
    if (this.#turn(event.key, tree, rows, line)) return true;
    const next = nextLine(event.key, line, rows.count, pageLines) ?? this.#typed(event.key, tree, rows, line);
    if (next === null) return false;
    this.#select(tree, rows, next);
    return true;
  }

  /** Open and close; left and right also go up and down a level. */
  #turn(key: string, tree: TreeModel, rows: Rows, line: number): boolean {
    const place = rows.place[line];
    if (place === undefined) return false;
    const isOpen = tree.hasChildren(place) && this.view.isOpen(place);
    switch (key) {
      case "ArrowRight":
        if (isOpen) this.#select(tree, rows, line + 1);
        else this.view.setOpen([place], true);
        return true;
      case "ArrowLeft":
        if (isOpen) this.view.setOpen([place], false);
        else if (tree.parent[place]! >= 0) this.view.select(tree.id[tree.parent[place]!]!);
        return true;
      case "Enter":
        this.view.toggle(place);
        return true;
      case " ":
        if (this.#typeahead.isTyping) return false;
        this.view.toggle(place);
        return true;
      case "*":
        this.view.setOpen(tree.parent[place]! < 0 ? tree.roots : tree.children(tree.parent[place]!), true);
        return true;
      default:
        return false;
    }
  }

  #typed(key: string, tree: TreeModel, rows: Rows, line: number): number | null {
    return this.#typeahead.type(key, rows.count, line, (at) => tree.nameOf(rows.place[at]!));
  }

  #select(tree: TreeModel, rows: Rows, line: number): void {
    this.view.select(tree.id[rows.place[line]!]!);
  }

  /** Return the line that is selected, or that of what hides it; -1 where there is none. */
  #line(tree: TreeModel, rows: Rows): number {
    const id = this.view.selected.value;
    let place = id === null ? -1 : tree.placeOf(id);
    while (place >= 0 && lineOf(rows, place) < 0) place = tree.parent[place]!;
    return place < 0 ? -1 : lineOf(rows, place);
  }
}

function nextLine(key: string, line: number, count: number, pageLines: number): number | null {
  const within = (wanted: number) => Math.max(0, Math.min(count - 1, wanted));
  switch (key) {
    case "ArrowDown":
      return within(line + 1);
    case "ArrowUp":
      return within(line - 1);
    case "PageDown":
      return within(line + pageLines);
    case "PageUp":
      return within(line - pageLines);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
