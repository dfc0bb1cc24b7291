"""Pruning: which sessions and artifacts are meant to go.

Layer: bundle. Decides; `prune` removes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from megacache.bundle.narrow import narrowed, used_by
from megacache.model import Artifact, SessionInfo
from megacache.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What to remove: every session and artifact that one of these means. Empty means none.

    `kept_session_ids` means all sessions but these; `older_than_us` those that began before this moment. An artifact
    goes with the last session that used it, or with its type. `is_unused` means the artifacts that were loaded and
    served nobody, and those that no session used at all. `max_size_bytes` means those used longest ago, until the
    others together are no larger, before compression.
    """

    session_ids: Collection[str] = ()
    kept_session_ids: Collection[str] | None = None
    artifact_types: Collection[str] = ()
    older_than_us: int | None = None
    is_unused: bool = False
    max_size_bytes: int | None = None

    def unknown(self, recording: Recording) -> list[str]:
        """Return the sessions that are named and not there."""
        known = {each.session_id for each in recording.sessions}
        return sorted({*self.session_ids, *(self.kept_session_ids or ())} - known)

    def kept(self, recording: Recording) -> Recording:
        """Return the rows that stay.

        Args:
            recording: All rows; of contents only the load reports are read, and only for `is_unused`.

        Raises:
            CorruptBundleError: When a load report is damaged.
        """
        removed = {each.session_id for each in recording.sessions if self._means_session(each)}
        staying = {each.session_id for each in recording.sessions} - removed
        kept = narrowed(recording, staying) if removed else recording
        artifacts = self._within_size(kept, self._kept_artifacts(recording, kept, removed))
        system_ids = {*(each.system_id for each in kept.sessions), *(each.system_id for each in artifacts)}
        systems = tuple(each for each in recording.systems if each.system_id in system_ids)
        return replace(kept, systems=systems, artifacts=tuple(artifacts))

    def _means_session(self, session: SessionInfo) -> bool:
        is_other = self.kept_session_ids is not None and session.session_id not in self.kept_session_ids
        is_old = self.older_than_us is not None and session.started_us < self.older_than_us
        return is_other or is_old or session.session_id in self.session_ids

    def _kept_artifacts(self, recording: Recording, kept: Recording, removed: Collection[str]) -> list[Artifact]:
        """Return the artifacts that no removed session ever used, and those that another one uses, too."""
        is_still_used = used_by(kept.artifact_uses)
        was_used = used_by(each for each in recording.artifact_uses if each.session_id in removed)
        unused = _unused(recording) if self.is_unused else frozenset()
        return [
            each
            for each in recording.artifacts
            if each.artifact_type not in self.artifact_types
            and each not in unused
            and (is_still_used(each) or not was_used(each))
        ]

    def _within_size(self, recording: Recording, artifacts: list[Artifact]) -> Iterable[Artifact]:
        """Return the artifacts used last that fit, in their order; a content that two of them share counts once."""
        if self.max_size_bytes is None:
            return artifacts
        last_uses = _last_uses(recording)
        left_bytes, counted, fitting = self.max_size_bytes, set[str](), set[Artifact]()
        for each in sorted(artifacts, key=lambda each: last_uses.get(_key(each), each.added_us), reverse=True):
            left_bytes -= 0 if each.content_sha256 in counted else each.size_bytes
            if left_bytes < 0:
                break
            counted.add(each.content_sha256)
            fitting.add(each)
        return [each for each in artifacts if each in fitting]


def size_of(artifacts: Iterable[Artifact]) -> int:
    """Return the size of artifacts before compression, as `max_size_bytes` counts: a content that two share once.

    Args:
        artifacts: The artifacts.
    """
    return sum({each.content_sha256: each.size_bytes for each in artifacts}.values())


def _key(artifact: Artifact) -> tuple[str, str]:
    return artifact.artifact_type, artifact.cache_key


def _last_uses(recording: Recording) -> dict[tuple[str, str], int]:
    """Return when each key was last looked up or recorded."""
    found: dict[tuple[str, str], int] = {}
    for use in recording.artifact_uses:
        if use.cache_key is not None:
            key = (use.artifact_type, use.cache_key)
            found[key] = max(found.get(key, 0), use.at_us)
    return found


def _unused(recording: Recording) -> frozenset[Artifact]:
    """Return the artifacts that a session loaded and none was served, and those that no session used."""
    was_used = used_by(recording.artifact_uses)
    verdicts = [*recording.verdicts]
    loaded_in_vain = {(each.artifact_type, each.cache_key) for each in verdicts if each.verdict == "unused"}
    hit = {(each.artifact_type, each.cache_key) for each in verdicts if each.verdict == "hit"}
    hit |= {(each.artifact_type, each.cache_key or "") for each in recording.artifact_uses if each.state == "hit"}
    return frozenset(each for each in recording.artifacts if _key(each) in loaded_in_vain - hit or not was_used(each))
