/** Menu: a button that opens a list of actions, after the WAI-ARIA pattern of a menu button. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { useOwnId } from "../ids";

/** One action. */
export interface MenuItem {
  readonly title: string;
  readonly onChoose: () => void;
}

interface Props {
  readonly label: string;
  readonly items: readonly MenuItem[];
  readonly isBusy: boolean;
}

/** Render the button, and the list while it is open. */
export function Menu({ label, items, isBusy }: Props) {
  const id = useOwnId();
  const box = useRef<HTMLDivElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const button = () => box.current!.querySelector<HTMLElement>("[aria-haspopup]")!;
  const entries = () => [...box.current!.querySelectorAll<HTMLElement>('[role="menuitem"]')];

  useLayoutEffect(() => {
    if (isOpen) entries()[0]?.focus();
  }, [isOpen]);
  useOutside(box, isOpen, () => setIsOpen(false));

  function choose(item: MenuItem): void {
    setIsOpen(false);
    button().focus();
    item.onChoose();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === "Escape") button().focus();
    else if (event.key !== "Tab") return moveTo(event, entries());
    setIsOpen(false);
  }

  return (
    <div class="mc-menu" ref={box}>
      <button
        type="button"
        class="mc-button"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        aria-disabled={isBusy}
        onClick={() => isBusy || setIsOpen(!isOpen)}
        onKeyDown={(event) => event.key === "ArrowDown" && !isBusy && setIsOpen(true)}
      >
        {label} <span aria-hidden="true">▾</span>
      </button>
      {isOpen && (
        <div class="mc-menu-list" role="menu" id={id} aria-label={label} onKeyDown={onKeyDown}>
          {items.map((item) => (
            <button key={item.title} type="button" role="menuitem" tabIndex={-1} onClick={() => choose(item)}>
              {item.title}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

/** Move the focus within a ring of entries. */
function moveTo(event: KeyboardEvent, entries: readonly HTMLElement[]): void {
  const at = entries.indexOf(event.target as HTMLElement);
  const next = {
    ArrowDown: (at + 1) % entries.length,
    ArrowUp: (at - 1 + entries.length) % entries.length,
    Home: 0,
    End: entries.length - 1,
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  entries[next]?.focus();
}

/** Call back when something outside an element is pressed. */
function useOutside(box: { readonly current: HTMLElement | null }, isWatched: boolean, onOutside: () => void): void {
  useEffect(() => {
    if (!isWatched) return;
    const onPress = (event: Event) => event.composedPath().includes(box.current!) || onOutside();
    document.addEventListener("pointerdown", onPress, true);
    return () => document.removeEventListener("pointerdown", onPress, true);
  }, [isWatched]);
}
