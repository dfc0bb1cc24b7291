"""Prune: remove sessions and artifacts from a bundle, on purpose; the only way in which a bundle ever loses anything.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from megacache.bundle import rows
from megacache.bundle.compact import drop_unreferenced, rewrite_gaps
from megacache.bundle.connection import writing
from megacache.bundle.narrow import narrowed, used_by
from megacache.bundle.packs import PackReader
from megacache.errors import UsageError
from megacache.model import Artifact, SessionInfo
from megacache.recording import Recording, no_content
from megacache.views.units import count, format_bytes


@dataclass(frozen=True, kw_only=True)
class PruneReport:
    """What was removed from a bundle, or would be: `is_dry_run`.

    `removed_size_bytes` counts the contents before compression; `freed_bytes` how much the file shrank, 0 in a dry run.
    """

    path: Path
    sessions: tuple[SessionInfo, ...]
    artifacts: tuple[Artifact, ...]
    removed_size_bytes: int
    freed_bytes: int
    is_dry_run: bool

    def __str__(self) -> str:
        """Return one line for people."""
        what = f"{count(len(self.sessions), 'session')} and {count(len(self.artifacts), 'artifact')}"
        if self.is_dry_run:
            return f"would remove {what} from {self.path}: {format_bytes(self.removed_size_bytes)} before compression"
        return f"removed {what} from {self.path}: the file is {format_bytes(max(self.freed_bytes, 0))} smaller"


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What to remove: every session and artifact that one of these means. Empty means none.

    `kept_session_ids` means all sessions but these; `older_than_us` those that began before this moment. An artifact
    goes with the last session that used it, or with its type.
    """

    session_ids: Collection[str] = ()
    kept_session_ids: Collection[str] | None = None
    artifact_types: Collection[str] = ()
    older_than_us: int | None = None

    def means_session(self, session: SessionInfo) -> bool:
        """Say whether a session is to go."""
        is_other = self.kept_session_ids is not None and session.session_id not in self.kept_session_ids
        is_old = self.older_than_us is not None and session.started_us < self.older_than_us
        return is_other or is_old or session.session_id in self.session_ids

    def unknown(self, recording: Recording) -> list[str]:
        """Return the sessions that are named and not there."""
        known = {each.session_id for each in recording.sessions}
        return sorted({*self.session_ids, *(self.kept_session_ids or ())} - known)


def prune(path: Path, pruning: Pruning, *, is_dry_run: bool) -> PruneReport:
    """Remove rows, then the contents that no row refers to any more, in one transaction; then give the space back.

    Args:
        path: The bundle.
        pruning: What to remove.
        is_dry_run: Only say what would be removed.

    Returns:
        What was removed.

    Raises:
        UsageError: When a named session is not in the bundle; then nothing was removed.
        BundleError: When the bundle cannot be read or written; see `errors`.
    """
    with writing(path) as connection:
        old_size_bytes, old_content_bytes = path.stat().st_size, _content_bytes(connection)
        recording = rows.read(connection, no_content, str(path))
        unknown = pruning.unknown(recording)
        if unknown:
            raise UsageError(f"{path} has no session {', '.join(unknown)}: nothing was removed; list it for the ids")
        kept = _kept(recording, pruning)
        for table in rows.TABLES:
            rows.delete(connection, table, getattr(recording, table.rows_name), getattr(kept, table.rows_name))
        drop_unreferenced(connection)
        removed_size_bytes = old_content_bytes - _content_bytes(connection)
        if is_dry_run:
            connection.execute("ROLLBACK")
        else:
            rewrite_gaps(connection, PackReader(str(path)))
            connection.execute("COMMIT")
            connection.execute("VACUUM")
    kept_session_ids, kept_artifacts = {each.session_id for each in kept.sessions}, set(kept.artifacts)
    return PruneReport(
        path=path,
        sessions=tuple(each for each in recording.sessions if each.session_id not in kept_session_ids),
        artifacts=tuple(each for each in recording.artifacts if each not in kept_artifacts),
        removed_size_bytes=removed_size_bytes,
        freed_bytes=old_size_bytes - path.stat().st_size,
        is_dry_run=is_dry_run,
    )


def _kept(recording: Recording, pruning: Pruning) -> Recording:
    """Return the rows that stay: those of the other sessions, and artifacts that no removed session ever used."""
    removed = {each.session_id for each in recording.sessions if pruning.means_session(each)}
    staying = {each.session_id for each in recording.sessions} - removed
    kept = narrowed(recording, staying) if removed else recording
    is_still_used = used_by(kept.artifact_uses)
    was_used = used_by(each for each in recording.artifact_uses if each.session_id in removed)
    artifacts = tuple(
        each
        for each in recording.artifacts
        if each.artifact_type not in pruning.artifact_types and (is_still_used(each) or not was_used(each))
    )
    system_ids = {*(each.system_id for each in kept.sessions), *(each.system_id for each in artifacts)}
    systems = tuple(each for each in recording.systems if each.system_id in system_ids)
    return replace(kept, systems=systems, artifacts=artifacts)


def _content_bytes(connection: sqlite3.Connection) -> int:
    (size_bytes,) = connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM blob").fetchone()
    return int(size_bytes)
