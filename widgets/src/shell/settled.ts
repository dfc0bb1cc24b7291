/** Settled: a value that changes quickly, such as the selection while an arrow key is held down. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

const REST_MS = 120;

/** Return a value at once after a rest, and during quick changes only when they have come to rest. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  const changed = useRef(-Infinity);
  useLayoutEffect(() => {
    const now = performance.now();
    const isQuick = now - changed.current < REST_MS;
    changed.current = now;
    if (!isQuick) return setSettled(value);
    const timer = setTimeout(() => setSettled(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
