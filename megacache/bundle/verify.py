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
from megacache.errors import CorruptBundleError
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import Artifact, Document
from megacache.recording import Recording, no_content
from megacache.views.units import count, format_bytes


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What is wrong with a bundle, if anything, and which artifacts and documents can no longer be read."""

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
        lines += [f"  lost: {each.artifact_type} {each.cache_key}" for each in self.lost_artifacts]
        lines += [f"  lost: {each.name} of {each.compile_id or each.session_id}" for each in self.lost_documents]
        return "\n".join(lines)


def verify(reader: Reader, packs: PackReader) -> VerifyReport:
    """Check the file's structure, every row, pack and content, and every reference.

    Args:
        reader: The bundle's.
        packs: Reads its contents.

    Returns:
        The report; damage is reported, not raised.

    Raises:
        BundleError: When the file cannot be read at all; see `errors`.
    """
    with reader.snapshot() as connection:
        inspection = _Inspection(connection, packs, reader.path)
        inspection.run()
    return inspection.report()


class _Inspection:
    """One pass over a bundle that notes every damage and goes on."""

    def __init__(self, connection: sqlite3.Connection, packs: PackReader, path: Path) -> None:
        self._connection = connection
        self._packs = packs
        self._path = path
        self._problems: dict[str, None] = {}
        self._recording = Recording()
        self._pack_count = 0
        self._stored: set[str] = set()
        self._unreadable: set[str] = set()

    def run(self) -> None:
        """Check everything; what fails leaves its problem, the rest is checked all the same."""
        for check in (self._structure, self._rows, self._each_pack, self._each_content, self._references, self._sizes):
            self._is_fine(check)

    def report(self) -> VerifyReport:
        """Return what was found."""
        artifacts, documents = self._recording.artifacts, self._recording.documents
        wanted = {*(each.content_sha256 for each in artifacts), *(each.content_sha256 for each in documents)}
        lost = self._unreadable | (wanted - self._stored)
        return VerifyReport(
            path=self._path,
            is_ok=not self._problems,
            problems=tuple(self._problems),
            lost_artifacts=tuple(each for each in artifacts if each.content_sha256 in lost),
            lost_documents=tuple(each for each in documents if each.content_sha256 in lost),
            pack_count=self._pack_count,
            blob_count=len(self._stored),
            size_bytes=self._path.stat().st_size,
        )

    def _is_fine(self, check: Callable[[], object]) -> bool:
        try:
            with translated(self._path):
                check()
        except CorruptBundleError as error:
            self._problems[error.problems[0]] = None
            return False
        return True

    def _structure(self) -> None:
        lines = [line for (line,) in self._connection.execute("PRAGMA integrity_check(20)")]
        self._problems.update({f"structure: {line}": None for line in lines if line != "ok"})

    def _rows(self) -> None:
        self._recording = rows.read(self._connection, no_content, str(self._path))

    def _each_pack(self) -> None:
        for (pack_id,) in self._connection.execute("SELECT pack_id FROM pack ORDER BY pack_id").fetchall():
            self._pack_count += 1
            self._is_fine(partial(self._packs.checked_pack, self._connection, pack_id))

    def _each_content(self) -> None:
        """Read every content in the order of the packs, so that each pack is decompressed once."""
        for (digest,) in self._connection.execute(_BLOBS_BY_PACK).fetchall():
            self._stored.add(digest)
            if not self._is_fine(partial(self._packs.content, self._connection, digest)):
                self._unreadable.add(digest)

    def _references(self) -> None:
        for source, column, target, condition in _REFERENCES:
            statement = (
                f"SELECT count(*) FROM {source} AS a WHERE a.{column} <> ? "  # noqa: S608  # All names are ours.
                f"AND NOT EXISTS (SELECT 1 FROM {target} AS b WHERE {condition})"
            )
            (dangling,) = self._connection.execute(statement, (UNKNOWN_SYSTEM_ID,)).fetchone()
            if dangling:
                problem = f"{count(dangling, 'row')} of {source}: {column} refers to a {target} that is not there"
                self._problems[problem] = None

    def _sizes(self) -> None:
        for table in ("artifact", "document"):
            statement = (
                f"SELECT count(*) FROM {table} JOIN blob ON blob.sha256 = content_sha256 "  # noqa: S608  # Our names.
                f"WHERE blob.size_bytes <> {table}.size_bytes"
            )
            (wrong,) = self._connection.execute(statement).fetchone()
            if wrong:
                self._problems[f"{count(wrong, 'row')} of {table}: size_bytes is not that of the content"] = None


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
