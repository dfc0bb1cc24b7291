"""Facts: what is known of a node, as pairs of a name and a value; what is not known is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from megacache.explorer.scope import Scope
from megacache.model import Compile
from megacache.views.branches import guard_text
from megacache.views.names import dimension_text, place
from megacache.views.tree import COMPILE_KINDS
from megacache.views.units import count, format_bytes, format_duration

Fact = tuple[str, str]


def facts(scope: Scope) -> list[Fact]:
    """Return the facts of a node, each name once."""
    tell = _TELLERS.get(scope.node.kind, _group)
    return [(name, value) for name, value in tell(scope) if value]


def _session(scope: Scope) -> Iterator[Fact]:
    row = scope.session
    if row is None:
        return
    system = scope.index.systems.get(row.system_id)
    yield "status", row.status
    yield "error", row.error or ""
    yield "started", datetime.fromtimestamp(row.started_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield "took", format_duration(None if row.ended_us is None else row.ended_us - row.started_us)
    yield "notebook", row.notebook or ""
    yield "script", row.script or ""
    yield "rank", "" if row.rank is None else str(row.rank)
    if system is not None:
        yield "torch", system.torch_version
        yield "Python", system.python_version
        yield "platform", system.platform
        yield "CPU", " · ".join(filter(None, (system.cpu_model, system.cpu_isa)))
        yield "GPU", " · ".join(filter(None, (system.gpu_name, system.gpu_capability)))
        yield "compiler", system.compiler_version or ""
    yield "megacache", row.megacache_version
    yield "run id", row.run_id
    yield from ((name, f"{value} (not torch's default)") for name, value in sorted(row.config.items()))


def _code(scope: Scope) -> Iterator[Fact]:
    code = scope.code
    if code is None:
        return
    yield "file", code.filename
    yield "first line", f"{code.first_line:,}"
    yield "module", code.module or ""
    yield "code digest", (code.digest or "")[:16]
    yield from _group(scope)


def _group(scope: Scope) -> Iterator[Fact]:
    recompile_count = sum(row.is_recompile for row in scope.compiles)
    if scope.compiles:
        yield "compiles", f"{len(scope.compiles):,} ({count(recompile_count, 'recompile')})"
    yield from _artifacts(scope)


def _artifacts(scope: Scope) -> Iterator[Fact]:
    if scope.artifacts:
        contents = {each.content_sha256: each.size_bytes or 0 for each in scope.artifacts if each.content_sha256}
        size = format_bytes(sum(contents.values())) if contents else ""  # of what was only served, nobody knows it
        yield "artifacts", " · ".join(filter(None, (f"{len(scope.artifacts):,}", size)))


def _compile(scope: Scope) -> Iterator[Fact]:
    for row in scope.compiles[:1]:
        key = (row.run_id, row.compile_id)
        yield "status", row.status
        yield "function", code.title if (code := scope.index.codes.get(row.code_id or "")) else ""
        yield "took", format_duration(row.duration_us)
        yield "graphs", f"{scope.index.graph_counts.get(key, 0):,}"
        yield from _graph_sizes(row)
        yield "guards", guard_text(scope.index, key)
        yield "guard check", "" if row.guard_latency_us is None else f"{row.guard_latency_us:,} µs"
        yield "dynamic", ", ".join(dimension_text(each) for each in scope.index.dimensions.get(key, ()))
        yield "attempts", _attempts(row)
        yield "called from", row.stack[-1] if row.stack else ""
        yield "run id", row.run_id


def _graph_sizes(row: Compile) -> Iterator[Fact]:
    for name, number in (
        ("operators", row.graph_op_count),
        ("graph nodes", row.graph_node_count),
        ("graph inputs", row.graph_input_count),
    ):
        yield name, "" if number is None else f"{number:,}"


def _attempts(row: Compile) -> str:
    if row.attempt_count < 2:
        return ""
    return " · ".join((f"{row.attempt_count:,}", *dict.fromkeys(row.restart_reasons)))


def _graph_break(scope: Scope) -> Iterator[Fact]:
    for row in scope.graph_breaks[:1]:
        yield "place", place(row.filename, row.line)
        yield "line", row.source_line or ""
        yield "met by", ", ".join(dict.fromkeys(each.compile_id for each in scope.graph_breaks))
        yield "kind of break", row.gb_type or ""
    yield from _artifacts(scope)


def _backend(scope: Scope) -> Iterator[Fact]:
    node = scope.node
    yield "backend entry", node.backend_id or ""
    yield "kind", node.backend_kind or ""
    yield "compile", node.compile_id or "outside any compile"
    yield "took", format_duration(node.duration_us)
    for row in scope.compiles[:1]:
        yield from _graph_sizes(row)


def _artifact(scope: Scope) -> Iterator[Fact]:
    node = scope.node
    stored = scope.index.artifacts.get(node.content_sha256 or "")
    yield "type", node.artifact_type or ""
    yield "cache key", node.cache_key or "torch made none"
    yield "bytes", "" if node.size_bytes is None else f"{node.size_bytes:,}"
    yield "content (SHA-256)", node.content_sha256 or ""
    yield "compile", node.compile_id or ""
    if stored is not None:
        yield "recorded", datetime.fromtimestamp(stored.added_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        system = scope.index.systems.get(stored.system_id)
        yield "compiled by", f"torch {system.torch_version} on {system.cpu_isa or system.machine}" if system else ""


_TELLERS: dict[str, Callable[[Scope], Iterator[Fact]]] = {
    "session": _session,
    "function": _code,
    "resume": _code,
    "graph_break": _graph_break,
    "backend": _backend,
    "artifact": _artifact,
    **dict.fromkeys(COMPILE_KINDS, _compile),
}
