"""Held: what a bundle has to hold, as a simple model in plain Python says it.

A model is of sets and dicts alone. It follows what the methods of `Bundle` promise, and shares no code with them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from megacache.bundle import Bundle


class Key(NamedTuple):
    """What a bundle knows an artifact by."""

    artifact_type: str
    cache_key: str
    content: bytes

    @property
    def name(self) -> tuple[str, str]:
        """Its type and its cache key, of which there may be several contents."""
        return self.artifact_type, self.cache_key

    def __repr__(self) -> str:
        return f"{self.artifact_type} {self.cache_key} of {len(self.content)} bytes"


@dataclass(frozen=True)
class Use:
    """One use of an artifact, with the moment of it."""

    key: Key
    at_us: int
    is_hit: bool = False


@dataclass(frozen=True)
class HeldSession:
    """What a bundle holds of a session: its uses, and what its load report says was loaded in vain."""

    started_us: int
    uses: tuple[Use, ...]
    unused: frozenset[tuple[str, str]] = frozenset()
    hits: frozenset[tuple[str, str]] = frozenset()


@dataclass
class Held:
    """What one bundle holds: sessions by id, and of each artifact when it was added."""

    sessions: dict[str, HeldSession] = field(default_factory=dict)
    artifacts: dict[Key, int] = field(default_factory=dict)

    def copy(self) -> Held:
        """Return what an older copy of the bundle holds."""
        return Held(dict(self.sessions), dict(self.artifacts))

    def save(self, session_id: str, session: HeldSession, added_us: dict[Key, int]) -> None:
        """Take in a session, or a later state of it, with the artifacts that it used."""
        self.sessions[session_id] = session
        for key, at_us in added_us.items():
            self.artifacts.setdefault(key, at_us)

    def merge(self, other: Held) -> None:
        """Take in all that another bundle holds; of a session that is in both, the one with more in it."""
        for session_id, theirs in other.sessions.items():
            ours = self.sessions.get(session_id)
            if ours is None or len(theirs.uses) > len(ours.uses):
                self.sessions[session_id] = theirs
        for key, at_us in other.artifacts.items():
            self.artifacts.setdefault(key, at_us)

    def prune(
        self,
        *,
        session_ids: Collection[str] = (),
        kept_session_ids: Collection[str] | None = None,
        artifact_types: Collection[str] = (),
        older_than_us: int | None = None,
        unused: bool = False,
        max_size_bytes: int | None = None,
    ) -> None:
        """Remove what any option means; an artifact goes with the last session that used it, or with its type."""
        gone = {
            session_id
            for session_id, session in self.sessions.items()
            if session_id in session_ids
            or (kept_session_ids is not None and session_id not in kept_session_ids)
            or (older_than_us is not None and session.started_us < older_than_us)
        }
        useless = self._useless() if unused else set()
        used_by_gone = {use.key for each in gone for use in self.sessions[each].uses}
        for each in gone:
            del self.sessions[each]
        still_used = self._used()
        for key in list(self.artifacts):
            if key.artifact_type in artifact_types or key in useless or (key in used_by_gone and key not in still_used):
                del self.artifacts[key]
        if max_size_bytes is not None:
            self._shrink(max_size_bytes)

    def check(self, bundle: Bundle) -> None:
        """Check that a bundle is whole, and holds this and nothing else."""
        report = bundle.verify()
        assert report.is_ok, str(report)
        recording = bundle.recording()
        found = {
            Key(each.artifact_type, each.cache_key, recording.read(each.content_sha256)) for each in recording.artifacts
        }
        assert len(recording.artifacts) == len(found)
        assert found == set(self.artifacts)
        assert {each.session_id for each in recording.sessions} == set(self.sessions)
        assert all(each.size_bytes == len(recording.read(each.content_sha256)) for each in recording.artifacts)
        uses = {session_id: [] for session_id in self.sessions}
        for each in recording.artifact_uses:
            uses[each.session_id].append((each.artifact_type, each.cache_key, each.content_sha256))
        told = {
            session_id: [(*use.key.name, sha256(use.key.content).hexdigest()) for use in session.uses]
            for session_id, session in self.sessions.items()
        }
        assert uses == told

    def _used(self) -> set[Key]:
        return {use.key for session in self.sessions.values() for use in session.uses}

    def _useless(self) -> set[Key]:
        """Return what was loaded and served nobody, and what no session used."""
        sessions = self.sessions.values()
        hits = {name for each in sessions for name in each.hits}
        hits |= {use.key.name for each in sessions for use in each.uses if use.is_hit}
        in_vain = {name for each in sessions for name in each.unused} - hits
        used = self._used()
        return {key for key in self.artifacts if key.name in in_vain or key not in used}

    def _shrink(self, most_bytes: int) -> None:
        """Keep those used last, as many as fit; a content that several share counts once."""
        last: dict[tuple[str, str], int] = {}
        for session in self.sessions.values():
            for use in session.uses:
                last[use.key.name] = max(last.get(use.key.name, 0), use.at_us)
        in_order = sorted(
            self.artifacts, key=lambda key: (self.artifacts[key], *key.name, sha256(key.content).hexdigest())
        )
        newest_first = sorted(in_order, key=lambda key: last.get(key.name, self.artifacts[key]), reverse=True)
        counted: set[bytes] = set()
        for number, key in enumerate(newest_first):
            most_bytes -= 0 if key.content in counted else len(key.content)
            counted.add(key.content)
            if most_bytes < 0:
                for each in newest_first[number:]:
                    del self.artifacts[each]
                return
