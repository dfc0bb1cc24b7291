/** Tree: the lines that are seen, of any number, after the WAI-ARIA pattern of a tree view. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { useOwnId } from "../ids";
import { useAnchor } from "./anchor";
import { TreeKeys } from "./keys";
import type { TreeModel } from "./model";
import { lineOf, type Rows } from "./rows";
import { rowId, TreeRow } from "./TreeRow";
import type { TreeView } from "./view";
import { LINE, type Window, windowOf } from "./window";

interface Props {
  readonly view: TreeView;
  readonly tree: TreeModel;
  readonly rows: Rows;
}

/** Render the tree that a view shows. */
export function Tree({ view, tree, rows }: Props) {
  const base = useOwnId();
  const scroller = useRef<HTMLDivElement>(null);
  const keys = useMemo(() => new TreeKeys(view), [view]);
  const [window, measure] = useWindow(scroller);
  const selected = view.selected.value;
  const line = selected !== null ? lineOf(rows, tree.placeOf(selected)) : -1;
  useAnchor(scroller, tree, rows);

  useLayoutEffect(() => {
    if (line >= 0) scrollTo(scroller.current!, line);
  }, [selected, view.text.value, view.onlyProblems.value, view.order.value]);

  function onKeyDown(event: KeyboardEvent): void {
    if (keys.press(event, Math.max(1, window.lines - 1))) event.preventDefault();
  }

  return (
    <div
      class="mc-tree"
      role="tree"
      aria-label="Recording"
      tabIndex={0}
      aria-activedescendant={line >= 0 ? rowId(base, tree.id[rows.place[line]!]!) : undefined}
      ref={scroller}
      onScroll={measure}
      onKeyDown={onKeyDown}
    >
      <div class="mc-tree-lines" role="presentation" style={{ height: `${rows.count * LINE}px` }}>
        {mounted(rows, window, line).map((at) => (
          <TreeRow key={tree.id[rows.place[at]!]} {...{ base, view, tree, rows, line: at }} isSelected={at === line} />
        ))}
      </div>
    </div>
  );
}

/** Return the lines that are in the document: those near what is seen, and the selected one, which has the focus. */
function mounted(rows: Rows, { first, lines }: Window, selected: number): number[] {
  const end = Math.min(rows.count, first + lines);
  const seen = Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);
  if (selected >= 0 && selected < first) return [selected, ...seen];
  return selected >= end ? [...seen, selected] : seen;
}

/** Return what is seen of an element, and what measures it anew; it is rendered again when lines come or go. */
function useWindow(scroller: { readonly current: HTMLElement | null }): [Window, () => void] {
  const [window, setWindow] = useState<Window>(() => windowOf(0, 0));
  const measure = () => {
    const { scrollTop, clientHeight } = scroller.current!;
    const next = windowOf(scrollTop, clientHeight);
    setWindow((before) => (before.first === next.first && before.lines === next.lines ? before : next));
  };
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(scroller.current!);
    return () => observer.disconnect();
  }, []);
  return [window, measure];
}

function scrollTo(scroller: HTMLElement, line: number): void {
  const { scrollTop, clientHeight } = scroller;
  if (line * LINE < scrollTop) scroller.scrollTop = line * LINE;
  else if ((line + 1) * LINE > scrollTop + clientHeight) scroller.scrollTop = (line + 1) * LINE - clientHeight;
}
