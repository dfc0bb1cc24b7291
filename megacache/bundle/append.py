"""Append: add what is new to a bundle, in one transaction whose cost follows what is new.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256 as hash_of
from pathlib import Path

from megacache.bundle import rows
from megacache.bundle.connection import writing
from megacache.bundle.frames import PACK_SIZE_BYTES
from megacache.bundle.references import forget, referenced
from megacache.bundle.tail import continued
from megacache.errors import ArtifactNotFoundError, BundleError
from megacache.recording import Recording
from megacache.views.names import short_key
from megacache.views.units import count, format_bytes, format_duration

_SHOWN_CONFLICTS = 3


@dataclass(frozen=True, kw_only=True)
class SaveReport:
    """What one save added to a bundle.

    `new_size_bytes` counts the new contents before compression, `written_bytes` how much the file grew. `conflicts` are
    the types and keys of which a merge found another content on each side; the bundle keeps both.
    """

    path: Path
    new_artifact_count: int
    new_size_bytes: int
    written_bytes: int
    artifact_count: int
    duration_us: int
    conflicts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, reports: Sequence[SaveReport]) -> SaveReport:
        """Sum up several saves into one bundle.

        Args:
            reports: At least one, in order.

        Returns:
            The sums; the path and the artifact count are those of the last.
        """
        return cls(
            path=reports[-1].path,
            new_artifact_count=sum(each.new_artifact_count for each in reports),
            new_size_bytes=sum(each.new_size_bytes for each in reports),
            written_bytes=sum(each.written_bytes for each in reports),
            artifact_count=reports[-1].artifact_count,
            duration_us=sum(each.duration_us for each in reports),
            conflicts=tuple(dict.fromkeys(key for each in reports for key in each.conflicts)),
        )

    def __str__(self) -> str:
        """Return one line for people."""
        line = f"saved {self.path}: {self._added()}, {format_duration(self.duration_us)}"
        if not self.conflicts:
            return line
        keys = ", ".join(
            f"{artifact_type} {short_key(key)}" for artifact_type, key in self.conflicts[:_SHOWN_CONFLICTS]
        )
        more = ", ..." if len(self.conflicts) > _SHOWN_CONFLICTS else ""
        several = count(len(self.conflicts), "key has several contents", "keys have several contents")
        return f"{line}; {several} now, all kept: {keys}{more}"

    def _added(self) -> str:
        """Return what is new, in artifacts and in bytes; where nothing is, how many artifacts there are."""
        grown_bytes = max(self.written_bytes, 0)
        if not (self.new_artifact_count or self.new_size_bytes or grown_bytes):
            return f"nothing new, {count(self.artifact_count, 'artifact')} as before"
        new = f"{count(self.new_artifact_count, 'new artifact')} of {self.artifact_count:,}"
        return f"{new}, {format_bytes(self.new_size_bytes)} in {format_bytes(grown_bytes)} of file"


def append(path: Path, saves: Iterable[tuple[Recording, bool]], contents: Mapping[str, bytes]) -> SaveReport:
    """Add rows and the contents that they refer to.

    Args:
        path: A bundle.
        saves: Recordings, and of each whether its values replace those in the bundle (otherwise they fill gaps).
        contents: By digest, at least those that the bundle has not; those that no row refers to are passed over.

    Returns:
        What was added.

    Raises:
        ArtifactNotFoundError: When a row refers to a content that is neither in the bundle nor in `contents`.
        BundleError: When a content has another digest than its key, or the bundle cannot be written; see `errors`.
    """
    with appending(path, contents) as transaction:
        for recording, is_newer in saves:
            transaction.add(recording, is_newer=is_newer)
    return transaction.report


@contextmanager
def appending(path: Path, contents: Mapping[str, bytes]) -> Iterator[Appending]:
    """Add to a bundle in one transaction.

    Args:
        path: A bundle.
        contents: As `append` takes them.

    Yields:
        What adds; its report is there when the block has ended.

    Raises:
        BundleError: When the bundle cannot be written; see `errors`.
    """
    started_ns = time.perf_counter_ns()
    with writing(path) as connection:
        old_size_bytes = path.stat().st_size
        transaction = Appending(connection, path, contents)
        yield transaction
        artifact_count = transaction.artifact_count
    transaction.report = SaveReport(
        path=path,
        new_artifact_count=transaction.new_artifact_count,
        new_size_bytes=transaction.new_size_bytes,
        written_bytes=path.stat().st_size - old_size_bytes,
        artifact_count=artifact_count,
        duration_us=(time.perf_counter_ns() - started_ns) // 1000,
    )


class Appending:
    """What adds to a bundle within one transaction; see `appending`.

    Attributes:
        connection: The bundle's.
        old_artifact_count: How many artifacts the bundle held before, if that is known; to count them reads them all.
        report: What was added; it is there when the transaction is committed.
    """

    report: SaveReport

    def __init__(self, connection: sqlite3.Connection, path: Path, contents: Mapping[str, bytes]) -> None:
        self.connection = connection
        self.old_artifact_count: int | None = None
        self.new_artifact_count = self.new_size_bytes = 0
        self._path = path
        self._contents = contents

    @property
    def artifact_count(self) -> int:
        """How many artifacts the bundle holds now."""
        if self.old_artifact_count is not None:
            return self.old_artifact_count + self.new_artifact_count
        (artifact_count,) = self.connection.execute("SELECT count(*) FROM artifact").fetchone()
        return int(artifact_count)

    def add(self, recording: Recording, *, is_newer: bool) -> None:
        """Add rows and the contents that they refer to.

        Args:
            recording: The rows.
            is_newer: Whether their values replace those in the bundle; otherwise they fill gaps.

        Raises:
            ArtifactNotFoundError: When a row refers to a content that is nowhere.
            BundleError: When a content has another digest than its key.
            sqlite3.Error: When the bundle cannot be written; it becomes one of ours where the block ends.
        """
        missing = _missing(self.connection, recording)
        _check_presence(missing, self._contents, self._path)
        stale = _replaced_contents(self.connection, recording) if is_newer else set()
        self.new_artifact_count += rows.write(self.connection, recording, str(self._path), is_newer=is_newer)
        if stale:
            forget(self.connection, stale - referenced(self.connection))
        self.new_size_bytes += _write_contents(self.connection, missing, self._contents, self._path)


def _missing(connection: sqlite3.Connection, recording: Recording) -> list[str]:
    """Return the digests that rows refer to and the bundle lacks, each once, in the order of the rows."""
    wanted = dict.fromkeys(
        [
            *(each.content_sha256 for each in recording.artifacts),
            *(each.components_sha256 for each in recording.artifact_uses if each.components_sha256 is not None),
            *(each.content_sha256 for each in recording.documents),
        ]
    )
    known = "SELECT 1 FROM blob WHERE sha256 = ?"
    return [digest for digest in wanted if connection.execute(known, (digest,)).fetchone() is None]


def _check_presence(missing: Iterable[str], contents: Mapping[str, bytes], path: Path) -> None:
    absent = [digest for digest in missing if digest not in contents]
    if absent:
        message = f"{len(absent)} contents, the first {absent[0][:12]}, are neither in {path} nor in this save"
        raise ArtifactNotFoundError(f"{message}: nothing was saved; hand them over too", cache_key=absent[0])


def _replaced_contents(connection: sqlite3.Connection, recording: Recording) -> set[str]:
    """Return the old contents of documents that this save replaces, such as the events of a session that goes on."""
    old = "SELECT content_sha256 FROM document WHERE session_id = ? AND ordinal = ? AND content_sha256 <> ?"
    keys = ((each.session_id, each.ordinal, each.content_sha256) for each in recording.documents)
    return {digest for key in keys for (digest,) in connection.execute(old, key)}


def _write_contents(
    connection: sqlite3.Connection, missing: list[str], contents: Mapping[str, bytes], path: Path
) -> int:
    """Write the missing contents, together with those of the last packs where that is worth it; return their size."""
    if not missing:
        return 0
    left = ((digest, _checked(digest, contents, path)) for digest in missing)
    first: deque[tuple[str, bytes]] = deque()
    size_bytes = 0
    while size_bytes <= PACK_SIZE_BYTES and (each := next(left, None)) is not None:
        first.append(each)
        size_bytes += len(each[1])
    writer = continued(connection, path, size_bytes)
    while first:
        writer.add(*first.popleft())
    for digest, content in left:
        writer.add(digest, content)
        size_bytes += len(content)
    writer.flush()
    return size_bytes


def _checked(digest: str, contents: Mapping[str, bytes], path: Path) -> bytes:
    content = contents[digest]
    if hash_of(content).hexdigest() != digest:
        message = f"a content handed over as {digest[:12]} has another hash: nothing was saved into {path}"
        raise BundleError(message, path=str(path))
    return content
