/** Synthetic: made-up trees of any size, and their wire, as `megacache/explorer/wire.py` encodes it. */

import type { Summary } from "../src/host";
import { TreeModel } from "../src/tree/model";
import type { TreeColumns, TreeState } from "../src/wire";

const KINDS = ["session", "function", "guarded_code", "recompile", "graph_break", "resume", "backend", "artifact", "frame"];
const LABELS = ["", "session", "guarded code", "recompile", "graph break", "resume", "backend", "aot_autograd", "inductor", "kernel"];

const STATES: readonly TreeState[] = [
  { word: "failed", isProblem: true },
  { word: "refused", isProblem: true },
  { word: "miss", isProblem: false },
  { word: "hit", isProblem: false },
  { word: "", isProblem: false },
];

const SUMMARY: Summary = {
  title: "encoder",
  facts: ["torch 2.15.0", "Python 3.11.7", "AVX-512"],
  figures: [
    { value: "3", more: "", label: "functions" },
    { value: "1", more: "", label: "graph break" },
    { value: "4", more: "", label: "recompiles" },
    { value: "23", more: "21 hit, 2 not", label: "artifacts" },
    { value: "412 kB", more: "of 8.5 MB", label: "bundle, compressed" },
    { value: "0.9 s", more: "cold 55.1 s", label: "warm start" },
  ],
  note: "run 01JD7Q · 23 artifacts in 4 packs",
  isLive: false,
  bundle: "encoder.megacache",
};

/** One node in words; what is left out is usual. */
export interface Node {
  readonly kind?: string;
  readonly label?: string;
  readonly name: string;
  readonly detail?: string;
  readonly state?: string;
  readonly ms?: number;
  readonly bytes?: number;
  /** Else the place in the tree and a hundred. */
  readonly id?: number;
  readonly below?: readonly Node[];
}

/** Return the columns of a tree in words. */
export function columnsOf(roots: readonly Node[], summary: Partial<Summary> = {}): TreeColumns {
  const nodes: { node: Node; parent: number }[] = [];
  const add = (node: Node, parent: number): void => {
    const place = nodes.push({ node, parent }) - 1;
    node.below?.forEach((child) => add(child, place));
  };
  roots.forEach((root) => add(root, -1));
  const column = <T>(value: (node: Node, place: number) => T) => nodes.map(({ node }, place) => value(node, place));
  return {
    count: nodes.length, kinds: KINDS, labels: LABELS, states: STATES, summary: { ...SUMMARY, ...summary },
    id: Float64Array.from(column(({ id }, place) => id ?? place + 100)),
    duration: Float64Array.from(column(({ ms }) => (ms === undefined ? NaN : ms * 1000))),
    size: Float64Array.from(column(({ bytes }) => bytes ?? NaN)),
    parent: Int32Array.from(nodes, ({ parent }) => parent),
    label: Uint16Array.from(column(({ label = "" }) => LABELS.indexOf(label))),
    kind: Uint8Array.from(column(({ kind = "function" }) => KINDS.indexOf(kind))),
    state: Uint8Array.from(column(({ state = "" }) => STATES.findIndex(({ word }) => word === state))),
    name: column(({ name }) => name),
    detail: column(({ detail = "" }) => detail),
  };
}

/** Return the model of a tree in words. */
export function treeOf(...roots: readonly Node[]): TreeModel {
  return new TreeModel(columnsOf(roots));
}

/** Return a recording of `count` nodes: one session of functions with ten compiles of nine nodes each. */
export function largeTree(count: number): TreeColumns {
  const functions = Math.ceil(count / 91);
  const session: Node = {
    kind: "session", label: "session", name: "large", ms: functions * 1000, bytes: functions * 10_000,
    below: Array.from({ length: functions }, (_, at) => largeFunction(at)),
  };
  return columnsOf([session]);
}

function largeFunction(at: number): Node {
  const below = Array.from({ length: 10 }, (_, compile) => largeCompile(at, compile));
  return { name: `Module${at}.forward`, detail: `model_${at % 7}.py:${at}`, state: "hit", ms: (at * 7919) % 1000, bytes: 10_000, below };
}

function largeCompile(at: number, compile: number): Node {
  const artifacts = Array.from({ length: 7 }, (_, artifact): Node => ({
    kind: "artifact", label: "inductor", name: `f${(at * 70 + compile * 7 + artifact).toString(36)}zwrhz6isuphxwzfjgk`, bytes: 1000,
    state: artifact ? "hit" : "miss",
  }));
  const backend: Node = { kind: "backend", label: "backend", name: `__compiled_fn_${at}_${compile}`, detail: "inference, 179 ops", ms: 80, below: artifacts };
  const kind = compile ? "recompile" : "guarded_code";
  const detail = compile ? `input_ids.size(1) ${compile} → ${compile + 1} · 1 graph · 1,426 guards` : "1 graph · 1,426 guards";
  return { kind, label: kind.replace("_", " "), name: `${at}/${compile}`, detail, ms: 100, bytes: 7000, below: [backend] };
}

const TYPES = { id: "f8", duration: "f8", size: "f8", parent: "i4", label: "u2", kind: "u1", state: "u1" } as const;

/** Return the wire of a tree. */
export async function encode(tree: TreeColumns, version = 1): Promise<Uint8Array> {
  const contents: [string, string, Uint8Array][] = Object.entries(TYPES).map(([name, type]) => {
    const column = tree[name as keyof typeof TYPES];
    return [name, type, new Uint8Array(column.buffer, column.byteOffset, column.byteLength)];
  });
  for (const name of ["name", "detail"] as const) contents.push([name, "text", new TextEncoder().encode(tree[name].join("\n"))]);
  const columns: Record<string, unknown> = {};
  let length = 0;
  for (const [name, type, { length: bytes }] of contents) {
    columns[name] = { type, offset: length, bytes };
    length = aligned(length + bytes);
  }
  const { count, kinds, labels, states, summary } = tree;
  const head = new TextEncoder().encode(JSON.stringify({ version, count, kinds, labels, states, summary, columns }));
  const start = aligned(4 + head.length);
  const raw = new Uint8Array(start + length);
  new DataView(raw.buffer).setUint32(0, head.length, true);
  raw.set(head, 4);
  for (const [name, , content] of contents) raw.set(content, start + (columns[name] as { offset: number }).offset);
  return gzip(raw);
}

/** Compress bytes. */
export async function gzip(raw: Uint8Array): Promise<Uint8Array> {
  const stream = new CompressionStream("gzip");
  const writer = stream.writable.getWriter();
  void writer.write(raw as BufferSource).then(() => writer.close());
  const pieces: number[][] = [];
  const reader = stream.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Uint8Array.from(pieces.flat());
    pieces.push([...value]);
  }
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}
