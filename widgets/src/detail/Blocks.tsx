/**
 * Blocks: a long list of rows that may be of any height; only those near what is seen are in the document.
 *
 * Rows are mounted by the block: one that is far away is an empty box of the height it had when it was left.
 */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** Up to here every row is mounted, which costs less than watching. */
export const WHOLE_LIMIT = 300;

const BLOCK_LENGTH = 60;

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  /** The height of a row before it was measured, in pixels. */
  readonly rowHeight: number;
  readonly children: (item: T) => ComponentChildren;
}

/** Render a list; each child becomes the content of a list item. */
export function Blocks<T>({ label, items, rowHeight, children }: Props<T>) {
  const rows = (first: number, end: number) =>
    items.slice(first, end).map((item, at) => (
      <div key={first + at} role="listitem" aria-setsize={items.length} aria-posinset={first + at + 1}>
        {children(item)}
      </div>
    ));
  if (items.length <= WHOLE_LIMIT) {
    return <div class="mc-list" role="list" aria-label={label}>{rows(0, items.length)}</div>;
  }
  const firsts = Array.from({ length: Math.ceil(items.length / BLOCK_LENGTH) }, (_, at) => at * BLOCK_LENGTH);
  return (
    <div class="mc-list" role="list" aria-label={label}>
      {firsts.map((first) => {
        const end = Math.min(first + BLOCK_LENGTH, items.length);
        return <Block key={first} isFirst={first === 0} height={(end - first) * rowHeight} rows={() => rows(first, end)} />;
      })}
    </div>
  );
}

function Block({ isFirst, height, rows }: { isFirst: boolean; height: number; rows: () => ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const measured = useRef(height);
  const [isNear, setIsNear] = useState(isFirst);

  useLayoutEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        const last = entries[entries.length - 1]!;
        if (!last.isIntersecting) measured.current = last.boundingClientRect.height || height;
        setIsNear(last.isIntersecting);
      },
      { root: box.current!.closest(".mc-panel"), rootMargin: "800px 0px" },
    );
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  return (
    <div ref={box} role="presentation" style={isNear ? {} : { height: `${measured.current}px` }}>
      {isNear && rows()}
    </div>
  );
}
