"""Progress: how far bundles hold the sessions of this process, so that a save writes only what changed since.

Layer: bundle.

What was saved before counts only while the bundle still shows it, looked up in the transaction of the next save. Where
it does not (the file was replaced, by an older copy too, a session pruned, or saved by another process), that save is
whole. Nothing here counts rows: the cost must not follow the size of the session, nor that of the bundle.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from megacache.bundle.append import SaveReport, appending
from megacache.bundle.bundle import Bundle
from megacache.errors import BundleNotFoundError, NotABundleError
from megacache.recording import Recording

Place = tuple[int, int, str]
"""Device and inode of a file, and a session: a path may name another file tomorrow."""

Changed = Callable[[Mapping[str, int]], tuple[Recording, Mapping[str, int]]]
"""Returns what changed since some revisions, by session, and the revisions that whoever has it is at."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a bundle shows of a session that it holds, as of one transaction.

    Attributes:
        generation: SQLite's `schema_version`: random after each prune, and another one after each `VACUUM`.
        page_count: Shrinks only by a `VACUUM`.
        rows: The session's own row, its last artifact use and its last document. An older copy lacks one of these, or
            everything else that came with them is in it.
    """

    generation: int
    page_count: int
    rows: tuple[tuple[Any, ...] | None, ...]

    @classmethod
    def of(cls, connection: sqlite3.Connection, session_id: str) -> Holding:
        """Read it.

        Args:
            connection: The bundle's, in a transaction.
            session_id: The session.

        Raises:
            sqlite3.Error: When the file cannot be read.
        """
        (generation,) = connection.execute("PRAGMA schema_version").fetchone()
        (page_count,) = connection.execute("PRAGMA page_count").fetchone()
        rows = tuple(connection.execute(statement, (session_id,)).fetchone() for statement in _SHOWN)
        return cls(generation, page_count, rows)

    def is_still_in(self, now: Holding) -> bool:
        """Say whether nothing was taken away of what was there."""
        is_there = (self.generation, self.rows) == (now.generation, now.rows)
        return is_there and self.page_count <= now.page_count


class _Count(NamedTuple):
    """How many artifacts a file of a size and time held: good enough for people, and no more is decided by it."""

    size_bytes: int
    mtime_ns: int
    artifact_count: int


class Progress:
    """Of each session, what was saved into which file."""

    def __init__(self) -> None:
        self._known: dict[Place, tuple[Holding, int]] = {}
        self._counts: dict[tuple[int, int], _Count] = {}

    def append(
        self, path: Path, session_ids: Iterable[str], changed: Changed, contents: Mapping[str, bytes]
    ) -> SaveReport:
        """Save what the bundle does not hold yet of some sessions, in one transaction.

        Args:
            path: The bundle, which is made if it is not there.
            session_ids: The sessions.
            changed: Gives the rows. It is asked within the transaction.
            contents: By digest, at least those that the rows refer to and the bundle has not.

        Raises:
            BundleError: When the bundle cannot be written; see `errors`.
        """
        try:
            return self._append(path, session_ids, changed, contents)
        except (BundleNotFoundError, NotABundleError):
            # Not asked before: to open the bundle twice is a fifth of a small save.
            Bundle.open_or_create(path).close()
        return self._append(path, session_ids, changed, contents)

    def _append(
        self, path: Path, session_ids: Iterable[str], changed: Changed, contents: Mapping[str, bytes]
    ) -> SaveReport:
        with appending(path, contents) as transaction:
            status = path.stat()
            transaction.old_artifact_count = self._artifact_count(status)
            places = {each: (status.st_dev, status.st_ino, each) for each in session_ids}
            since = {each: self._since(transaction.connection, place) for each, place in places.items()}
            recording, reached = changed(since)
            transaction.add(recording, is_newer=True)
            holdings = {each: Holding.of(transaction.connection, each) for each in places}
        # Not before it is committed: what was rolled back is known nowhere.
        self._known.update({place: (holdings[each], reached[each]) for each, place in places.items()})
        self._count(path.stat(), transaction.report.artifact_count)
        return transaction.report

    def _since(self, connection: sqlite3.Connection, place: Place) -> int:
        """Return the revision that the bundle certainly holds, 0 for none."""
        holding, revision = self._known.get(place, (None, 0))
        return revision if holding is not None and holding.is_still_in(Holding.of(connection, place[2])) else 0

    def _count(self, status: os.stat_result, artifact_count: int) -> None:
        count = _Count(status.st_size, status.st_mtime_ns, artifact_count)
        self._counts[status.st_dev, status.st_ino] = count

    def _artifact_count(self, status: os.stat_result) -> int | None:
        """Return how many artifacts a file holds that looks as our last save left it, else None."""
        known = self._counts.get((status.st_dev, status.st_ino))
        is_known = known is not None and known[:2] == (status.st_size, status.st_mtime_ns)
        return known.artifact_count if known is not None and is_known else None


_SHOWN = (
    "SELECT * FROM session WHERE session_id = ?",
    "SELECT * FROM artifact_use WHERE session_id = ? ORDER BY ordinal DESC LIMIT 1",
    "SELECT * FROM document WHERE session_id = ? ORDER BY ordinal DESC LIMIT 1",
)
