"""Recording: the rows of one or more sessions, and the way to their contents.

Layer: ground. May import model and errors; views and the explorer only inside the methods that show them.

A live `Session` and a `Bundle` on disk both answer `recording()`; every face is made from that. Guards and events are
many and alike, so they are kept as compressed documents and decoded when first asked for.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from megacache.errors import ArtifactNotFoundError, CorruptBundleError
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
    ProfiledSize,
    RecompileReason,
    SessionInfo,
    SystemInfo,
    TritonKernel,
    Verdict,
)

if TYPE_CHECKING:
    from megacache.explorer.widget import Explorer
    from megacache.views.figures import Figures
    from megacache.views.tables import Tables
    from megacache.views.tree import Tree

Row = TypeVar("Row")


def no_content(sha256: str) -> bytes:
    """Refuse to read: the recording was made without contents.

    Raises:
        ArtifactNotFoundError: Always.
    """
    raise ArtifactNotFoundError(f"content {sha256[:12]} is not at hand: this recording was made without contents")


@dataclass(frozen=True)
class Recording:
    """The rows of one or more sessions, each table in the order in which things happened.

    `read` returns the content of a digest, checked, and raises `ArtifactNotFoundError` for one that is not there. Who
    reads many of them does so within `held()`, which saves the opening of a bundle for each; or by `contents`, in any
    order, for which a bundle has a way of its own, `stream`.
    """

    systems: tuple[SystemInfo, ...] = ()
    sessions: tuple[SessionInfo, ...] = ()
    codes: tuple[Code, ...] = ()
    compiles: tuple[Compile, ...] = ()
    graph_breaks: tuple[GraphBreak, ...] = ()
    recompile_reasons: tuple[RecompileReason, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    backend_entries: tuple[BackendEntry, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    artifact_uses: tuple[ArtifactUse, ...] = ()
    documents: tuple[Document, ...] = ()
    read: Callable[[str], bytes] = no_content
    held: Callable[[], AbstractContextManager[None]] = nullcontext
    stream: Callable[[Iterable[str]], Iterator[tuple[str, bytes]]] | None = None

    def contents(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Read many contents, in any order, with no more in memory than need be.

        Args:
            digests: The contents.

        Yields:
            Digest and content of each that can be read; `read` says what is wrong with the others.

        Raises:
            BundleError: When the bundle cannot be read at all; see `errors`.
        """
        if self.stream is not None:
            yield from self.stream(digests)
            return
        for digest in dict.fromkeys(digests):
            with suppress(ArtifactNotFoundError, CorruptBundleError):
                yield digest, self.read(digest)

    @cached_property
    def guards(self) -> tuple[Guard, ...]:
        """Every guard, kept and dropped, by compile and in torch's order."""
        return self._decoded("guards", Guard)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every span of work, by session and in order of their start."""
        return self._decoded("events", Event)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What became of each artifact that a session offered to torch."""
        return self._decoded("load_report", Verdict)

    @cached_property
    def profiled_sizes(self) -> tuple[ProfiledSize, ...]:
        """What torch's PGO has seen of each size: of each job the last state, which is the one that torch reads."""
        states = {row.cache_key: each for each in self._tables("profile", ProfiledSize) for row in each}
        return tuple(row for each in states.values() for row in each)

    @cached_property
    def triton_kernels(self) -> tuple[TritonKernel, ...]:
        """The GPU kernels of each compiled graph, with the files that it carries of them; each graph once."""
        graphs = {row.cache_key: each for each in self._tables("triton", TritonKernel) for row in each}
        return tuple(row for each in graphs.values() for row in each)

    def text(self, document: Document) -> str:
        """Return a document's content as text."""
        return self.read(document.content_sha256).decode("utf-8", "replace")

    def _decoded(self, name: str, row_class: type[Row]) -> tuple[Row, ...]:
        return tuple(row for table in self._tables(name, row_class) for row in table)

    def _tables(self, name: str, row_class: type[Row]) -> Iterable[Sequence[Row]]:
        found = (self.read(each.content_sha256) for each in self.documents if each.name == name)
        return (decode_rows(row_class, content) for content in found)


class Recorded(ABC):
    """What a live session and a bundle have in common: one recording, shown by the same faces."""

    @abstractmethod
    def recording(self) -> Recording:
        """Return the rows as they are now."""

    @property
    def tables(self) -> Tables:
        """The tables as pandas DataFrames: sessions, codes, compiles, recompiles, graph_breaks, guards, ..."""
        from megacache.views.tables import Tables

        return Tables(self.recording())

    @property
    def figures(self) -> Figures:
        """The figures as plotly `go.Figure`: timeline(), sizes(), icicle()."""
        from megacache.views.figures import Figures

        return Figures(self.recording())

    def tree(self) -> Tree:
        """Return the tree of functions, graph breaks, recompiles, backend entries and artifacts."""
        from megacache.views.tree import Tree

        return Tree.of(self.recording())

    def explore(self) -> Explorer:
        """Return the explorer: an interactive view for a notebook.

        Raises:
            FrontEndError: When the front end was not built.
        """
        from megacache.explorer.widget import Explorer

        return Explorer(self)

    def export_html(
        self, path: str | os.PathLike[str], *, keeps_home: bool = False, keeps_environment: bool = False
    ) -> int:
        """Write the explorer as one HTML page, for somebody without megacache, a kernel or a network.

        Args:
            path: The file; one that is there is replaced, unless it is a bundle.
            keeps_home: Leave home directories as they are; otherwise they become `~`.
            keeps_environment: Leave what texts say of environment variables as it is; otherwise it is left out.

        Returns:
            The size of the file in bytes.

        Raises:
            FrontEndError: When the front end was not built.
            SessionError: When nothing was captured, or a session has not begun.
            BundleError: When the recording cannot be read, or the file cannot be written; see `errors`.
        """
        from megacache.explorer.page import export_html

        return export_html(self, path, keeps_home=keeps_home, keeps_environment=keeps_environment)


def encode_rows(rows: Iterable[object]) -> bytes:
    """Encode rows of one class as columns, in JSON: `{"columns": {name: [...]}}`; equal rows give equal bytes."""
    records = [asdict(row) for row in rows]  # type: ignore[call-overload]
    columns = {name: [record[name] for record in records] for name in (records[0] if records else ())}
    return json.dumps({"columns": columns}, separators=(",", ":"), sort_keys=True).encode()


def decode_rows(row_class: type[Row], content: bytes) -> Sequence[Row]:
    """Decode what `encode_rows` wrote; unknown columns are passed over, missing ones take their default.

    Raises:
        CorruptBundleError: When it is something else.
    """
    columns = decode_columns(row_class, content)
    try:
        return [row_class(**dict(zip(columns, each, strict=True))) for each in zip(*columns.values(), strict=True)]
    except TypeError as error:
        raise _unreadable(row_class, error) from error


def decode_columns(row_class: type, content: bytes, names: Collection[str] | None = None) -> dict[str, Sequence[Any]]:
    """Decode the columns of what `encode_rows` wrote, without making a row of each.

    Args:
        row_class: The class of the rows.
        content: The bytes, which may be a stranger's.
        names: The columns that are wanted; None means all that the class knows.

    Returns:
        Those that are there, all of one length, whose values are of the types of their fields; of texts, lone
        surrogates are question marks, as a bundle writes them into its rows.

    Raises:
        CorruptBundleError: When it is something else.
    """
    try:
        columns = json.loads(content.decode("utf-8"))["columns"]
        known = [each for each in fields(row_class) if each.name in columns and (names is None or each.name in names)]
        return _of_one_length({each.name: _checked(each.name, str(each.type), columns[each.name]) for each in known})
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _unreadable(row_class, error) from error


def _of_one_length(columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError("its columns differ in length")
    return columns


def _checked(name: str, annotation: str, values: object) -> Sequence[Any]:
    """Return the values of a column, which all have to be of the type of its field."""
    kind = annotation.removesuffix(" | None")
    allowed = {_KINDS[kind]} | ({type(None)} if kind != annotation else set())
    if type(values) is not list or not set(map(type, values)) <= allowed:
        raise ValueError(f"{name} is not of {annotation}")
    if kind == "int" and any(value.bit_length() > _LONGEST_NUMBER_BITS for value in values if value is not None):
        raise ValueError(f"{name} has a number that is too large")
    return [_encodable(value) for value in values] if kind == "str" else values


def _encodable(text: str | None) -> str | None:
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _unreadable(row_class: type, error: Exception) -> CorruptBundleError:
    problem = f"a table of {row_class.__name__} rows cannot be read: {error}"
    return CorruptBundleError(problem, problems=(problem,))


_KINDS = {"str": str, "int": int, "bool": bool}
_LONGEST_NUMBER_BITS = 63
