"""How a tree grows from a recording: from the sessions down to the artifacts, sums and states on the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from megacache.model import BackendEntry, Code, Compile, GraphBreak
from megacache.views.branch import Branch, join
from megacache.views.index import CompileKey, Index
from megacache.views.leaves import artifact_leaves, offered_branches, untied_leaves
from megacache.views.names import (
    break_title,
    code_name,
    code_place,
    dimension_text,
    failed_guard,
    first_line,
    place,
    session_title,
    short_backend,
    without_home,
)
from megacache.views.phases import compile_duration
from megacache.views.tree import STATES, Node
from megacache.views.units import count


def grow(index: Index) -> Node:
    """Return the root of the tree of a recording."""
    session_ids = dict.fromkeys([*index.sessions, *index.compile_keys, *index.outside_backends, *index.outside_uses])
    branches = [_session(index, session_id) for session_id in session_ids]
    if untied := untied_leaves(index):
        branches.append(join("untied", "untied", "artifacts not tied to a compile", untied))
    detail = count(len(index.recording.sessions), "session")
    return join("recording", "", "recording", branches, detail=detail).node


def _session(index: Index, session_id: str) -> Branch:
    key = f"session:{session_id}"
    branches = [
        *_functions(index, session_id, key),
        *_outside(index, session_id, key),
        *offered_branches(index, session_id, key),
    ]
    info = index.sessions.get(session_id)
    detail, state = "", None
    if info is not None:
        system = index.systems.get(info.system_id)
        detail = f"torch {system.torch_version}" if system else ""
        if info.error:
            detail += f" · {without_home(first_line(info.error))}"
        state = "failed" if info.status == "failed" else None
    name = session_title(info.name, info.rank) if info else session_id
    return join("session", key, name, branches, state=state, detail=detail.removeprefix(" · "), session_id=session_id)


def _functions(index: Index, session_id: str, key: str) -> Iterable[Branch]:
    """Grow the functions of a session, each with its resume functions inside."""
    compiled: dict[str | None, list[CompileKey]] = {}
    for compile_key in index.compile_keys.get(session_id, ()):
        row = index.compiles.get(compile_key)
        code = index.codes.get(row.code_id) if row and row.code_id else None
        compiled.setdefault(code.code_id if code else None, []).append(compile_key)
    below: dict[str, list[Code]] = {}
    tops: dict[str, None] = {}
    for code_id in list(compiled):
        if code_id is not None:
            _climb(index.codes[code_id], index.codes, below, tops)
    for code_id in tops:
        yield _Function(index, session_id, compiled, below).grow(index.codes[code_id], key)
    if unknown := compiled.get(None):
        branches = [_compile(index, session_id, each, f"{key}/unknown") for each in unknown]
        yield join("function", f"{key}/unknown", "code not recorded", branches, session_id=session_id)


def _climb(code: Code, codes: dict[str, Code], below: dict[str, list[Code]], tops: dict[str, None]) -> None:
    """Hang a resume function under its parent, the parent under its own, up to a function that has none."""
    parent = codes.get(code.parent_code_id or "")
    if parent is None or parent is code:
        tops[code.code_id] = None
        return
    siblings = below.setdefault(parent.code_id, [])
    if code not in siblings:
        siblings.append(code)
        _climb(parent, codes, below, tops)


@dataclass(frozen=True, slots=True)
class _Function:
    """What the functions of one session grow from."""

    index: Index
    session_id: str
    compiled: dict[str | None, list[CompileKey]]
    below: dict[str, list[Code]]

    def grow(self, code: Code, parent_key: str) -> Branch:
        """Return a function or resume function: its guarded codes, then its graph breaks with what resumes there."""
        key = f"{parent_key}/code:{code.code_id}"
        compile_keys = self.compiled.get(code.code_id, [])
        branches = [_compile(self.index, self.session_id, each, key) for each in compile_keys]
        branches += self._graph_breaks(code, compile_keys, key)
        kind = "resume" if code.parent_code_id else "function"
        detail = "" if code.parent_code_id else code_place(code)
        return join(
            kind, key, code_name(code), branches, detail=detail, session_id=self.session_id, code_id=code.code_id
        )

    def _graph_breaks(self, code: Code, compile_keys: list[CompileKey], key: str) -> Iterable[Branch]:
        breaks: dict[tuple[int | None, str], list[GraphBreak]] = {}
        for compile_key in compile_keys:
            for row in self.index.graph_breaks.get(compile_key, ()):
                breaks.setdefault((row.line, row.reason), []).append(row)
        resumes = {code.code_id: code for code in self.below.get(code.code_id, ())}
        for number, rows in enumerate(breaks.values()):
            break_key = f"{key}/break:{number}"
            here = [each for each in resumes.values() if _resumes_at(each, rows[0], breaks)]
            inside = [self.grow(resumes.pop(each.code_id), break_key) for each in here]
            yield self._graph_break(code, rows, inside, break_key)
        yield from (self.grow(each, key) for each in resumes.values())

    def _graph_break(self, code: Code, rows: list[GraphBreak], inside: list[Branch], key: str) -> Branch:
        row = rows[0]
        compile_ids = ", ".join(dict.fromkeys(each.compile_id for each in rows))
        where = f"line {row.line}" if row.filename == code.filename else place(row.filename, row.line)
        detail = " · ".join(filter(None, (where, row.source_line, f"in {compile_ids}")))
        return join(
            "graph_break",
            key,
            break_title(row),
            inside,
            detail=detail,
            session_id=self.session_id,
            run_id=row.run_id,
            compile_id=row.compile_id,
            code_id=code.code_id,
            line=row.line,
        )


def _resumes_at(code: Code, row: GraphBreak, breaks: Iterable[tuple[int | None, str]]) -> bool:
    """Say whether a resume function goes on after this break: the nearest at or before the line it resumes at."""
    if code.resume_line is None or row.line is None:
        return False
    return row.line == max((line for line, _ in breaks if line and line <= code.resume_line), default=None)


def _compile(index: Index, session_id: str, compile_key: CompileKey, parent_key: str) -> Branch:
    """Return one compile: a guarded code, a recompile, or one that left none."""
    run_id, compile_id = compile_key
    key = f"{parent_key}/compile:{run_id}:{compile_id}"
    row = index.compiles.get(compile_key)
    entries = index.backends.get((session_id, run_id, compile_id), [])
    branches = [_backend(index, entry, row, key) for entry in entries]
    branches += artifact_leaves(index, index.compile_uses.get((session_id, run_id, compile_id), ()), key)
    is_own = row is not None and row.session_id == session_id
    state = row.status if row and is_own and row.status in STATES else None
    kind = "compile" if state else "recompile" if not compile_id.endswith("/0") else "guarded_code"
    return join(
        kind,
        key,
        compile_id,
        branches,
        state=state,
        duration_us=compile_duration(row, entries) if row and is_own else None,
        detail=_compile_detail(index, row, is_own=is_own) if row else "",
        session_id=session_id,
        run_id=run_id,
        compile_id=compile_id,
        code_id=row.code_id if row else None,
    )


def _compile_detail(index: Index, row: Compile, *, is_own: bool) -> str:
    key = (row.run_id, row.compile_id)
    parts = [] if is_own else ["compiled in an earlier session"]
    if row.status == "served":
        parts.append("served, nothing traced")
    if row.status == "open":
        parts.append("compiling now")
    elif not row.is_ok:
        error = without_home(first_line(row.error))
        parts.append(": ".join(filter(None, (row.error_type, error))) or row.status)
    elif reasons := index.recompile_reasons.get(key):
        parts.append(failed_guard(reasons[0].guard))
    elif row.is_recompile and row.status != "served":
        parts.append("reason not recorded")
    if row.is_ok:
        parts.append(count(index.graph_counts.get(key, 0), "graph"))
        parts.append(guard_text(index, key))
    parts += [dimension_text(each) for each in index.dimensions.get(key, ())]
    return " · ".join(filter(None, parts))


def guard_text(index: Index, key: CompileKey) -> str:
    """Say how many guards a compile kept and dropped: `41 guards, 2 dropped`."""
    counts = index.guard_counts[key]
    kept = "" if counts.kept is None else count(counts.kept, "guard")
    dropped = f"{counts.dropped:,} dropped" if counts.dropped else ""
    return ", ".join(filter(None, (kept, dropped)))


def _backend(index: Index, entry: BackendEntry, compiled: Compile | None, parent_key: str) -> Branch:
    key = f"{parent_key}/backend:{entry.run_id}:{entry.backend_id}:{entry.kind}"
    uses = index.backend_uses.get((entry.session_id, entry.run_id, entry.backend_id, entry.kind), ())
    detail = entry.kind
    if compiled and compiled.graph_op_count is not None and entry.kind != "backward":
        detail += f", {count(compiled.graph_op_count, 'op')}"
    return join(
        "backend",
        key,
        short_backend(entry.backend_id),
        artifact_leaves(index, uses, key),
        duration_us=entry.duration_us,
        detail=detail,
        session_id=entry.session_id,
        run_id=entry.run_id,
        compile_id=entry.compile_id,
        backend_id=entry.backend_id,
        backend_kind=entry.kind,
    )


def _outside(index: Index, session_id: str, parent_key: str) -> Iterable[Branch]:
    """Grow what torch lowered or recorded without a compile id: `aot_compile`, `standalone_compile`, a save."""
    key = f"{parent_key}/outside"
    branches = [_backend(index, entry, None, key) for entry in index.outside_backends.get(session_id, ())]
    branches += artifact_leaves(index, index.outside_uses.get(session_id, ()), key)
    if branches:
        yield join("outside", key, "outside any compile", branches, session_id=session_id)
