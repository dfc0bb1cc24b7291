/** Encoder: the tree of a sentence encoder that was compiled for 13 tokens, then for 24; its ids are those of `parts.ts`. */

import type { Node } from "./synthetic";

const kernel = (name: string, bytes: number): Node =>
  ({ kind: "artifact", label: "kernel", name, detail: "AVX-512", state: "hit", ms: 7900, bytes, id: bytes });

const recompile: Node = {
  id: 3, kind: "recompile", label: "recompile", name: "0/1", detail: "input_ids.size(1) 13 → 24", state: "hit", ms: 14_800, bytes: 2_000_000,
  below: [{
    id: 4, kind: "backend", label: "backend", name: "__compiled_fn_5", detail: "inference, 214 ops", state: "hit", ms: 13_100, bytes: 2_000_000,
    below: [
      { id: 5, kind: "artifact", label: "aot_autograd", name: "alnnwlsr2bpn", state: "hit", ms: 1500, bytes: 1_100_000 },
      { id: 6, kind: "artifact", label: "inductor", name: "fyezkwrhz6is", state: "hit", ms: 11_600, bytes: 840_000 },
      kernel("craqlrzex7go.so", 59_000),
    ],
  }],
};

const forward: Node = {
  id: 1, name: "BertModel.forward", detail: "modeling_bert.py:731", state: "hit", ms: 41_200, bytes: 6_100_000,
  below: [
    { id: 2, kind: "guarded_code", label: "guarded code", name: "0/0", detail: "static (2, 13)", state: "", ms: 25_600, bytes: 2_100_000,
      below: [{ id: 7, kind: "backend", label: "backend", name: "__compiled_fn_1", state: "hit", ms: 23_000, bytes: 2_100_000 }] },
    recompile,
    { id: 8, kind: "graph_break", label: "graph break", name: "call to print", detail: "line 748 · print(h.shape) · in 0/0, 0/1",
      below: [{ id: 9, kind: "resume", label: "resume", name: "resume_in_forward_at_748", state: "hit", ms: 800, bytes: 212_000,
        below: [{ id: 10, kind: "guarded_code", label: "guarded code", name: "1/0", state: "hit", ms: 800, bytes: 212_000 }] }] },
  ],
};

/** The functions of the encoder. */
export const ENCODER: readonly Node[] = [
  forward,
  { id: 20, name: "mean_pool", detail: "cell 3, line 2", state: "refused", ms: 1100, bytes: 96_000,
    below: [{ id: 21, kind: "guarded_code", label: "guarded code", name: "2/0", detail: "made for avx512", state: "refused", ms: 1100, bytes: 96_000 }] },
  { id: 30, name: "cosine", detail: "cell 5, line 1", state: "miss", ms: 2400, bytes: 88_000,
    below: [{ id: 31, kind: "guarded_code", label: "guarded code", name: "3/0", state: "miss", ms: 2400, bytes: 88_000 }] },
];

const compile = (id: number, kind: string, name: string, detail: string, ms: number): Node =>
  ({ id, kind, label: kind.replace("_", " "), name, detail, state: "hit", ms, bytes: ms * 150 });
const frame = (name: string, detail: string, ms: number, below: readonly Node[]): Node =>
  ({ kind: "frame", name, detail, state: "hit", ms, bytes: ms * 150, below });

/** The call stacks that made torch compile it. */
export const STACKS: readonly Node[] = [
  frame("<module>", "cell 4f1c2a, line 31", 40_400, [
    frame("search", "search.py:18", 40_400, [
      frame("Encoder.encode", "encoder.py:64 · through Encoder.__call__", 25_600, [
        compile(2, "guarded_code", "0/0", "BertModel.forward · static (2, 13)", 25_600),
      ]),
      frame("rank", "search.py:40", 14_800, [
        frame("Encoder.encode", "encoder.py:71", 14_800, [
          compile(3, "recompile", "0/1", "BertModel.forward · input_ids.size(1) 13 → 24", 14_800),
        ]),
      ]),
    ]),
  ]),
  frame("<module>", "train.py:62", 3500, [
    frame("mean_pool", "pooling.py:2", 1100, [compile(21, "guarded_code", "2/0", "mean_pool", 1100)]),
    frame("cosine", "pooling.py:12", 2400, [compile(31, "guarded_code", "3/0", "cosine", 2400)]),
  ]),
  { kind: "frame", name: "call stack not recorded", state: "hit", ms: 800, bytes: 120_000, below: [compile(10, "guarded_code", "1/0", "resume_in_forward_at_748", 800)] },
];
