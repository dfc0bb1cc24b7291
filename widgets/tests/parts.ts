/**
 * A host with made-up parts, for tests and for looking at the explorer: a sentence encoder that was compiled for 13
 * tokens, then for 76, and that breaks its graph at a print.
 */

import type {
  ArtifactRow, GuardRow, GuardsPart, Host, NodeDetail, Overview, Parts, SourcePart, TextPart, TimelinePart, Why,
} from "../src/host";

/** The ids of the nodes that have a detail. */
export const IDS = { forward: 1, first: 2, recompile: 3, breaks: 8, bare: 99 } as const;

const NOTHING: Overview = { facts: [], phases: [], states: [], findings: [] };

const PHASES: Overview["phases"] = [
  { phase: "dynamo", title: "dynamo", us: 1_700_000 },
  { phase: "guards", title: "guards", us: 140_000 },
  { phase: "aot", title: "AOT", us: 1_500_000 },
  { phase: "inductor", title: "inductor", us: 2_900_000 },
  { phase: "codegen", title: "codegen", us: 700_000 },
  { phase: "compiler", title: "C++ / Triton", us: 7_900_000 },
];

const RECOMPILED: Overview["findings"][number] = {
  tone: "caution",
  title: "Recompiled",
  text: "because `input_ids.size(1)` was 13 and is 76. It is dynamic from here on (`s43`, 2 to 512).",
  advice: "To compile once: `torch._dynamo.mark_dynamic(input_ids, 1)`",
  more: "tensor 'L['input_ids']' size mismatch at index 1. expected 13, actual 76",
};

const BREAK: Overview["findings"][number] = {
  tone: "problem",
  title: "Graph break",
  text: "at line 748 of `modeling_bert.py`: builtin `print`.",
  advice: "Move the call out of the function, or wrap it: `torch.compiler.disable(print)`",
  more: "Call to builtin print with a FakeTensor\n  Explanation: Dynamo cannot trace `print`.\n  Hint: Use torch._higher_order_ops.print.",
};

const ARTIFACTS: readonly ArtifactRow[] = [
  artifact("aot_autograd", "alnnwlsr2bpnq6t5cdlzsuhj7tdskt4ij3u2d5ysvwhqvkqbnyfe", 1_104_213, "hit", "aot"),
  artifact("inductor", "fyezkwrhz6isuphxwzfjgkaz6y6v3nwvnpm4qemxk3t2jhcq5lxp", 840_112, "miss", "fx"),
  artifact("kernel", "craqlrzex7goyk5f4gmcbkg5znt6eyvpqshewhq5n4xvmsz3r2wz", 59_392, "refused", null),
  { ...artifact("precompile", "", 212_004, "bypass", null), reason: "a guard cannot be serialized: `ID_MATCH` on `L['self']`" },
];

function artifact(type: string, key: string, bytes: number, state: string, components: string | null): ArtifactRow {
  const sha256 = "1e6c2bfecc9c0443eb7313aafd85b821f33eb77e9ec70ffeab5e05a70c117ae7";
  const reason = state === "refused" ? "made for `avx512`, and this machine has `avx2`" : "";
  return { type, key, bytes, sha256, state, compileIds: "0/1", reason, components };
}

const WHY: readonly Why[] = [
  {
    verdict: "miss",
    type: "inductor",
    key: "fyezkwrhz6is",
    reason: "inductor option `epilogue_fusion` is False now, was True; the input `input_ids` has another size",
    nearestKey: "fq7mlodzwvls",
    differences: [
      { name: "inductor_config[epilogue_fusion]", now: "False", then: "True" },
      {
        name: "example_inputs[0]",
        now: "TensorMetadata(dtype=torch.int64, shape=torch.Size([1, 76]), stride=(76, 1), device=device(type='cpu'))",
        then: "TensorMetadata(dtype=torch.int64, shape=torch.Size([1, 13]), stride=(13, 1), device=device(type='cpu'))",
      },
      { name: "cache_key_tag", now: "nightly", then: "" },
    ],
  },
  { verdict: "hit", type: "aot_autograd", key: "alnnwlsr2bpn", reason: "", nearestKey: "", differences: [] },
];

function detail(id: number, more: Partial<NodeDetail>): NodeDetail {
  return {
    id, label: "", name: "BertModel.forward", detail: "modeling_bert.py:731", state: "hit", overview: NOTHING, source: null,
    line: null, guards: [], graphs: [], code: [], artifacts: [], why: [], ...more,
  };
}

const GUARDS_FIRST = { name: "run:0/0", compileId: "0/0", kept: 420, dropped: 6 };
const GUARDS_SECOND = { name: "run:0/1", compileId: "0/1", kept: 38, dropped: 3 };
const GRAPHS = [
  { sha256: "graph", title: "dynamo graph", compileId: "0/1", bytes: 72_578 },
  { sha256: "post", title: "post grad graph, inference", compileId: "0/1", bytes: 31_204 },
];
const CODE = [{ sha256: "code", title: "generated code, inference", compileId: "0/1", bytes: 59_120 }];

/** The details by node; others are not known to the host. */
export const NODES: Readonly<Record<number, NodeDetail>> = {
  [IDS.forward]: detail(IDS.forward, {
    state: "refused",
    overview: {
      findings: [BREAK, RECOMPILED],
      phases: PHASES,
      facts: [
        ["first line", "modeling_bert.py:731"], ["compiles", "2, one of them a recompile"], ["graph breaks", "1"],
        ["graphs", "3"], ["operators", "428"], ["guards", "458 kept, 9 dropped"],
        ["dynamic", "s43 = input_ids.size(1) in [2, 512]"],
      ],
      states: [
        { state: "refused", count: 1, bytes: 59_392 }, { state: "miss", count: 1, bytes: 840_112 },
        { state: "hit", count: 21, bytes: 6_104_213 },
      ],
    },
    source: "code-1", guards: [GUARDS_FIRST, GUARDS_SECOND], graphs: GRAPHS, code: CODE, artifacts: ARTIFACTS, why: WHY,
  }),
  [IDS.first]: detail(IDS.first, {
    label: "guarded code", name: "0/0", detail: "static (1, 13)", state: "unused", source: "code-1",
    overview: { ...NOTHING, phases: PHASES }, guards: [GUARDS_FIRST], graphs: GRAPHS,
  }),
  [IDS.recompile]: detail(IDS.recompile, {
    label: "recompile", name: "0/1", detail: "size of input_ids 13 → 76", source: "code-1",
    overview: { ...NOTHING, findings: [RECOMPILED], phases: PHASES, facts: [["guards", "38 kept, 3 dropped"], ["operators", "214"]] },
    guards: [GUARDS_SECOND], graphs: GRAPHS, code: CODE, artifacts: ARTIFACTS, why: WHY,
  }),
  [IDS.breaks]: detail(IDS.breaks, {
    label: "graph break", name: "builtin print", detail: "line 748", state: "", source: "code-1", line: 748,
    overview: { ...NOTHING, findings: [BREAK] },
  }),
  [IDS.bare]: detail(IDS.bare, { name: "outside any compile", detail: "", state: "" }),
};

const SOURCE: SourcePart = {
  file: "~/lib/transformers/models/bert/modeling_bert.py",
  qualname: "BertModel.forward",
  lines: [
    ["    def forward(self, input_ids, attention_mask):", "graph"],
    ["        h = self.embeddings(input_ids)", "guard", "guard failed: size 13 → 76"],
    ["        mask = self.extended_mask(attention_mask)", "graph"],
    ["        h = self.encoder(h, mask)  # twelve layers", "graph"],
    ["        print(h.shape)", "break", "graph break: builtin print"],
    ["        pooled = self.pooler(h)", "graph"],
    ["        name = f\"{type(self).__name__}:{len(pooled)}\"", "eager"],
    ["        return h, pooled", ""],
  ].map(([text, mark, ...notes], at) => ({ number: 744 + at, text: text!, mark: mark!, notes })),
};

/** Return the guards of the sentence encoder: one that failed, some dropped, and so many of its weights. */
export function madeUpGuards(weightCount: number): GuardsPart {
  const weights = Array.from({ length: weightCount }, (_, at): GuardRow => {
    const source = `L['self']._modules['encoder']._modules['layer']._modules['${at}']._parameters['weight']`;
    const expression = `check_tensor(${source}, Parameter, DispatchKeySet(CPU, AutogradCPU), torch.float32, device=None, size=[384, 384])`;
    return guard("TENSOR_MATCH", expression, source, "h = self.dense(h)", "modeling_bert.py:412 in forward");
  });
  const ids = "check_tensor(L['input_ids'], Tensor, torch.int64, size=[1, 13], stride=[13, 1])";
  return {
    rows: [
      guard("GRAD_MODE", "torch.is_grad_enabled() == False", "", "", ""),
      ...weights,
      { ...guard("TENSOR_MATCH", ids, "L['input_ids']", "h = self.embeddings(input_ids)", "modeling_bert.py:745 in forward"), failedIn: "0/1" },
      guard("TYPE_MATCH", "___check_type_id(L['self'], 94657885448656)", "L['self']", "", "modeling_bert.py:744 in forward"),
      {
        ...guard("ID_MATCH", "___check_obj_id(G['torch'].Tensor, 94657814101024)", "G['torch'].Tensor", "", ""),
        isDropped: true,
        dropReason: "it cannot be serialized; the object is pinned instead",
      },
    ],
  };
}

function guard(type: string, expression: string, source: string, line: string, location: string): GuardRow {
  return { type, expression, source, line, location, isDropped: false, dropReason: "", failedIn: "" };
}

const KERNEL = `
#include <torch/csrc/inductor/cpp_prefix.h>
extern "C"  void  kernel(float* in_out_ptr0, const int64_t* in_ptr0, const int64_t ks0)
{
    #pragma omp parallel num_threads(2)
    {
        for(int64_t x0=static_cast<int64_t>(0L); x0<static_cast<int64_t>(ks0); x0+=static_cast<int64_t>(16L))
        {
            // One row of the embedding at a time.
            auto tmp0 = at::vec::Vectorized<float>::loadu(in_ptr0 + x0, static_cast<int64_t>(16));
            TORCH_CHECK((0 <= x0) & (x0 < 30522L), "index out of bounds: 0 <= x0 < 30522L");
            tmp0.store(in_out_ptr0 + x0);
        }
    }
}
`;

/** Return generated code as inductor writes it, with so many kernels. */
export function madeUpCode(kernelCount: number): string {
  const kernels = Array.from(
    { length: kernelCount },
    (_, at) => `cpp_fused_embedding_${at} = async_compile.cpp_pybinding(['float*', 'const int64_t*'], r'''${KERNEL}''')\n\n`,
  );
  const calls = kernels.map((_, at) => `        cpp_fused_embedding_${at}(buf${at}, arg0_1, s43)\n`);
  return `# AOT ID: ['0_inference']
import torch
from torch._inductor.async_compile import AsyncCompile

async_compile = AsyncCompile()
empty_strided_cpu = torch._C._dynamo.guards._empty_strided_cpu

${kernels.join("")}async_compile.wait(globals())
del async_compile

class Runner:
    def call(self, args):
        """Run the graph."""
        arg0_1, = args
${calls.join("")}        return (buf0, 1e-12)
`;
}

const GRAPH = `class GraphModule(torch.nn.Module):
    def forward(self, s43: "Sym(s43)", L_input_ids_: "i64[1, s43][s43, 1]cpu", weight: "f32[30522, 384][384, 1]cpu"):
        # File: modeling_bert.py:745 in forward, code: h = self.embeddings(input_ids)
        hidden: "f32[1, s43, 384]" = torch.nn.functional.embedding(L_input_ids_, weight, 0, None, 2.0, False, False)
        return (hidden,)
`;

const TEXTS: Readonly<Record<string, TextPart>> = {
  graph: { text: GRAPH.repeat(3), language: "python", leftOutBytes: 0 },
  post: { text: GRAPH, language: "python", leftOutBytes: 12_004 },
  code: { text: madeUpCode(4), language: "python", leftOutBytes: 0 },
};

const COMPONENTS = {
  rows: [
    { name: "gm", digest: "xq7mlodzwvlsn6t5c", text: GRAPH },
    { name: "example_inputs[0]", digest: "p4ubnyfe2k3t", text: "TensorMetadata(dtype=torch.int64, shape=torch.Size([1, 76]))" },
    { name: "inductor_config[epilogue_fusion]", digest: "5xjhcq5lxpq7", text: "False" },
  ],
};

/** One compile after another: phase by phase, each inside the one before, C++ on a second thread. */
function timeline(): TimelinePart {
  const rows: [lane: number, phase: number, name: string, thread: number, depth: number, start: number, us: number][] = [
    [0, 0, "_compile.compile_inner", 0, 0, 0, 25.6],
    [0, 2, "aot_collect_metadata", 0, 1, 7.3, 18.3],
    [0, 3, "compile_fx_inner", 0, 2, 10.6, 14.9],
    [0, 5, "cpp_compile", 0, 3, 15.6, 9.8],
    [1, 0, "_compile.compile_inner", 0, 0, 26.2, 14.8],
    [1, 2, "aot_collect_metadata", 0, 1, 29.0, 12.0],
    [1, 3, "compile_fx_inner", 0, 2, 30.7, 10.2],
    [1, 4, "GraphLowering.codegen", 0, 3, 32.4, 1.2],
    [1, 5, "cpp_compile", 1, 0, 33.9, 7.0],
    [2, 0, "_compile.compile_inner", 0, 0, 42.3, 1.6],
    [2, 3, "compile_fx_inner", 0, 1, 42.9, 1.0],
  ];
  return {
    durationUs: 55_100_000,
    phases: PHASES.map(({ phase, title }) => ({ phase, title })),
    lanes: [
      { label: "0/0 forward", title: "BertModel.forward", id: IDS.first },
      { label: "0/1 forward", title: "BertModel.forward", id: IDS.recompile },
      { label: "1/0 resume", title: "BertModel.resume_in_forward_at_748", id: null },
    ],
    spans: {
      lane: rows.map((row) => row[0]),
      phase: rows.map((row) => row[1]),
      name: rows.map((row) => row[2]),
      thread: rows.map((row) => row[3]),
      depth: rows.map((row) => row[4]),
      startUs: rows.map((row) => row[5] * 1e6),
      us: rows.map((row) => row[6] * 1e6),
    },
  };
}

/** A host whose parts can be listened to: what was asked for is in `asked`. */
export class MadeUpHost implements Host {
  readonly actions = new Set<never>();
  readonly hasPlotly: boolean = false;
  readonly asked: string[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(readonly wire: () => Uint8Array = () => new Uint8Array()) {}

  async tree(): Promise<Uint8Array> {
    return this.wire();
  }

  async part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]> {
    this.asked.push(`${kind}:${name}`);
    const found = this.found(kind, name);
    if (found === undefined) throw new Error(`This recording has no ${kind} ${name}`);
    return found as Parts[K];
  }

  /** Return a part, or undefined where there is none; tests make it late or let it fail. */
  protected found(kind: keyof Parts, name: string): unknown {
    switch (kind) {
      case "node":
        return NODES[Number(name)];
      case "source":
        return SOURCE;
      case "guards":
        return madeUpGuards(name === GUARDS_FIRST.name ? 420 : 36);
      case "text":
        return TEXTS[name];
      case "components":
        return COMPONENTS;
      case "timeline":
        return timeline();
      default:
        return undefined;
    }
  }

  async act(): Promise<never> {
    throw new Error("A made-up host does nothing.");
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Say that the trees are others than before. */
  change(): void {
    for (const changed of this.#listeners) changed();
  }
}
