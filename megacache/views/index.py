"""The rows of a recording, joined by their keys: what the tree and the explorer walk over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple, TypeVar

from megacache.errors import ArtifactNotFoundError
from megacache.model import (
    Artifact,
    ArtifactUse,
    BackendEntry,
    Code,
    Compile,
    Dimension,
    Document,
    GraphBreak,
    Guard,
    RecompileReason,
    SessionInfo,
    SystemInfo,
    Verdict,
)
from megacache.recording import Recording, decode_columns, decode_rows

Row = TypeVar("Row")
Key = TypeVar("Key")

CompileKey = tuple[str, str]
"""`run_id` and `compile_id`."""

BackendKey = tuple[str, str, str, str]
"""`session_id`, `run_id`, `backend_id` and `kind`."""

_COUNTED = ("run_id", "compile_id", "is_dropped")
"""The columns of guards by which they are counted."""


class GuardCounts(NamedTuple):
    """How many guards one compile kept and dropped; kept is None where torch did not say."""

    kept: int | None
    dropped: int


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Group rows by a key, in their order."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def by_compile(row: GraphBreak | RecompileReason | Dimension) -> CompileKey:
    """Return the compile that a row belongs to."""
    return row.run_id, row.compile_id


class Index:
    """Lookups over one recording, each built when first asked for."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def codes(self) -> dict[str, Code]:
        """Codes by `code_id`."""
        return {code.code_id: code for code in self.recording.codes}

    @cached_property
    def sessions(self) -> dict[str, SessionInfo]:
        """Sessions by `session_id`."""
        return {session.session_id: session for session in self.recording.sessions}

    @cached_property
    def systems(self) -> dict[str, SystemInfo]:
        """Systems by `system_id`."""
        return {system.system_id: system for system in self.recording.systems}

    @cached_property
    def compiles(self) -> dict[CompileKey, Compile]:
        """Compiles by run and compile id."""
        return {(row.run_id, row.compile_id): row for row in self.recording.compiles}

    @cached_property
    def code_compiles(self) -> dict[str | None, list[CompileKey]]:
        """The compiles of each code, by `code_id`."""
        by_code = grouped(self.recording.compiles, lambda row: row.code_id)
        return {code_id: [(row.run_id, row.compile_id) for row in rows] for code_id, rows in by_code.items()}

    @cached_property
    def resumes(self) -> dict[str | None, list[Code]]:
        """The resume functions of each code, by `code_id`."""
        return grouped(self.recording.codes, lambda code: code.parent_code_id)

    @cached_property
    def graph_breaks(self) -> dict[CompileKey, list[GraphBreak]]:
        """Graph breaks by compile."""
        return grouped(self.recording.graph_breaks, by_compile)

    @cached_property
    def recompile_reasons(self) -> dict[CompileKey, list[RecompileReason]]:
        """Recompile reasons by the compile that they caused."""
        return grouped(self.recording.recompile_reasons, by_compile)

    @cached_property
    def dimensions(self) -> dict[CompileKey, list[Dimension]]:
        """Dynamic dimensions by compile."""
        return grouped(self.recording.dimensions, by_compile)

    @cached_property
    def artifacts(self) -> dict[str, Artifact]:
        """Artifacts by their content; equal contents are equally large."""
        return {row.content_sha256: row for row in self.recording.artifacts}

    @cached_property
    def backends(self) -> dict[tuple[str, str, str | None], list[BackendEntry]]:
        """Backend entries by the session that lowered them, run and compile id."""
        return grouped(self.recording.backend_entries, lambda row: (row.session_id, row.run_id, row.compile_id))

    @cached_property
    def outside_backends(self) -> dict[str, list[BackendEntry]]:
        """Backend entries outside of any compile, by session."""
        outside = (row for row in self.recording.backend_entries if row.compile_id is None)
        return grouped(outside, lambda row: row.session_id)

    @cached_property
    def graph_counts(self) -> dict[tuple[str, str | None], int]:
        """How many graphs each compile left; a forward and its backward are one."""
        by_key = grouped(self.recording.backend_entries, lambda row: (row.run_id, row.compile_id))
        return {key: len({row.backend_id for row in rows}) for key, rows in by_key.items()}

    @cached_property
    def documents(self) -> dict[tuple[str, str | None], list[Document]]:
        """Documents by run and compile id."""
        return grouped(self.recording.documents, lambda row: (row.run_id, row.compile_id))

    @cached_property
    def compile_keys(self) -> dict[str, list[CompileKey]]:
        """The compiles that each session made, or went on with (a lazy backward, a later use), in order.

        A session that is not here itself is passed over where it only made what another one went on with.
        """
        found: dict[str, dict[CompileKey, None]] = defaultdict(dict)
        later: tuple[BackendEntry | ArtifactUse, ...] = (*self.recording.backend_entries, *self.recording.artifact_uses)
        taken_up = {(row.run_id, row.compile_id) for row in later}
        made = (
            row
            for row in self.recording.compiles
            if row.session_id in self.sessions or (row.run_id, row.compile_id) not in taken_up
        )
        rows: tuple[Compile | BackendEntry | ArtifactUse, ...] = (*made, *later)
        for row in rows:
            if row.compile_id is not None:
                found[row.session_id][row.run_id, row.compile_id] = None
        return {session_id: list(keys) for session_id, keys in found.items()}

    @cached_property
    def backend_uses(self) -> dict[BackendKey, list[ArtifactUse]]:
        """Artifact uses by the backend entry they belong to."""
        return self._uses[0]

    @cached_property
    def compile_uses(self) -> dict[tuple[str, str, str], list[ArtifactUse]]:
        """Artifact uses that belong to a compile but to no backend entry of it, by session, run and compile id."""
        return self._uses[1]

    @cached_property
    def outside_uses(self) -> dict[str, list[ArtifactUse]]:
        """Artifact uses outside of any compile and backend entry, by session."""
        return self._uses[2]

    @cached_property
    def _uses(
        self,
    ) -> tuple[
        dict[BackendKey, list[ArtifactUse]],
        dict[tuple[str, str, str], list[ArtifactUse]],
        dict[str, list[ArtifactUse]],
    ]:
        kinds = grouped(self.recording.backend_entries, lambda row: (row.session_id, row.run_id, row.backend_id))
        inside: dict[BackendKey, list[ArtifactUse]] = defaultdict(list)
        beside: dict[tuple[str, str, str], list[ArtifactUse]] = defaultdict(list)
        outside: dict[str, list[ArtifactUse]] = defaultdict(list)
        for use in self.recording.artifact_uses:
            entries = kinds.get((use.session_id, use.run_id, use.backend_id or ""), ())
            if entries:
                kind = next((row.kind for row in entries if row.kind == use.kind), entries[0].kind)
                inside[use.session_id, use.run_id, entries[0].backend_id, kind].append(use)
            elif use.compile_id is not None:
                beside[use.session_id, use.run_id, use.compile_id].append(use)
            else:
                outside[use.session_id].append(use)
        return dict(inside), dict(beside), dict(outside)

    @cached_property
    def artifact_compile_ids(self) -> dict[tuple[str, str | None], list[str]]:
        """The compiles that touched each artifact, in order, by type and cache key."""
        found: dict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)
        for use in self.recording.artifact_uses:
            if use.compile_id:
                found[use.artifact_type, use.cache_key][use.compile_id] = None
        return {key: list(compile_ids) for key, compile_ids in found.items()}

    @cached_property
    def guards(self) -> dict[CompileKey, list[Guard]]:
        """Every guard by its compile; none where the recording has no contents at hand."""
        try:
            return grouped(self.recording.guards, lambda row: (row.run_id, row.compile_id))
        except ArtifactNotFoundError:
            return {}

    @cached_property
    def guard_counts(self) -> dict[CompileKey, GuardCounts]:
        """How many guards each compile kept and dropped, counted without making a row of each."""
        kept: dict[CompileKey, int] = defaultdict(int)
        dropped: dict[CompileKey, int] = defaultdict(int)
        for document in self.recording.documents:
            if document.name == "guards":
                for run_id, compile_id, is_dropped in self._guard_columns(document):
                    (dropped if is_dropped else kept)[run_id, compile_id] += 1
        return {
            key: GuardCounts(kept.get(key, row.guard_count), dropped.get(key, 0)) for key, row in self.compiles.items()
        }

    def _guard_columns(self, document: Document) -> Iterable[tuple[str, str, bool]]:
        try:
            columns = decode_columns(Guard, self.recording.read(document.content_sha256), _COUNTED)
        except ArtifactNotFoundError:
            return ()
        return zip(*(columns[name] for name in _COUNTED), strict=True) if len(columns) == len(_COUNTED) else ()

    @cached_property
    def verdicts(self) -> dict[str, dict[tuple[str, str], Verdict]]:
        """The verdicts of each session, by artifact type and cache key."""
        found: dict[str, dict[tuple[str, str], Verdict]] = defaultdict(dict)
        for document in self.recording.documents:
            if document.name == "load_report":
                for row in decode_rows(Verdict, self.recording.read(document.content_sha256)):
                    found[document.session_id][row.artifact_type, row.cache_key] = row
        return dict(found)
