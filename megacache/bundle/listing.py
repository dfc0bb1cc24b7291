"""Listing: what a list of a bundle shows, read column by column, since making an object of each row is what costs time.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from megacache.bundle import row_digests
from megacache.bundle.connection import Reader
from megacache.bundle.rows import TABLES
from megacache.errors import CorruptBundleError
from megacache.model import Artifact, ArtifactUse, SessionInfo
from megacache.recording import Recording

ARTIFACT_COLUMNS = ("artifact_type", "cache_key", "content_sha256", "size_bytes", "added_us", "system_id")
SESSION_COLUMNS = ("session_id", "name", "rank", "status", "started_us", "ended_us")


class ListedArtifact(NamedTuple):
    """The columns of an artifact, then what became of it: the state of its last use, and the compiles that used it."""

    artifact_type: str
    cache_key: str
    content_sha256: str
    size_bytes: int
    added_us: int
    system_id: str
    state: str | None
    compile_ids: tuple[str, ...]


class ListedSession(NamedTuple):
    """The columns of a session that a list shows, then how many compiles it has."""

    session_id: str
    name: str
    rank: int | None
    status: str
    started_us: int
    ended_us: int | None
    compile_count: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The sessions of a bundle in order of their start, and its artifacts in the order in which they came."""

    path: Path
    format_version: int
    size_bytes: int
    sessions: tuple[ListedSession, ...]
    artifacts: tuple[ListedArtifact, ...]


def list_bundle(path: Path) -> Listing:
    """List the sessions and artifacts of a bundle; no content is read.

    Args:
        path: The bundle.

    Returns:
        The listing, as of one moment.

    Raises:
        CorruptBundleError: When a row is damaged.
        BundleError: When the file cannot be read; see `errors`.
    """
    reader = Reader(path)
    try:
        with reader.snapshot() as connection:
            return Listing(
                path=path,
                format_version=reader.format_version,
                size_bytes=path.stat().st_size,
                sessions=_sessions(connection, path),
                artifacts=_artifacts(connection, path),
            )
    finally:
        reader.close()


def list_recording(path: Path, recording: Recording, *, size_bytes: int) -> Listing:
    """List the sessions and artifacts of a recording that is at hand.

    Args:
        path: Where it is from.
        recording: The rows.
        size_bytes: How large that is.

    Returns:
        The listing; its format version is 0, which no bundle has.
    """
    counts = Counter(each.session_id for each in recording.compiles)
    sessions = (
        ListedSession._make((*(getattr(each, name) for name in SESSION_COLUMNS), counts[each.session_id]))
        for each in recording.sessions
    )
    artifacts = (
        ListedArtifact._make((*(getattr(each, name) for name in ARTIFACT_COLUMNS), None, ()))
        for each in recording.artifacts
    )
    return Listing(
        path=path,
        format_version=0,
        size_bytes=size_bytes,
        sessions=tuple(sessions),
        artifacts=tuple(artifacts),
    )


def _sessions(connection: sqlite3.Connection, path: Path) -> tuple[ListedSession, ...]:
    # Rows that are only counted are not checked, which takes longer than all the rest: `verify` does.
    counts = Counter(dict(connection.execute("SELECT session_id, count(*) FROM compile GROUP BY session_id")))
    rows = _select(connection, SessionInfo, SESSION_COLUMNS, path)
    return tuple(ListedSession._make((*row, counts[row[0]])) for row in rows)


def _artifacts(connection: sqlite3.Connection, path: Path) -> tuple[ListedArtifact, ...]:
    states: dict[tuple[str, str], str] = {}
    compile_ids: dict[tuple[str, str], dict[str, None]] = {}
    names = ("artifact_type", "cache_key", "state", "compile_id")
    for artifact_type, cache_key, state, compile_id in _select(connection, ArtifactUse, names, path):
        key = (artifact_type, cache_key)
        if state is not None:
            states[key] = state
        if compile_id is not None:
            compile_ids.setdefault(key, {})[compile_id] = None
    none: Mapping[str, None] = {}
    return tuple(
        ListedArtifact._make((*row, states.get(row[:2]), tuple(compile_ids.get(row[:2], none))))
        for row in _select(connection, Artifact, ARTIFACT_COLUMNS, path)
    )


def _select(
    connection: sqlite3.Connection, row_class: type, names: Sequence[str], path: Path
) -> Sequence[tuple[Any, ...]]:
    """Return some columns of one table, in the table's order, each row and type checked."""
    table = next(each for each in TABLES if each.row_class is row_class)
    row_digests.check(connection, table, str(path))
    listed = ", ".join(f'"{table.name}"."{name}"' for name in names)
    found = connection.execute(f'SELECT {listed} FROM "{table.name}" {table.order}').fetchall()  # noqa: S608  # Our names.
    columns = {column.name: column for column in table.columns}
    for name, values in zip(names, zip(*found, strict=True), strict=bool(found)):
        try:
            columns[name].decode(values)
        except ValueError as error:
            problem = f"column {table.name}.{name} holds {error}"
            message = f"{path} is damaged: {problem}; take another copy of it, or run `megacache repair`"
            raise CorruptBundleError(message, path=str(path), problems=(problem,)) from error
    return found
