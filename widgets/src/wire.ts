/**
 * Wire: a tree as `megacache/explorer/wire.py` encodes it.
 *
 * Gzip of: a uint32 H, H bytes of JSON (the head), zeros up to a multiple of 8, and the columns. Numbers are little-endian
 * and lie at multiples of 8, so that they are read where they are, without a copy.
 */

import { gunzip } from "./gzip";
import type { Summary } from "./host";

const VERSION = 1;
const ALIGNMENT = 8;

/** A state that nodes may have; how it looks is in `states.tsx`. */
export interface TreeState {
  readonly word: string;
  readonly isProblem: boolean;
}

/** A tree as columns: one entry per node, in preorder. */
export interface TreeColumns {
  readonly count: number;
  readonly kinds: readonly string[];
  readonly labels: readonly string[];
  readonly states: readonly TreeState[];
  readonly summary: Summary;
  /** Whole numbers that name a node over all updates. */
  readonly id: Float64Array;
  /** Microseconds, here and below; NaN where nobody knows. */
  readonly duration: Float64Array;
  /** Bytes, here and below; NaN where there are none. */
  readonly size: Float64Array;
  /** The place of the parent, -1 at the top. */
  readonly parent: Int32Array;
  readonly label: Uint16Array;
  readonly kind: Uint8Array;
  readonly state: Uint8Array;
  readonly name: readonly string[];
  readonly detail: readonly string[];
}

interface Column {
  readonly type: string;
  readonly offset: number;
  readonly bytes: number;
}

type Head = Pick<TreeColumns, "count" | "kinds" | "labels" | "states" | "summary"> & {
  readonly version: number;
  readonly columns: Readonly<Record<string, Column>>;
};

/** Decode a tree; throws a sentence where the bytes are none that this version reads. */
export async function decodeTree(bytes: Uint8Array): Promise<TreeColumns> {
  const raw = await gunzip(bytes);
  const headBytes = new DataView(raw.buffer, raw.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + headBytes))) as Head;
  if (head.version !== VERSION) {
    throw new Error(`This tree has version ${head.version}; the explorer reads version ${VERSION}. Run the cell again.`);
  }
  const body = Math.ceil((4 + headBytes) / ALIGNMENT) * ALIGNMENT;
  return columnsOf(head, new Body(head, raw, body));
}

function columnsOf(head: Head, body: Body): TreeColumns {
  const { count, kinds, labels, states, summary } = head;
  return {
    count, kinds, labels, states, summary,
    id: body.numbers("id", "f8", Float64Array),
    duration: body.numbers("duration", "f8", Float64Array),
    size: body.numbers("size", "f8", Float64Array),
    parent: body.numbers("parent", "i4", Int32Array),
    label: body.numbers("label", "u2", Uint16Array),
    kind: body.numbers("kind", "u1", Uint8Array),
    state: body.numbers("state", "u1", Uint8Array),
    name: body.texts("name"),
    detail: body.texts("detail"),
  };
}

/** The columns of one tree, read by name. */
class Body {
  constructor(
    private readonly head: Head,
    private readonly raw: Uint8Array,
    private readonly start: number,
  ) {}

  numbers<T>(name: string, type: string, List: new (buffer: ArrayBufferLike, offset: number, length: number) => T): T {
    const { offset } = this.column(name, type);
    return new List(this.raw.buffer, this.raw.byteOffset + this.start + offset, this.head.count);
  }

  texts(name: string): readonly string[] {
    const { offset, bytes } = this.column(name, "text");
    const from = this.start + offset;
    const text = new TextDecoder().decode(this.raw.subarray(from, from + bytes));
    const texts = this.head.count ? text.split("\n") : [];
    if (texts.length !== this.head.count) throw damaged(`${texts.length} entries in ${name}, not ${this.head.count}`);
    return texts;
  }

  private column(name: string, type: string): Column {
    const column = this.head.columns[name];
    if (column?.type !== type) throw damaged(`no column ${name} of type ${type}`);
    if (this.start + column.offset + column.bytes > this.raw.length) throw damaged(`the column ${name} is cut off`);
    return column;
  }
}

function damaged(what: string): Error {
  return new Error(`This tree is damaged: ${what}.`);
}
