"""Why: for each lookup of a node what became of it, and how its key differs from the nearest one that was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain import Component, Difference, differences, nearest, parse_components, sentence, shorten
from megacache.explorer.shapes import KeyChange, Why
from megacache.model import ArtifactUse, Verdict
from megacache.views.branch import WORST_FIRST
from megacache.views.index import Index
from megacache.views.tree import Node

LOOKUP_LIMIT = 200
"""The most lookups of one node, those that failed first."""

_CANDIDATE_LIMIT = 100
_CHANGE_LIMIT = 12
_LONGEST = 600

Key = tuple[str, str]
"""Artifact type and cache key."""


class Lookups:
    """The lookups of a recording, each explained once; safe to ask from several threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._uses: dict[tuple[str, str, str], ArtifactUse] = {}
        self._lists: dict[Key, str] = {}
        self._listed: dict[tuple[str, str], list[Key]] = {}
        for use in index.recording.artifact_uses:
            self._learn(use)
        self.explain = cache(self._explain)
        self._components = lru_cache(4 * _CANDIDATE_LIMIT)(self._read_components)

    def _learn(self, use: ArtifactUse) -> None:
        if use.state:
            self._uses[use.session_id, use.artifact_type, use.cache_key or ""] = use
        if use.cache_key and use.components_sha256:
            key = (use.artifact_type, use.cache_key)
            self._lists.setdefault(key, use.components_sha256)
            self._listed.setdefault((use.artifact_type, use.session_id), []).append(key)

    def of(self, artifacts: Sequence[Node]) -> list[Why]:
        """Return why each of some artifacts was served or not, those that were not first."""
        told = {(node.artifact_type or "", node.cache_key or "", node.session_id or ""): node for node in artifacts}
        ranked = sorted(told, key=lambda each: WORST_FIRST[told[each].state])
        found = (self.explain(*each) for each in ranked[:LOOKUP_LIMIT])
        return [each for each in found if each is not None]

    def _explain(self, artifact_type: str, cache_key: str, session_id: str) -> Why | None:
        verdict = self._index.verdicts.get(session_id, {}).get((artifact_type, cache_key))
        use = self._uses.get((session_id, artifact_type, cache_key))
        if verdict is None and use is None:
            return None
        near, changes = self._nearest((artifact_type, cache_key), session_id, verdict, use)
        return Why(
            verdict=verdict.verdict if verdict else (use.state if use and use.state else ""),
            type=artifact_type,
            key=cache_key,
            reason=(verdict.reason if verdict else None) or (use.reason if use else None) or _reason(use, changes),
            nearestKey=near,
            differences=[_change(each) for each in changes[:_CHANGE_LIMIT]],
        )

    def _nearest(
        self, key: Key, session_id: str, verdict: Verdict | None, use: ArtifactUse | None
    ) -> tuple[str, Sequence[Difference]]:
        """Return the stored key that a missed one is nearest to: as the session said it, else of those before it."""
        named = verdict.nearest_key if verdict else None
        is_missed = verdict.verdict == "missed" if verdict else use is not None and use.state == "miss"
        asked = self._components(key) if is_missed else {}
        if named is not None:
            stored = self._components((key[0], named))
            return named, differences(stored, asked) if stored and asked else ()
        if not asked:
            return "", ()
        candidates = {each[1]: self._components(each) for each in self._earlier(key, session_id)}
        return nearest(asked, {name: stored for name, stored in candidates.items() if stored}) or ("", ())

    def _earlier(self, key: Key, session_id: str) -> list[Key]:
        """Return the newest keys that earlier sessions looked up; what one session itself made was not stored yet."""
        sessions = self._index.sessions
        now = sessions.get(session_id)
        before = [each for each in sessions.values() if now and each.started_us < now.started_us]
        before.sort(key=lambda each: each.started_us)
        found = [each for one in before[-_CANDIDATE_LIMIT:] for each in self._listed.get((key[0], one.session_id), ())]
        return [each for each in found[-_CANDIDATE_LIMIT:] if each != key]

    def _read_components(self, key: Key) -> Mapping[str, Component]:
        digest = self._lists.get(key)
        if digest is None:
            return {}
        try:
            return parse_components(self._index.recording.read(digest).decode("utf-8", "replace"))
        except (ArtifactNotFoundError, CorruptBundleError):  # then the reason alone must do
            return {}


def _reason(use: ArtifactUse | None, changes: Sequence[Difference]) -> str:
    """Say why a lookup missed where nobody else did."""
    if use is None or use.state != "miss":
        return ""
    return sentence(changes) if changes else "no cache held an artifact with this key"


def _change(difference: Difference) -> KeyChange:
    now, then = (shorten(text or "", _LONGEST) for text in (difference.new, difference.old))
    return KeyChange(name=difference.name, now=now, then=then)
