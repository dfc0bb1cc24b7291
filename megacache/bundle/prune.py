"""Prune: remove sessions and artifacts from a bundle, on purpose; the only way in which a bundle ever loses anything.

Layer: bundle.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from megacache.bundle import rows
from megacache.bundle.artifact_types import check_types
from megacache.bundle.compact import drop_unreferenced, rewrite_gaps
from megacache.bundle.connection import vacuum, writing
from megacache.bundle.packs import PackReader
from megacache.bundle.pruning import Pruning, size_of
from megacache.errors import UsageError
from megacache.model import Artifact, SessionInfo
from megacache.views.units import count, format_bytes


@dataclass(frozen=True, kw_only=True)
class PruneReport:
    """What was removed from a bundle, or would be: `is_dry_run`.

    `removed_size_bytes` counts the contents before compression, `kept_size_bytes` those of the artifacts that stay;
    `freed_bytes` how much the file shrank, 0 in a dry run.
    """

    path: Path
    sessions: tuple[SessionInfo, ...]
    artifacts: tuple[Artifact, ...]
    removed_size_bytes: int
    kept_size_bytes: int
    freed_bytes: int
    is_dry_run: bool

    def __str__(self) -> str:
        """Return one line for people."""
        what = f"{count(len(self.sessions), 'session')} and {count(len(self.artifacts), 'artifact')} from {self.path}"
        kept = f"{format_bytes(self.kept_size_bytes)} of artifacts, before compression, "
        if self.is_dry_run:
            removed = f"{format_bytes(self.removed_size_bytes)} before compression"
            return f"would remove {what}: {removed}; {kept}would stay"
        return f"removed {what}: the file is {format_bytes(max(self.freed_bytes, 0))} smaller; {kept}stay"


def prune(path: Path, pruning: Pruning, *, is_dry_run: bool) -> PruneReport:
    """Remove rows, then the contents that no row refers to any more, in one transaction; then give the space back.

    Args:
        path: The bundle.
        pruning: What to remove.
        is_dry_run: Only say what would be removed.

    Returns:
        What was removed.

    Raises:
        UsageError: When a session is not in the bundle, or a type is none; then nothing was removed.
        CorruptBundleError: When a row, a page, an index, what it takes to tell the unused ones, or anything of a pack
            that would be written anew is damaged; then nothing was removed.
        BundleError: When the bundle cannot be read or written; see `errors`.
    """
    with writing(path) as connection:
        old_size_bytes, old_content_bytes = path.stat().st_size, _content_bytes(connection)
        packs = PackReader(str(path))
        recording = rows.read(connection, partial(packs.content, connection), str(path))
        unknown = pruning.unknown(recording)
        if unknown:
            raise UsageError(f"{path} has no session {', '.join(unknown)}: nothing was removed; list it for the ids")
        check_types(pruning.artifact_types, recording)
        kept = pruning.kept(recording)
        for table in rows.TABLES:
            rows.delete(connection, table, getattr(recording, table.rows_name), getattr(kept, table.rows_name))
        drop_unreferenced(connection, path)
        removed_size_bytes = old_content_bytes - _content_bytes(connection)
        if is_dry_run:
            connection.execute("ROLLBACK")
        else:
            rewrite_gaps(connection, packs)
            _begin_generation(connection)
            connection.execute("COMMIT")
            vacuum(connection, path)
    kept_session_ids, kept_artifacts = {each.session_id for each in kept.sessions}, set(kept.artifacts)
    return PruneReport(
        path=path,
        sessions=tuple(each for each in recording.sessions if each.session_id not in kept_session_ids),
        artifacts=tuple(each for each in recording.artifacts if each not in kept_artifacts),
        removed_size_bytes=removed_size_bytes,
        kept_size_bytes=size_of(kept_artifacts),
        freed_bytes=old_size_bytes - path.stat().st_size,
        is_dry_run=is_dry_run,
    )


def _begin_generation(connection: sqlite3.Connection) -> None:
    """Let every process that saved into the bundle before see that something was taken away; see `progress.Holding`.

    The number is random. One that is counted up would not do: an older copy of the file that is pruned as often as this
    one comes to the same number.
    """
    # SQLite reads the schema again where the number is another one. It changes it with each VACUUM, too.
    connection.execute(f"PRAGMA schema_version = {1 + secrets.randbelow((1 << 31) - 2)}")


def _content_bytes(connection: sqlite3.Connection) -> int:
    (size_bytes,) = connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM blob").fetchone()
    return int(size_bytes)
