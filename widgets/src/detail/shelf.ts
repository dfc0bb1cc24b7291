/**
 * Shelf: the parts that a host handed out, the latest of them kept.
 *
 * A part that is asked for again while it is kept is there at once; a failed one is asked for again.
 */

import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";

import type { Host, Parts } from "../host";

/** How many parts of one kind are kept. */
export const KEPT = 50;

/** Named by their content: these stay true however a session goes on. */
const UNCHANGING: ReadonlySet<keyof Parts> = new Set<keyof Parts>(["text", "components", "plotly"]);

/** One host's parts. */
export class Shelf {
  readonly #kept = new Map<keyof Parts, Map<string, Promise<unknown>>>();
  readonly #listeners = new Set<() => void>();

  constructor(readonly host: Host) {}

  /** Return a part, from the shelf or from the host. */
  part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]> {
    const ofKind = this.#ofKind(kind);
    const part = (ofKind.get(name) as Promise<Parts[K]> | undefined) ?? this.host.part(kind, name);
    ofKind.delete(name);
    ofKind.set(name, part);
    part.catch(() => ofKind.get(name) === part && ofKind.delete(name));
    for (const oldest of ofKind.keys()) {
      if (ofKind.size <= KEPT) break;
      ofKind.delete(oldest);
    }
    return part;
  }

  /** Forget the parts that a session at work may have changed, and tell those who show one. */
  renew(): void {
    for (const kind of this.#kept.keys()) {
      if (!UNCHANGING.has(kind)) this.#kept.delete(kind);
    }
    for (const listener of this.#listeners) listener();
  }

  /** Call back after each renewal, until the returned function is called. */
  onRenewal(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #ofKind(kind: keyof Parts): Map<string, Promise<unknown>> {
    let ofKind = this.#kept.get(kind);
    if (!ofKind) this.#kept.set(kind, (ofKind = new Map()));
    return ofKind;
  }
}

/** Return the shelf of a host, renewed whenever the host's trees are others than before. */
export function useShelf(host: Host): Shelf {
  const shelf = useMemo(() => new Shelf(host), [host]);
  useEffect(() => host.onChange(() => shelf.renew()), [host, shelf]);
  return shelf;
}

/** A part as far as it is known: neither `part` nor `error` while the host is asked. */
export interface Answer<T> {
  readonly part?: T;
  readonly error?: string;
  readonly ask: () => void;
}

/**
 * Return a part of a shelf, and render again when it comes.
 *
 * The answer belongs to the name that was asked for: under a new name, nothing of the old one is shown. A part that is
 * renewed stays until its successor has come.
 *
 * @param name The name of the part; null asks for nothing.
 */
export function usePart<K extends keyof Parts>(shelf: Shelf, kind: K, name: string | null): Answer<Parts[K]> {
  const [round, setRound] = useState(0);
  const [came, setCame] = useState<{ name: string; shelf: Shelf; part?: Parts[K]; error?: string }>();
  const ask = () => {
    setCame(undefined);
    setRound((before) => before + 1);
  };

  useLayoutEffect(() => shelf.onRenewal(() => setRound((before) => before + 1)), [shelf]);
  // Before the paint, not after it: a part that is kept then shows without an empty frame.
  useLayoutEffect(() => {
    if (name === null) return;
    let isAwaited = true;
    shelf.part(kind, name).then(
      (part) => isAwaited && setCame({ name, shelf, part }),
      (error: unknown) => isAwaited && setCame({ name, shelf, error: sentence(error) }),
    );
    return () => {
      isAwaited = false;
    };
  }, [shelf, kind, name, round]);

  if (!came || came.name !== name || came.shelf !== shelf) return { ask };
  return came.error === undefined ? { part: came.part as Parts[K], ask } : { error: came.error, ask };
}

/** Return the message of whatever was thrown, as a sentence. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
