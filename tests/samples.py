"""Recordings made by hand, for the tests of every room: a small one with one of each thing, and a large one.

The small one is a notebook that compiles a text encoder cold (session `encoder`), then starts it warm in another kernel
(session `encoder, warm`). Its texts have the form that torch 2.13 to 2.15 gives them.
"""

from __future__ import annotations

from hashlib import sha256

from megacache.errors import ArtifactNotFoundError
from megacache.model import (
    Artifact,
    ArtifactUse,
    BackendEntry,
    Code,
    Compile,
    Dimension,
    Document,
    Event,
    GraphBreak,
    Guard,
    RecompileReason,
    SessionInfo,
    SystemInfo,
    Verdict,
)
from megacache.recording import Recording, encode_rows

START = 1_795_489_251_020_000
RUN, WARM_RUN = "01JDCOLD0000", "01JDWARM0000"
COLD, WARM = "session-cold", "session-warm"
CELL = "<cell 4f1c2a>"
TRAIN = "/home/ada/search/train.py"

FORWARD_SOURCE = """\
def forward(self, input_ids, attention_mask, scale=1.0):
    hidden = self.embeddings(input_ids) * scale
    mask = attention_mask.unsqueeze(-1).float()
    hidden = self.encoder(hidden, mask)
    print("tokens", hidden.shape)
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(pooled)
"""
LOSS_SOURCE = '''\
def contrastive_loss(left, right, temperature):
    """Pull the pairs together."""
    scores = left @ right.T / temperature
    labels = torch.arange(len(scores), device=scores.device)
    return torch.nn.functional.cross_entropy(scores, labels)
'''
LABELS_SOURCE = """\
@torch.compile(fullgraph=True)
def load_labels(path):
    return torch.load(path)  # </script><b>not markup</b>
"""


class Contents(dict[str, bytes]):
    """Contents by their SHA-256, as a bundle holds them."""

    def add(self, content: bytes | str) -> str:
        """Store one content and return its digest."""
        data = content.encode() if isinstance(content, str) else content
        digest = sha256(data).hexdigest()
        self[digest] = data
        return digest

    def read(self, digest: str) -> bytes:
        """Return a content as `Recording.read` promises it."""
        if digest not in self:
            raise ArtifactNotFoundError(f"no content {digest[:12]}")
        return self[digest]


def key(letter: str, name: str) -> str:
    """Make a cache key of the form that torch gives: one letter and 51 of base 32."""
    digits = int(sha256(name.encode()).hexdigest(), 16)
    return letter + "".join("abcdefghijklmnopqrstuvwxyz234567"[digits >> 5 * place & 31] for place in range(51))


def system(**changes: object) -> SystemInfo:
    """Return the system that compiled the small recording, with changes."""
    facts: dict[str, object] = {
        "system_id": "a1b2c3d4e5f6",
        "python_version": "CPython 3.11.7",
        "torch_version": "2.15.0",
        "platform": "Linux-6.1-x86_64",
        "machine": "x86_64",
        "cpu_model": "Intel(R) Xeon(R) Gold 6338",
        "cpu_isa": "avx512",
        "thread_count": 8,
        "compiler_version": "g++ 12.2.0",
    }
    return SystemInfo(**(facts | changes))  # type: ignore[arg-type]


def sessions() -> tuple[SessionInfo, SessionInfo]:
    """Return the cold session, in which the user's code raised at the end, and the warm one."""
    cold = SessionInfo(
        session_id=COLD,
        name="encoder",
        run_id=RUN,
        system_id="a1b2c3d4e5f6",
        status="failed",
        started_us=START,
        ended_us=START + 62_000_000,
        error="Unsupported: Attempted to call function marked as skipped",
        cell=f"encoder = torch.compile(TextEncoder())\n{FORWARD_SOURCE}",
        cell_digest="4f1c2a",
        notebook="/home/ada/search/encoder.ipynb",
        megacache_version="0.1.0",
        config={"inductor.epilogue_fusion": "False"},
    )
    warm = SessionInfo(
        session_id=WARM,
        name="encoder, warm",
        run_id=WARM_RUN,
        system_id="a1b2c3d4e5f6",
        status="ok",
        started_us=START + 3_600_000_000,
        ended_us=START + 3_601_200_000,
        cell="encoder(ids, mask)",
        cell_digest="77aa01",
        notebook="/home/ada/search/encoder.ipynb",
        megacache_version="0.1.0",
        config={},
    )
    return cold, warm


def codes() -> tuple[Code, ...]:
    """Return a method, its resume function, a function of a module, and one that cannot be compiled."""
    return (
        Code(
            code_id="code-forward",
            module="__main__",
            qualname="TextEncoder.forward",
            filename=CELL,
            first_line=12,
            digest="d1" * 32,
            source=FORWARD_SOURCE,
        ),
        Code(
            code_id="code-resume",
            module="__main__",
            qualname="torch_dynamo_resume_in_forward_at_16",
            filename=CELL,
            first_line=16,
            digest="d2" * 32,
            parent_code_id="code-forward",
            resume_line=16,
        ),
        Code(
            code_id="code-loss",
            module="search.train",
            qualname="contrastive_loss",
            filename=TRAIN,
            first_line=41,
            digest="d3" * 32,
            source=LOSS_SOURCE,
        ),
        Code(
            code_id="code-labels",
            module="search.train",
            qualname="load_labels",
            filename=TRAIN,
            first_line=60,
            digest="d4" * 32,
            source=LABELS_SOURCE,
        ),
    )


def compile_row(compile_id: str, code_id: str, at_ms: int, phases_ms: tuple[int, ...], **more: object) -> Compile:
    """Return one compile; `phases_ms` is the whole, the backend, AOT, inductor, code generation and C++."""
    whole, backend, aot, inductor, codegen, compiler = (each * 1000 for each in phases_ms)
    facts: dict[str, object] = {
        "run_id": RUN,
        "session_id": COLD,
        "status": "ok",
        "tracing_us": (whole - backend) * 3 // 4,
        "guard_build_us": (whole - backend) // 4,
        "graph_op_count": 214,
        "graph_node_count": 240,
        "graph_input_count": 3,
        "guard_count": 3,
        "guard_latency_us": 18,
        "stack": (f"{CELL}:31 <module>", f"{CELL}:12 TextEncoder.forward"),
    }
    return Compile(
        **(facts | more),  # type: ignore[arg-type]
        compile_id=compile_id,
        code_id=code_id,
        started_us=START + at_ms * 1000,
        duration_us=whole,
        backend_us=backend,
        aot_us=aot,
        inductor_us=inductor,
        codegen_us=codegen,
        compiler_us=compiler,
    )


def compiles() -> tuple[Compile, ...]:
    """Return three compiles of one method, those of its resume function, a loss, a failure, and a warm one."""
    restarted = {"attempt_count": 2, "restart_reasons": ("Failed to trace builtin operator",)}
    no_graph = {"graph_op_count": None, "graph_node_count": None, "graph_input_count": None, "guard_count": None}
    error = (
        "Attempted to call function marked as skipped\n  Explanation: Dynamo does not know how to trace `torch.load`\n"
        f'\nfrom user code:\n   File "{TRAIN}", line 62, in load_labels\n    return torch.load(path)'
    )
    return (
        compile_row("0/0", "code-forward", 100, (25_600, 22_000, 20_900, 18_000, 14_000, 9_800), **restarted),
        compile_row("1/0", "code-resume", 25_900, (800, 640, 600, 500, 420, 300), graph_op_count=9),
        compile_row("0/1", "code-forward", 27_000, (14_800, 13_100, 12_700, 11_600, 9_900, 7_900), **restarted),
        compile_row("1/1", "code-resume", 42_000, (900, 700, 640, 520, 400, 310), graph_op_count=9),
        compile_row("0/2", "code-forward", 43_000, (6_100, 5_000, 4_800, 4_100, 3_000, 2_200), **restarted),
        compile_row("2/0", "code-loss", 49_500, (2_400, 2_000, 1_900, 900, 700, 450), graph_op_count=5),
        compile_row(
            "3/0",
            "code-labels",
            58_000,
            (40, 0, 0, 0, 0, 0),
            status="failed",
            error_type="Unsupported",
            error=error,
            **no_graph,
        ),
        compile_row(
            "0/0",
            "code-forward",
            3_600_100,
            (900, 300, 280, 60, 0, 0),
            run_id=WARM_RUN,
            session_id=WARM,
            stack=(f"{CELL}:31 <module>",),
        ),
    )


def graph_breaks() -> tuple[GraphBreak, ...]:
    """Return the `print` that splits the method, once per compile, and what `torch.load` did."""
    printed = [
        GraphBreak(
            run_id=RUN,
            compile_id=compile_id,
            attempt=0,
            ordinal=0,
            reason="Failed to trace builtin operator",
            gb_type="Failed to trace builtin operator",
            explanation="Dynamo does not know how to trace builtin operator `print` with argument types ['str']",
            hints=(
                "Avoid calling builtin `print`. Consider using an equivalent alternative function/method to `print`.",
                "You can try adding it to `torch._dynamo.config.reorderable_logging_functions`.",
            ),
            context="builtin print [<class 'ConstantVariable'>, <class 'SizeVariable'>] False",
            filename=CELL,
            line=16,
            source_line='print("tokens", hidden.shape)',
            user_stack=(f"{CELL}:31 <module>", f"{CELL}:16 forward"),
        )
        for compile_id in ("0/0", "0/1", "0/2")
    ]
    skipped = GraphBreak(
        run_id=RUN,
        compile_id="3/0",
        attempt=0,
        ordinal=0,
        reason="Attempted to call function marked as skipped",
        gb_type="Attempted to call function marked as skipped",
        explanation="Dynamo does not know how to trace `torch.load`",
        hints=("Load outside of the compiled function.",),
        filename=TRAIN,
        line=62,
        source_line="return torch.load(path)  # </script><b>not markup</b>",
        user_stack=(f"{TRAIN}:62 load_labels",),
    )
    return (*printed, skipped)


def recompile_reasons() -> tuple[RecompileReason, ...]:
    """Return a size that changed (in the method and its resume function) and a value that changed."""
    size = "tensor 'input_ids' size mismatch at index 1. expected 13, actual 24"
    embed, resume = "hidden = self.embeddings(input_ids) * scale", "pooled = (hidden * mask).sum(1) / mask.sum(1)"
    rows = (
        ("0/1", 0, "0/0", size, embed, f"{CELL}:13 forward"),
        ("1/1", 0, "1/0", "tensor 'hidden' size mismatch at index 1. expected 13, actual 24", resume, f"{CELL}:17"),
        ("0/2", 0, "0/1", "scale == 1.0", embed, f"{CELL}:13 forward"),
        ("0/2", 1, "0/0", size, None, None),
    )
    return tuple(
        RecompileReason(
            run_id=RUN,
            compile_id=compile_id,
            ordinal=ordinal,
            failed_compile_id=failed,
            guard=guard,
            source_line=source_line,
            location=location,
        )
        for compile_id, ordinal, failed, guard, source_line, location in rows
    )


def dimensions() -> tuple[Dimension, ...]:
    """Return the symbols of the dynamic compiles."""
    rows = (
        (RUN, "0/1", "s43", "24", "[2, int_oo]", "L['input_ids'].size()[1]"),
        (RUN, "1/1", "s17", "24", "[2, int_oo]", "L['hidden'].size()[1]"),
        (RUN, "0/2", "s43", "24", "[2, 512]", "L['input_ids'].size()[1]"),
        (WARM_RUN, "0/0", "s43", "24", "[2, 512]", "L['input_ids'].size()[1]"),
    )
    return tuple(
        Dimension(
            run_id=run_id,
            compile_id=compile_id,
            ordinal=0,
            symbol=symbol,
            hint=hint,
            range=bounds,
            source=source,
            location=f"{CELL}:13 forward",
        )
        for run_id, compile_id, symbol, hint, bounds, source in rows
    )


def guards(run_id: str, compile_id: str) -> list[Guard]:
    """Return the guards of one compile: three kept, one dropped."""
    line, place = "hidden = self.embeddings(input_ids) * scale", f"{CELL}:13 forward"
    rows = (
        ("GLOBAL_STATE", '___check_global_state() against {"grad_mode":true}', None, None, None, None),
        (
            "TENSOR_MATCH",
            "check_tensor(L['input_ids'], Tensor, DispatchKeySet(CPU), torch.int64, size=[2, None], stride=[None, 1])",
            "L['input_ids']",
            line,
            place,
            None,
        ),
        ("EQUALS_MATCH", "L['scale'] == 1.0", "L['scale']", line, place, None),
        (
            "ID_MATCH",
            "___check_obj_id(G['torch'], 140399146127008)",
            "G['torch']",
            line,
            place,
            "caching_precompile drops ID_MATCH",
        ),
    )
    return [
        Guard(
            run_id=run_id,
            compile_id=compile_id,
            ordinal=ordinal,
            guard_type=guard_type,
            expression=expression,
            source=source,
            source_line=source_line,
            location=location,
            is_dropped=drop_reason is not None,
            drop_reason=drop_reason,
        )
        for ordinal, (guard_type, expression, source, source_line, location, drop_reason) in enumerate(rows)
    ]


def backend_entries() -> tuple[BackendEntry, ...]:
    """Return the compiled graphs: inference, a forward with a lazy backward, one outside of any compile, one warm."""
    rows = (
        (RUN, COLD, "__compiled_fn_1_aa", "inference", "0/0", 3_400, 22_000, 18_000, 14_000, 9_800),
        (RUN, COLD, "__compiled_fn_3_bb", "inference", "1/0", 26_000, 640, 500, 420, 300),
        (RUN, COLD, "__compiled_fn_5_cc", "inference", "0/1", 28_500, 13_100, 11_600, 9_900, 7_900),
        (RUN, COLD, "__compiled_fn_7_dd", "inference", "1/1", 42_100, 700, 520, 400, 310),
        (RUN, COLD, "__compiled_fn_9_ee", "inference", "0/2", 43_900, 5_000, 4_100, 3_000, 2_200),
        (RUN, COLD, "__compiled_fn_11_ff", "forward", "2/0", 49_800, 2_000, 900, 700, 450),
        (RUN, COLD, "__compiled_fn_11_ff", "backward", "2/0", 53_000, 1_100, 1_000, 800, 600),
        (RUN, COLD, "standalone_1", "inference", None, 55_000, 1_700, 1_500, 1_200, 900),
        (WARM_RUN, WARM, "__compiled_fn_1_9f", "inference", "0/0", 3_600_500, 300, 60, 0, 0),
    )
    return tuple(
        BackendEntry(
            run_id=run_id,
            session_id=session_id,
            backend_id=backend_id,
            kind=kind,
            compile_id=compile_id,
            started_us=START + at_ms * 1000,
            duration_us=whole * 1000,
            inductor_us=inductor * 1000,
            codegen_us=codegen * 1000,
            compiler_us=compiler * 1000,
        )
        for run_id, session_id, backend_id, kind, compile_id, at_ms, whole, inductor, codegen, compiler in rows
    )


def components(name: str) -> str:
    """Return the key components of one lookup, as torch prints them; the graph spans several lines."""
    return (
        f"[6lpyrlhmzi] gm: GraphModule()\n\n\n\ndef forward(self, {name}):\n    return (torch.ops.aten.mm({name}),)\n"
        "[rktupar5qc] example_inputs[0]: TensorMetadata(dtype=torch.float32, shape=torch.Size([2, 13]))\n"
        "[v3hzzlv4tj] cache_key_tag: \n"
        "[esstihe2ny] inductor_config[epilogue_fusion]: False"
    )


def artifact_rows(contents: Contents) -> tuple[tuple[Artifact, ...], tuple[ArtifactUse, ...]]:
    """Return the artifacts of every type and their uses: misses, a bypass, hits, and one of which nothing is known."""
    artifacts: list[Artifact] = []
    uses: list[ArtifactUse] = []

    def touch(artifact_type: str, name: str, size: int, backend: BackendEntry | None, **use: object) -> None:
        cache_key = key(artifact_type[0], name) if name else None
        digest = None
        if size:
            digest = contents.add((f"{artifact_type} {name} " * size)[:size])
            if all(each.content_sha256 != digest for each in artifacts):
                artifacts.append(
                    Artifact(
                        artifact_type=artifact_type,
                        cache_key=str(cache_key),
                        content_sha256=digest,
                        size_bytes=size,
                        added_us=START + 1_000_000 * len(artifacts),
                        system_id="a1b2c3d4e5f6",
                    )
                )
        if backend is None and not use:
            return
        facts: dict[str, object] = {
            "session_id": backend.session_id if backend else COLD,
            "run_id": backend.run_id if backend else RUN,
            "compile_id": backend.compile_id if backend else None,
            "backend_id": backend.backend_id if backend else None,
            "kind": backend.kind if backend else None,
            "state": "miss",
            "detail": "full_miss",
            "at_us": START + 3_000_000 + 1_000_000 * len(uses),
        }
        facts |= use
        uses.append(
            ArtifactUse(
                **facts,  # type: ignore[arg-type]
                ordinal=len(uses),
                artifact_type=artifact_type,
                cache_key=cache_key,
                content_sha256=digest,
            )
        )

    for backend, name, aot_size, inductor_size in zip(
        backend_entries(),
        ("static", "resume static", "dynamic", "resume dynamic", "scaled", "loss", "loss backward", "standalone"),
        (311_000, 61_000, 310_400, 61_300, 312_000, 44_000, 0, 0),
        (84_000, 12_000, 84_600, 12_100, 85_100, 9_000, 8_800, 15_500),
        strict=False,
    ):
        listed = contents.add(components(name.split()[0]))
        touch("inductor", name, inductor_size, backend, time_taken_us=backend.inductor_us, components_sha256=listed)
        if aot_size:
            touch("aot_autograd", name, aot_size, backend, time_taken_us=(backend.duration_us or 0) // 10)
    outside = {"compile_id": None, "backend_id": None, "kind": None, "state": None, "detail": None}
    warm = backend_entries()[-1]
    bypass = {"state": "bypass", "detail": None, "reason": "Unsupported call to a custom operator"}
    touch("aot_autograd", "", 0, backend_entries()[7], **bypass)
    touch("pgo", "local", 700, backend_entries()[2], backend_id=None, kind=None, state=None, detail=None)
    touch("precompile", "forward", 120_000, None, **outside)
    touch("autotune", "imported", 400, None)
    hit = {"state": "hit", "detail": "hit", "time_taken_us": 21_000, "time_saved_us": 12_400_000}
    touch("aot_autograd", "dynamic", 310_400, warm, **hit)
    touch("inductor", "dynamic", 84_600, warm, **hit)
    return tuple(artifacts), tuple(uses)


def events() -> list[Event]:
    """Return the spans of each cold compile, one phase within the other, and an instant."""
    rows: list[Event] = []
    depths = ("dynamo", "other", "aot", "inductor", "codegen", "compiler")
    names = ("entire_frame_compile", "backend_compile", "create_aot_dispatcher", "inductor_compile", "code_gen", "g++")
    for each in (row for row in compiles() if row.run_id == RUN):
        end = each.started_us + (each.duration_us or 0)
        spans = (each.duration_us, each.backend_us, each.aot_us, each.inductor_us, each.codegen_us, each.compiler_us)
        for depth, duration in enumerate(span for span in spans if span):
            rows.append(event(names[depth], depths[depth], end - duration, duration, each.compile_id, depth))
    backward = backend_entries()[6]
    rows.append(event("inductor_compile", "inductor", backward.started_us or 0, 1_000_000, "2/0", 0))
    rows.append(event("fx_graph_cache_miss", "cache", START + 3_500_000, 0, "0/0", 3))
    return sorted(rows, key=lambda row: (row.started_us, row.depth))


def event(name: str, phase: str, started_us: int, duration_us: int, compile_id: str, depth: int) -> Event:
    """Return one span of the cold session."""
    return Event(
        session_id=COLD,
        run_id=RUN,
        compile_id=compile_id,
        attempt=0,
        name=name,
        phase=phase,
        thread=0,
        depth=depth,
        started_us=started_us,
        duration_us=duration_us,
        is_instant=duration_us == 0,
    )


def verdicts(artifacts: tuple[Artifact, ...]) -> list[Verdict]:
    """Return what became of the artifacts that the warm session offered: hit, unused, refused, rejected, missed."""
    words = (
        ("dynamic", "hit", None),
        ("scaled", "unused", "no compile asked for this key"),
        ("static", "rejected", "guard failed: L['input_ids'].size()[1] == 13"),
        ("loss", "refused", "cpu_isa: recorded avx512, live avx2"),
    )
    found = {(each.artifact_type, each.cache_key): each for each in artifacts}
    rows = [
        Verdict(
            artifact_type=artifact_type,
            cache_key=key(artifact_type[0], name),
            content_sha256=(row := found[artifact_type, key(artifact_type[0], name)]).content_sha256,
            size_bytes=row.size_bytes,
            verdict=verdict,
            reason=reason,
        )
        for name, verdict, reason in words
        for artifact_type in ("aot_autograd", "inductor")
    ]
    missed = Verdict(
        artifact_type="inductor",
        cache_key=key("i", "asked for"),
        content_sha256=None,
        size_bytes=None,
        verdict="missed",
        reason="inductor_config[epilogue_fusion]: 'False' -> 'True'",
        nearest_key=key("i", "dynamic"),
    )
    return [*rows, missed]


def graph(lines: tuple[tuple[int, str], ...], name: str, filename: str) -> str:
    """Return a graph as torch prints it, with the user's line above each node."""
    body = "\n".join(
        f"        # File: {filename}:{line} in {name}, code: {text}\n"
        f'        add_{line}: "f32[2, 13][13, 1]cpu" = torch.ops.aten.add.Tensor(l_x_, 1)\n'
        for line, text in lines
    )
    return f'class GraphModule(torch.nn.Module):\n    def forward(self, L_x_: "i64[2, 13][13, 1]cpu"):\n{body}'


def documents(contents: Contents, artifacts: tuple[Artifact, ...]) -> tuple[Document, ...]:
    """Return graphs, generated code, guards, events and the load report."""
    source = FORWARD_SOURCE.splitlines()
    head = graph(tuple((12 + at, source[at].strip()) for at in (1, 2, 3)), "forward", CELL)
    tail = graph(tuple((12 + at, source[at].strip()) for at in (5, 6)), "torch_dynamo_resume_in_forward_at_16", CELL)
    loss = graph(tuple((41 + at, LOSS_SOURCE.splitlines()[at].strip()) for at in (2, 3, 4)), "contrastive_loss", TRAIN)
    code = (
        "# AOT ID: ['0_inference']\ncpp_fused_add_0 = async_compile.cpp_pybinding(['const float*'], r'''\n"
        "extern \"C\" void kernel(const float* in_ptr0)\n{\n    for(int64_t x0=0L; x0<32L; x0+=16L) {}\n}\n''')\n"
        "# written to /home/ada/.cache/torchinductor/c62eru2w.py\n"
    )
    rows: list[Document] = []

    def add(name: str, content: bytes | str, compile_id: str | None, **more: object) -> None:
        digest = contents.add(content)
        facts: dict[str, object] = {"session_id": COLD, "run_id": RUN, "backend_id": None, "title": None}
        rows.append(
            Document(
                **(facts | more),  # type: ignore[arg-type]
                ordinal=len(rows),
                compile_id=compile_id,
                name=name,
                content_sha256=digest,
                size_bytes=len(contents[digest]),
            )
        )

    for entry in backend_entries()[:6]:
        text = {"0": head, "1": tail, "2": loss}[str(entry.compile_id)[0]]
        add("dynamo_graph", text, entry.compile_id, backend_id=entry.backend_id)
        add("post_grad_graph", text, entry.compile_id, backend_id=entry.backend_id, title="forward")
        add("output_code", code, entry.compile_id, backend_id=entry.backend_id, title="/home/ada/.cache/c62eru2w.py")
        add("guards", encode_rows(guards(RUN, str(entry.compile_id))), entry.compile_id)
    add("events", encode_rows(events()), None)
    warm = {"session_id": WARM, "run_id": WARM_RUN}
    add("guards", encode_rows(guards(WARM_RUN, "0/0")), "0/0", **warm)
    add("load_report", encode_rows(verdicts(artifacts)), None, **warm)
    return tuple(rows)


def small_recording() -> tuple[Recording, Contents]:
    """Return one of each thing, and the contents by digest."""
    contents = Contents()
    artifacts, uses = artifact_rows(contents)
    recording = Recording(
        systems=(system(),),
        sessions=sessions(),
        codes=codes(),
        compiles=compiles(),
        graph_breaks=graph_breaks(),
        recompile_reasons=recompile_reasons(),
        dimensions=dimensions(),
        backend_entries=backend_entries(),
        artifacts=artifacts,
        artifact_uses=uses,
        documents=documents(contents, artifacts),
        read=contents.read,
    )
    return recording, contents


def large_recording(artifact_count: int) -> tuple[Recording, Contents]:
    """Return so many artifacts in one session: two to a compiled graph, two compiles to a function."""
    contents = Contents()
    compile_count = (artifact_count + 1) // 2
    code_rows = tuple(
        Code(
            code_id=f"code-{number}",
            module="layers",
            qualname=f"Layer{number}.forward",
            filename="/home/ada/search/layers.py",
            first_line=10 * number + 1,
            digest=f"{number:064x}",
            source=f"def forward(self, x):\n    return x + {number}\n",
        )
        for number in range((compile_count + 1) // 2)
    )
    compile_rows = tuple(
        compile_row(f"{number // 2}/{number % 2}", f"code-{number // 2}", 10 * number, (9, 8, 7, 6, 5, 4))
        for number in range(compile_count)
    )
    backend_rows = tuple(
        BackendEntry(
            run_id=RUN,
            backend_id=f"__compiled_fn_{number}_{number:08x}",
            kind="inference",
            session_id=COLD,
            compile_id=row.compile_id,
            started_us=row.started_us + 1000,
            duration_us=8000,
        )
        for number, row in enumerate(compile_rows)
    )
    artifacts: list[Artifact] = []
    uses: list[ArtifactUse] = []
    for number in range(artifact_count):
        artifact_type = ("aot_autograd", "inductor")[number % 2]
        backend = backend_rows[number // 2]
        digest = contents.add(f"{artifact_type} {number} ".encode() * 20)
        row = Artifact(
            artifact_type=artifact_type,
            cache_key=key(artifact_type[0], str(number)),
            content_sha256=digest,
            size_bytes=len(contents[digest]),
            added_us=START + 5000 * number,
            system_id="a1b2c3d4e5f6",
        )
        artifacts.append(row)
        uses.append(
            ArtifactUse(
                session_id=COLD,
                ordinal=number,
                run_id=RUN,
                compile_id=backend.compile_id,
                backend_id=backend.backend_id,
                kind="inference",
                artifact_type=artifact_type,
                cache_key=row.cache_key,
                content_sha256=digest,
                state="miss",
                at_us=row.added_us,
                time_taken_us=4000,
            )
        )
    listed = [(row.compile_id, contents.add(encode_rows(guards(RUN, row.compile_id)))) for row in compile_rows]
    document_rows = tuple(
        Document(
            session_id=COLD,
            ordinal=ordinal,
            run_id=RUN,
            compile_id=compile_id,
            backend_id=None,
            name="guards",
            title=None,
            content_sha256=digest,
            size_bytes=len(contents[digest]),
        )
        for ordinal, (compile_id, digest) in enumerate(listed)
    )
    recording = Recording(
        systems=(system(),),
        sessions=sessions()[:1],
        codes=code_rows,
        compiles=compile_rows,
        backend_entries=backend_rows,
        artifacts=tuple(artifacts),
        artifact_uses=tuple(uses),
        documents=document_rows,
        read=contents.read,
    )
    return recording, contents
