"""Tables: a recording as pandas DataFrames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from megacache.errors import ArtifactNotFoundError
from megacache.model import (
    GUARDED_CODE,
    KERNEL,
    OUR_TYPES,
    WHOLE_TYPES,
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
    ProfiledSize,
    SessionInfo,
    SystemInfo,
    TritonKernel,
    Verdict,
)
from megacache.recording import Recording

if TYPE_CHECKING:
    from pandas import DataFrame

_COMPONENT = re.compile(r"^\[(?P<digest>[^\]\s]+)\] (?P<name>[^\s:][^:]*):(?: (?P<text>.*))?$")

_DTYPES = {
    "str": "string",
    "str | None": "string",
    "State | None": "string",
    "int": "int64",
    "int | None": "Int64",
    "bool": "bool",
}


class Tables:
    """The tables of a recording; each is made when first asked for, and empty ones keep their columns and dtypes.

    Text is of dtype `string`, whole numbers of `int64` (`Int64` where torch may not have said), tuples of `object`.
    Where a table says "the fields of", the columns are those of the class in `megacache.model`, in its order.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def sessions(self) -> DataFrame:
        """One row per session: the fields of `SessionInfo`."""
        return _rows(self.recording.sessions, SessionInfo)

    @cached_property
    def systems(self) -> DataFrame:
        """One row per system: the fields of `SystemInfo`."""
        return _rows(self.recording.systems, SystemInfo)

    @cached_property
    def codes(self) -> DataFrame:
        """One row per code object: the fields of `Code`."""
        return _rows(self.recording.codes, Code)

    @cached_property
    def compiles(self) -> DataFrame:
        """One row per compile, in order of their start: the fields of `Compile`."""
        return _rows(self.recording.compiles, Compile)

    @cached_property
    def recompiles(self) -> DataFrame:
        """One row per guard that failed, newest guarded code first as torch tells them.

        Columns: run_id, compile_id, ordinal, session_id, code_id, qualname, failed_compile_id, guard, source_line,
        location. A recompile of which torch gave no reason has one row without `ordinal` and guard.
        """
        recompiled = {(row.run_id, row.compile_id): row for row in self.recording.compiles if row.is_recompile}
        names = {code.code_id: code.title for code in self.recording.codes}
        explained = {(row.run_id, row.compile_id) for row in self.recording.recompile_reasons}
        records: list[tuple[Any, ...]] = []
        for row in self.recording.recompile_reasons:
            compiled = recompiled.get((row.run_id, row.compile_id))
            records.append(
                (
                    row.run_id,
                    row.compile_id,
                    row.ordinal,
                    *_origin(compiled, names),
                    row.failed_compile_id,
                    row.guard,
                    row.source_line,
                    row.location,
                )
            )
        records += [
            (*key, None, *_origin(row, names), None, None, None, None)
            for key, row in recompiled.items()
            if key not in explained
        ]
        text = ("session_id", "code_id", "qualname", "failed_compile_id", "guard", "source_line", "location")
        columns = {"run_id": "string", "compile_id": "string", "ordinal": "Int64"} | dict.fromkeys(text, "string")
        return _frame(records, columns)

    @cached_property
    def graph_breaks(self) -> DataFrame:
        """One row per graph break and attempt: the fields of `GraphBreak`."""
        return _rows(self.recording.graph_breaks, GraphBreak)

    @cached_property
    def dimensions(self) -> DataFrame:
        """One row per dynamic dimension of a compile: the fields of `Dimension`."""
        return _rows(self.recording.dimensions, Dimension)

    @cached_property
    def guards(self) -> DataFrame:
        """One row per guard, kept or dropped: the fields of `Guard`."""
        return _rows(self.recording.guards, Guard)

    @cached_property
    def backends(self) -> DataFrame:
        """One row per backend entry and kind: the fields of `BackendEntry`."""
        return _rows(self.recording.backend_entries, BackendEntry)

    @cached_property
    def artifacts(self) -> DataFrame:
        """One row per artifact of torch's: the fields of `Artifact`, then what became of it.

        These are as many as torch's own `CacheInfo` counts; ours are in `guarded_codes`, `kernels` and `compiled`.

        Columns after those of `Artifact`: state (of its last use with a lookup; missing where there was none) and
        compile_ids (those that touched it, joined by commas in order; empty where none did).
        """
        return self._artifacts(lambda row: row.artifact_type not in OUR_TYPES)

    @cached_property
    def guarded_codes(self) -> DataFrame:
        """One row per guarded code that may be served again: the columns of `artifacts`."""
        return self._artifacts(lambda row: row.artifact_type == GUARDED_CODE)

    @cached_property
    def kernels(self) -> DataFrame:
        """One row per compiled CPU library: the columns of `artifacts`."""
        return self._artifacts(lambda row: row.artifact_type == KERNEL)

    @cached_property
    def compiled(self) -> DataFrame:
        """One row per whole compiled thing, such as a standalone artifact or a function: the columns of `artifacts`."""
        return self._artifacts(lambda row: row.artifact_type in WHOLE_TYPES)

    def _artifacts(self, is_wanted: Callable[[Artifact], bool]) -> DataFrame:
        states: dict[tuple[str, str | None], str] = {}
        touched: dict[tuple[str, str | None], dict[str, None]] = {}
        for use in self.recording.artifact_uses:
            key = (use.artifact_type, use.cache_key)
            if use.state is not None:
                states[key] = use.state
            if use.compile_id is not None:
                touched.setdefault(key, {})[use.compile_id] = None
        names = _columns(Artifact)
        records = []
        for row in filter(is_wanted, self.recording.artifacts):
            key = (row.artifact_type, row.cache_key)
            records.append((*_values(row, names), states.get(key), ",".join(touched.get(key, ()))))
        return _frame(records, names | {"state": "string", "compile_ids": "string"})

    @cached_property
    def uses(self) -> DataFrame:
        """One row per use of an artifact, by session and in order: the fields of `ArtifactUse`."""
        return _rows(self.recording.artifact_uses, ArtifactUse)

    @cached_property
    def documents(self) -> DataFrame:
        """One row per document, without its text: the fields of `Document`."""
        return _rows(self.recording.documents, Document)

    @cached_property
    def events(self) -> DataFrame:
        """One row per span of work: the fields of `Event`."""
        return _rows(self.recording.events, Event)

    @cached_property
    def profile(self) -> DataFrame:
        """One row per size that torch's PGO has seen, of the last state of each job: the fields of `ProfiledSize`."""
        return _rows(self.recording.profiled_sizes, ProfiledSize)

    @cached_property
    def triton_kernels(self) -> DataFrame:
        """One row per GPU kernel that a graph names and configuration that it carries: the fields of `TritonKernel`."""
        return _rows(self.recording.triton_kernels, TritonKernel)

    @cached_property
    def verdicts(self) -> DataFrame:
        """One row per artifact that was offered to torch: the fields of `Verdict`."""
        return _rows(self.recording.verdicts, Verdict)

    @cached_property
    def key_components(self) -> DataFrame:
        """One row per component of each cache key that was looked up; keys without a recorded list have none.

        Columns: artifact_type, cache_key, name, digest, text (a graph spans lines), in torch's order.
        """
        lists = {
            (use.artifact_type, use.cache_key, use.components_sha256): None
            for use in self.recording.artifact_uses
            if use.components_sha256 is not None
        }
        records = [
            (artifact_type, cache_key, *component)
            for artifact_type, cache_key, digest in lists
            for component in parse_components(self._listed(digest))
        ]
        return _frame(records, dict.fromkeys(("artifact_type", "cache_key", "name", "digest", "text"), "string"))

    def _listed(self, digest: str) -> str:
        try:
            return self.recording.read(digest).decode("utf-8", "replace")
        except ArtifactNotFoundError as error:
            message = f"the key components {digest[:12]} are not in this recording; open the bundle that holds them"
            raise ArtifactNotFoundError(message, cache_key=digest) from error


def parse_components(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, digest and text of each key component in a list as torch prints it.

    Source: `FxGraphHashDetails.debug_lines` in `torch/_inductor/codecache.py` (2.13.0): `[hash] name: text`, where the
    text of a graph goes on over the lines that follow.
    """
    name = digest = ""
    lines: list[str] = []
    for line in text.split("\n"):
        found = _COMPONENT.match(line)
        if found is None:
            lines.append(line)
            continue
        if name:
            yield name, digest, "\n".join(lines)
        name, digest, lines = found["name"], found["digest"], [found["text"] or ""]
    if name:
        yield name, digest, "\n".join(lines)


def _origin(row: Compile | None, names: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    """Return the session, code and qualified name of a compile."""
    if row is None:
        return None, None, None
    return row.session_id, row.code_id, names.get(row.code_id or "")


def _columns(row_class: type) -> dict[str, str]:
    """Return the fields of a row class with the dtypes of their columns."""
    return {field.name: _DTYPES.get(str(field.type), "object") for field in fields(row_class)}


def _values(row: object, names: Iterable[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _rows(rows: Sequence[object], row_class: type) -> DataFrame:
    columns = _columns(row_class)
    return _frame([_values(row, columns) for row in rows], columns)


def _frame(records: Sequence[tuple[Any, ...]], columns: dict[str, str]) -> DataFrame:
    from pandas import DataFrame, Series

    values = zip(*records, strict=True) if records else ((),) * len(columns)
    return DataFrame(
        {name: Series(list(value), dtype=dtype) for (name, dtype), value in zip(columns.items(), values, strict=True)}
    )
