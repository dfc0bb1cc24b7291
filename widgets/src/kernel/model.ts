/** Kernel model: what of an anywidget model is used here; the rest of the front end does not know of it. */

/** The traits that `megacache/explorer/widget.py` synchronises. */
export interface Traits {
  readonly _tree: DataView | null;
  readonly _actions: readonly string[];
  readonly _has_plotly: boolean;
  readonly _uid: string;
  /** In pixels. */
  readonly _height: number;
}

/** Called for a change of a trait, for a change of the connection, and for a message with its buffers. */
export type Listener = (message: unknown, buffers?: readonly (DataView | ArrayBuffer)[]) => void;

/** A model with a kernel behind it, as long as there is one. */
export interface KernelModel {
  get<K extends keyof Traits>(trait: K): Traits[K];
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

/** Return the bytes of a buffer, where they are. */
export function bytesOf(buffer: DataView | ArrayBuffer): Uint8Array {
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}
