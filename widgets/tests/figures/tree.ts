/** A small tree for the figures: a function with a recompile, a resume function and artifacts, and one without. */

import { TreeModel } from "../../src/tree/model";

const KINDS = ["session", "function", "guarded_code", "recompile", "backend", "artifact", "graph_break", "resume"];
const LABELS = ["", "recompile", "inductor"];

type Node = [parent: number, kind: string, name: string, ms: number, size: number];

const NODES: readonly Node[] = [
  [-1, "session", "encoder", 100, 900],
  [0, "function", "forward", 90, 800],
  [1, "guarded_code", "0/0", 50, 500],
  [2, "backend", "fn_0", 40, 500],
  [3, "artifact", "kernel", 30, 400],
  [1, "recompile", "0/1", 30, 300],
  [1, "graph_break", "print", 10, NaN],
  [6, "resume", "resume_in_forward", 10, NaN],
  [7, "guarded_code", "1/0", 6, NaN],
  [7, "recompile", "1/1", 4, NaN],
  [0, "function", "pool", 10, 100],
  [10, "guarded_code", "2/0", 10, 100],
];

/** Return the tree; a node's id is ten times its place. */
export function smallTree(): TreeModel {
  const column = <T>(at: number) => NODES.map((node) => node[at] as T);
  const summary = { title: "", facts: [], figures: [], note: "", isLive: false, bundle: null };
  return new TreeModel({
    count: NODES.length, kinds: KINDS, labels: LABELS, states: [], summary,
    id: Float64Array.from(NODES, (_, place) => place * 10),
    duration: Float64Array.from(column<number>(3), (ms) => ms * 1000),
    size: Float64Array.from(column<number>(4)),
    parent: Int32Array.from(column<number>(0)),
    label: Uint16Array.from(NODES, ([, kind]) => Math.max(0, LABELS.indexOf(kind))),
    kind: Uint8Array.from(NODES, ([, kind]) => KINDS.indexOf(kind)),
    state: new Uint8Array(NODES.length),
    name: column<string>(2),
    detail: NODES.map(() => ""),
  });
}
