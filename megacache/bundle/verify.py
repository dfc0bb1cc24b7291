"""Verify: check a whole bundle, and name what is wrong and what is lost.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from megacache.bundle import rows
from megacache.bundle.connection import Reader, translated
from megacache.bundle.packs import PackReader
from megacache.bundle.private_copy import data_of, private_copy
from megacache.bundle.salvaged_recording import salvaged_recording
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import Artifact, Document
from megacache.views.names import artifact_name
from megacache.views.units import count, format_bytes


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What is wrong with a bundle, if anything, and which artifacts and documents are lost: no `repair` saves them."""

    path: Path
    is_ok: bool
    problems: tuple[str, ...]
    lost_artifacts: tuple[Artifact, ...]
    lost_documents: tuple[Document, ...]
    pack_count: int
    blob_count: int
    size_bytes: int

    def __str__(self) -> str:
        """Return one line when all is well, else one more per problem."""
        held = (
            f"{count(self.blob_count, 'content')} in {count(self.pack_count, 'pack')}, {format_bytes(self.size_bytes)}"
        )
        if self.is_ok:
            return f"{self.path} is whole: {held}"
        lost = f"{count(len(self.lost_artifacts), 'artifact')} and {count(len(self.lost_documents), 'document')} lost"
        lines = [f"{self.path} is damaged: {lost}; {held}", *(f"  {each}" for each in self.problems)]
        lines += [
            f"  lost: {each.artifact_type} {artifact_name(each.artifact_type, each.cache_key)}"
            for each in self.lost_artifacts
        ]
        lines += [f"  lost: {each.name} of {each.compile_id or each.session_id}" for each in self.lost_documents]
        lines += ["  megacache repair writes a new bundle of all that is not lost"]
        return "\n".join(lines)


def verify(reader: Reader, packs: PackReader) -> VerifyReport:
    """Check the file's structure, every row, pack and content, and every reference.

    What is lost is what `repair` cannot save either: of a damaged file more can be read than SQLite reads.

    Args:
        reader: The bundle's.
        packs: Reads its contents.

    Returns:
        The report; damage is reported, not raised.

    Raises:
        BundleError: When the file cannot be read at all; see `errors`.
    """
    inspection = _inspected(reader, packs)
    lost_artifacts: tuple[Artifact, ...] = ()
    lost_documents: tuple[Document, ...] = ()
    if inspection.problems:
        with private_copy(reader.path) as copy, data_of(copy) as data:
            salvaged = salvaged_recording(data, is_damaged=True)
            lost_artifacts, lost_documents = salvaged.lost_artifacts, salvaged.lost_documents
    return VerifyReport(
        path=reader.path,
        is_ok=not inspection.problems,
        problems=tuple(inspection.problems),
        lost_artifacts=lost_artifacts,
        lost_documents=lost_documents,
        pack_count=inspection.pack_count,
        blob_count=inspection.blob_count,
        size_bytes=reader.path.stat().st_size,
    )


def problems_of(reader: Reader, packs: PackReader) -> tuple[str, ...]:
    """Check everything, as `verify` does, and say only what is wrong.

    Args:
        reader: The bundle's.
        packs: Reads its contents.

    Raises:
        BundleError: When the file cannot be read at all; see `errors`.
    """
    return tuple(_inspected(reader, packs).problems)


def _inspected(reader: Reader, packs: PackReader) -> _Inspection:
    with reader.snapshot() as connection:
        inspection = _Inspection(connection, packs, reader.path)
        inspection.run()
    return inspection


class _Inspection:
    """One pass over a bundle that notes every damage and goes on.

    Attributes:
        problems: What is wrong, each once.
        pack_count: How many packs there are.
        blob_count: How many contents there are.
    """

    def __init__(self, connection: sqlite3.Connection, packs: PackReader, path: Path) -> None:
        self.problems: dict[str, None] = {}
        self.pack_count = self.blob_count = 0
        self._connection = connection
        self._packs = packs
        self._path = path

    def run(self) -> None:
        """Check everything; what fails leaves its problem, the rest is checked all the same."""
        self._note(self._structure)
        for table in rows.TABLES:
            self._note(partial(rows.read_table, self._connection, table, str(self._path)))
        for check in (self._each_pack, self._each_content, self._references, self._sizes):
            self._note(check)

    def _note(self, check: Callable[[], object], *, has_names: bool = False) -> None:
        """Run a check and note what it finds; of a damaged pack only what is wrong, not whose it is."""
        try:
            with translated(self._path):
                check()
        except CorruptBundleError as error:
            self.problems.update(dict.fromkeys(error.problems[:1] if has_names else error.problems))
        except ArtifactNotFoundError as error:
            self.problems[f"content {(error.cache_key or '')[:12]} is listed, and cannot be found"] = None

    def _structure(self) -> None:
        lines = [line for (line,) in self._connection.execute("PRAGMA integrity_check(20)")]
        self.problems.update({f"structure: {line}": None for line in lines if line != "ok"})

    def _each_pack(self) -> None:
        for (pack_id,) in self._connection.execute("SELECT pack_id FROM pack ORDER BY pack_id").fetchall():
            self.pack_count += 1
            self._note(partial(self._packs.checked_pack, self._connection, pack_id), has_names=True)

    def _each_content(self) -> None:
        """Read every content in the order of the packs, so that each pack is decompressed once."""
        for (digest,) in self._connection.execute(_BLOBS_BY_PACK).fetchall():
            self.blob_count += 1
            if isinstance(digest, str):
                self._note(partial(self._packs.content, self._connection, digest), has_names=True)
            else:
                self.problems["blob holds a digest that is no text"] = None

    def _references(self) -> None:
        for source, column, target, condition in _REFERENCES:
            statement = (
                f"SELECT count(*) FROM {source} AS a WHERE a.{column} <> ? "  # noqa: S608  # All names are ours.
                f"AND NOT EXISTS (SELECT 1 FROM {target} AS b WHERE {condition})"
            )
            (dangling,) = self._connection.execute(statement, (UNKNOWN_SYSTEM_ID,)).fetchone()
            if dangling:
                problem = f"{count(dangling, 'row')} of {source}: {column} refers to a {target} that is not there"
                self.problems[problem] = None

    def _sizes(self) -> None:
        for table in ("artifact", "document"):
            statement = (
                f"SELECT count(*) FROM {table} JOIN blob ON blob.sha256 = content_sha256 "  # noqa: S608  # Our names.
                f"WHERE blob.size_bytes <> {table}.size_bytes"
            )
            (wrong,) = self._connection.execute(statement).fetchone()
            if wrong:
                self.problems[f"{count(wrong, 'row')} of {table}: size_bytes is not that of the content"] = None


_BLOBS_BY_PACK = """
SELECT blob.sha256 FROM blob LEFT JOIN blob_part ON blob_part.sha256 = blob.sha256 AND part = 0 ORDER BY pack_id, offset
"""

_COMPILE = "b.run_id = a.run_id AND b.compile_id = a.compile_id"

_REFERENCES = (
    ("artifact", "content_sha256", "blob", "b.sha256 = a.content_sha256"),
    ("document", "content_sha256", "blob", "b.sha256 = a.content_sha256"),
    ("artifact_use", "components_sha256", "blob", "b.sha256 = a.components_sha256"),
    ("blob_part", "sha256", "blob", "b.sha256 = a.sha256"),
    ("blob_part", "pack_id", "pack", "b.pack_id = a.pack_id"),
    ("session", "system_id", "system_info", "b.system_id = a.system_id"),
    ("artifact", "system_id", "system_info", "b.system_id = a.system_id"),
    ("compile", "code_id", "code", "b.code_id = a.code_id"),
    ("graph_break", "compile_id", "compile", _COMPILE),
    ("recompile_reason", "compile_id", "compile", _COMPILE),
    ("dimension", "compile_id", "compile", _COMPILE),
    ("backend_entry", "session_id", "session", "b.session_id = a.session_id"),
    ("artifact_use", "session_id", "session", "b.session_id = a.session_id"),
    ("document", "session_id", "session", "b.session_id = a.session_id"),
)
"""Column `a.column` of the first table must find a row `b` of the other, unless it is NULL or the unknown system.

A compile that a backend entry, use or document names may be gone, since the sessions of one process are pruned one by
one, and so may the session of a compile, which a later session went on with. The same holds for a parent code.
"""
