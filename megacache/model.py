"""The nouns of megacache as frozen rows: what a recording is made of.

Layer: ground. Imports nothing of ours, does no I/O and knows no torch.

One class is one table: its fields are the columns of the SQL table of the same name (see `bundle/schema.sql`), the
columns of the pandas table, and the keys of the JSON, in this order. Times are whole microseconds: `*_us` that mark a
moment count from the Unix epoch, all others are durations. A field is None where torch did not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

State = str
"""What the cache said of one lookup: `hit`, `miss` or `bypass`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInfo:
    """The machine and software that compiled; equal systems share one row.

    `system_id` is a digest of all other fields. `cpu_isa` is the vector ISA that inductor picks (`avx512`, `avx2`).
    """

    system_id: str
    python_version: str
    torch_version: str
    torch_git_hash: str | None = None
    triton_version: str | None = None
    toolkit_version: str | None = None
    gpu_name: str | None = None
    gpu_capability: str | None = None
    platform: str
    machine: str
    cpu_model: str | None = None
    cpu_isa: str | None = None
    thread_count: int | None = None
    compiler_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One capture window: a `with` block or a cell.

    `config` holds the dynamo, inductor and functorch options that differ from their defaults, as
    `{"inductor.epilogue_fusion": "False"}`. `status` is `open`, `ok` or `failed` (the user's own code raised).
    """

    session_id: str
    name: str
    run_id: str
    system_id: str
    status: str
    started_us: int
    ended_us: int | None = None
    error: str | None = None
    cell: str | None = None
    cell_digest: str | None = None
    script: str | None = None
    notebook: str | None = None
    rank: int | None = None
    megacache_version: str
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code object that Dynamo compiles; with a parent it is a resume function.

    `digest` covers the content alone (bytecode, constants, names, nested code), never file or line; `code_id` is a
    digest of the fields that tell where it is, too. `filename` is `<cell 1a2b3c4d>`-like for a cell.
    `wraps` is the qualname of the function that a decorator's inner function wraps: what a user knows it by.
    """

    code_id: str
    module: str | None
    qualname: str
    filename: str
    first_line: int
    digest: str | None
    source: str | None = None
    parent_code_id: str | None = None
    resume_line: int | None = None
    wraps: str | None = None

    @property
    def title(self) -> str:
        """The name that a user knows it by."""
        return self.wraps or self.qualname


@dataclass(frozen=True, slots=True, kw_only=True)
class Compile:
    """One run of Dynamo over a code object; when `status` is `ok` it left one guarded code.

    Key: (`run_id`, `compile_id`). `status` is `ok`, `served` (a bundle had its guarded code, and nothing was traced),
    `failed`, `skipped` or `limit` (the recompile limit was reached).
    The phases overlap where torch nests them: `backend_us` holds `aot_us`, which holds `inductor_us`, and so on inwards
    to `compiler_us`, the time in the C++ compiler. The backward has its phases in its own `BackendEntry`.
    `stack` is the user's call stack that triggered it, outermost first, as `file:line name`.
    """

    run_id: str
    compile_id: str
    session_id: str
    code_id: str | None
    status: str
    error_type: str | None = None
    error: str | None = None
    attempt_count: int = 1
    restart_reasons: tuple[str, ...] = ()
    started_us: int
    duration_us: int | None = None
    tracing_us: int | None = None
    guard_build_us: int | None = None
    backend_us: int | None = None
    aot_us: int | None = None
    inductor_us: int | None = None
    codegen_us: int | None = None
    compiler_us: int | None = None
    graph_op_count: int | None = None
    graph_node_count: int | None = None
    graph_input_count: int | None = None
    guard_count: int | None = None
    guard_latency_us: int | None = None
    stack: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Say whether it left a guarded code: compiled now, or served by a bundle."""
        return self.status in ("ok", "served")

    @property
    def is_recompile(self) -> bool:
        """Say whether the code object had been compiled before (`frame_compile_id > 0`)."""
        return not self.compile_id.endswith("/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBreak:
    """Where one frame splits, in one attempt of one compile."""

    run_id: str
    compile_id: str
    attempt: int
    ordinal: int
    reason: str
    gb_type: str | None = None
    explanation: str | None = None
    hints: tuple[str, ...] = ()
    context: str | None = None
    filename: str | None = None
    line: int | None = None
    source_line: str | None = None
    user_stack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecompileReason:
    """One guard of one earlier guarded code that failed and so caused this compile.

    `failed_compile_id` is the earlier compile whose guard failed.
    """

    run_id: str
    compile_id: str
    ordinal: int
    failed_compile_id: str | None
    guard: str
    source_line: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dynamic dimension: the symbol that torch gave to one size, and what it knows of it.

    `range` is torch's text, such as `[2, int_oo]`; `hint` is the size that was seen.
    """

    run_id: str
    compile_id: str
    ordinal: int
    symbol: str
    hint: str | None
    range: str | None
    source: str | None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One condition for using a guarded code; a dropped guard is one that torch left out."""

    run_id: str
    compile_id: str
    ordinal: int
    guard_type: str
    expression: str
    source: str | None = None
    source_line: str | None = None
    location: str | None = None
    is_dropped: bool = False
    drop_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEntry:
    """One compiled graph; `kind` is `inference`, `forward` or `backward`, or `other` for a backend without AOTAutograd.

    Key: (`run_id`, `backend_id`, `kind`). `backend_id` is torch's `__compiled_fn_N_uuid`, or one that we gave where
    torch lowers outside of any compile id (`aot_compile`, `standalone_compile`); then `compile_id` is None.
    `session_id` is the session in which it was lowered: for a lazy backward it may be later than its compile's.
    """

    run_id: str
    backend_id: str
    kind: str
    session_id: str
    compile_id: str | None
    started_us: int | None = None
    duration_us: int | None = None
    inductor_us: int | None = None
    codegen_us: int | None = None
    compiler_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One cached thing: type, cache key, content. Key: (`artifact_type`, `cache_key`, `content_sha256`).

    `added_us` is when this content was first recorded, `system_id` the system that compiled it.
    """

    artifact_type: str
    cache_key: str
    content_sha256: str
    size_bytes: int
    added_us: int
    system_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUse:
    """One time a compile touched an artifact: it looked the key up, or recorded the content, or both.

    `state` is `hit`, `miss` or `bypass`, or None where torch recorded without a lookup. `detail` is torch's finer word
    (`full_miss`, `guard_miss`, ...). `content_sha256` is None where nothing was recorded (a bypass).
    `components_sha256` names the content that holds the key components, one per line as `[hash] name: text`.
    """

    session_id: str
    ordinal: int
    run_id: str
    compile_id: str | None
    backend_id: str | None
    kind: str | None
    artifact_type: str
    cache_key: str | None
    content_sha256: str | None
    state: State | None
    detail: str | None = None
    reason: str | None = None
    at_us: int
    time_taken_us: int | None = None
    time_saved_us: int | None = None
    components_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One text that belongs to a session, a compile or a backend entry; its content is a blob.

    `name` is one of `DOCUMENT_NAMES`; `title` is for people. `kind` tells the backend entries of one `backend_id`
    apart.
    """

    session_id: str
    ordinal: int
    run_id: str
    compile_id: str | None
    backend_id: str | None
    kind: str | None = None
    name: str
    title: str | None
    content_sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One span of work: a phase of a compile. `is_instant` events have no duration.

    `thread` numbers the threads in order of appearance, from 0.
    """

    session_id: str
    run_id: str
    compile_id: str | None
    attempt: int | None
    name: str
    phase: str
    thread: int
    depth: int
    started_us: int
    duration_us: int
    is_instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one artifact that was offered to torch, with one sentence why.

    `verdict` is `loaded` or `refused` after the load; after the run `loaded` becomes `hit`, `unused` or `rejected`.
    A lookup that no stored artifact could serve is `missed`, with the nearest stored key.
    """

    artifact_type: str
    cache_key: str
    content_sha256: str | None
    size_bytes: int | None
    verdict: str
    reason: str | None = None
    nearest_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledSize:
    """One size that torch's profile-guided optimization has seen: of which input of which function.

    `cache_key` is that of the `pgo` artifact, `job:rank:tag`. `source` is the user's expression, such as `x.size(0)`.
    `size` is a number, or `dynamic` once it changed; `was` is the number before that, where anything still tells it.
    """

    cache_key: str
    filename: str
    first_line: int
    function: str
    source: str
    size: str
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonKernel:
    """One GPU kernel that a compiled graph names, in one configuration of which the graph carries files, or in none.

    `cache_key` is that of the `inductor` artifact. `files` are what Triton wrote, joined by commas; `has_binary` says
    whether what a GPU runs is among them. Without it the kernel is compiled again where the graph is loaded.
    """

    cache_key: str
    name: str
    kernel_hash: str | None = None
    device: int | None = None
    files: str = ""
    size_bytes: int = 0
    has_binary: bool = False


GRAPH_NAMES = (
    "dynamo_graph",
    "joint_graph",
    "forward_graph",
    "backward_graph",
    "inference_graph",
    "post_grad_graph",
)
"""The documents that hold a graph as text, in the order in which torch makes them."""

DOCUMENT_NAMES = (*GRAPH_NAMES, "output_code", "guards", "events", "profile", "triton", "load_report")
"""All names a document may have. The last five are tables (see `recording.encode_rows`), the others text."""

ARTIFACT_TYPES = ("precompile", "aot_autograd", "inductor", "autotune", "pgo")
"""Torch's artifact types, in the order in which a warm start is served from them."""

GUARDED_CODE = "guarded_code"
"""Our artifact type: one guarded code, with all that must be true of the live process before it may run."""

KERNEL = "kernel"
"""Our artifact type: one compiled CPU library."""

COMPILED_ARTIFACT = "compiled_artifact"
"""Our artifact type: the file that torch's `CompiledArtifact.save` writes, whole; its key is a name."""

AOT_FUNCTION = "aot_function"
"""Our artifact type: the file that torch's `save_compiled_function` writes, whole; its key is `module.qualname`."""

PRECOMPILED = "precompiled"
"""Our artifact type: both files of a `torch.compiler.precompile.capture`; its key is `precompile:module.qualname`."""

WHOLE_TYPES = (COMPILED_ARTIFACT, AOT_FUNCTION, PRECOMPILED)
"""The types that are whole compiled things: they are loaded by name and called, not served to a compile."""

OUR_TYPES = (GUARDED_CODE, KERNEL, *WHOLE_TYPES)
"""The artifact types that torch does not know; they are never written into torch's own container."""

PHASES = ("dynamo", "guards", "aot", "inductor", "codegen", "compiler", "cache", "other")
"""The phases that events are told apart by, outermost first; `compiler` is the C++ or Triton compiler."""
