"""Settle: after the run, what became of each artifact that was loaded, from what torch looked up.

Layer: compiler. Needs no torch itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain import Component, nearest, parse_components, sentence, shorten, stored_components
from megacache.model import GUARDED_CODE, ArtifactUse, Verdict
from megacache.recording import Recording

Key = tuple[str, str]
"""Artifact type and cache key."""

NEVER_LOOKED_UP = "never looked up"

_UNLOGGED = ("autotune", "pgo")


def settle(
    verdicts: Sequence[Verdict],
    uses: Iterable[ArtifactUse],
    recording: Recording,
    *,
    read: Callable[[str], bytes] | None = None,
) -> tuple[Verdict, ...]:
    """Turn `loaded` into what became of it, and add a verdict per lookup that nothing stored could serve.

    Args:
        verdicts: What `hydrate` returned.
        uses: The uses of this run, and of this run alone.
        recording: What was loaded, with its contents at hand.
        read: How to read the key components of this run; those of the recording when left out.

    Returns:
        The verdicts in their order, `loaded` turned into `hit`, `unused` or `rejected`; then one `missed` per key that
        was looked up in vain: how it differs from the nearest stored key, or that it is stored and was refused.
    """
    by_key: defaultdict[Key, list[ArtifactUse]] = defaultdict(list)
    for use in uses:
        if use.cache_key is not None:
            by_key[use.artifact_type, use.cache_key].append(use)
    settled = [_settled(each, by_key.get(_key(each), ())) for each in verdicts]
    return (*settled, *_missed(verdicts, by_key, recording, read or recording.read))


def _key(verdict: Verdict) -> Key:
    return verdict.artifact_type, verdict.cache_key


def _settled(verdict: Verdict, uses: Sequence[ArtifactUse]) -> Verdict:
    if verdict.verdict != "loaded":
        return verdict
    if any(_is_hit_of(verdict, use) for use in uses):
        return replace(verdict, verdict="hit", reason=None)
    rejections = [use for use in uses if use.state in ("miss", "bypass")]
    if rejections:
        return replace(verdict, verdict="rejected", reason=_rejection(rejections[-1]))
    if any(use.state == "hit" for use in uses):
        return replace(verdict, verdict="unused", reason="torch served another content of this key")
    return replace(verdict, verdict="unused", reason=verdict.reason or NEVER_LOOKED_UP)


def _is_hit_of(verdict: Verdict, use: ArtifactUse) -> bool:
    if use.state == "hit":
        return use.content_sha256 in (None, verdict.content_sha256)
    # Of these torch logs no lookup, but records on a hit the very content that it read.
    return use.state is None and use.artifact_type in _UNLOGGED and use.content_sha256 == verdict.content_sha256


def _rejection(use: ArtifactUse) -> str:
    if use.artifact_type == GUARDED_CODE:
        return use.reason or "it could not be proven"
    if use.detail == "guard_miss":
        what, said = "torch found the key, but its shape guards failed", use.reason
    elif use.state == "bypass":
        what, said = "torch bypassed the cache", use.reason or use.detail
    else:
        what, said = "torch found the key, but could not use the content", use.reason or use.detail
    return f"{what}: {shorten(said)}" if said else what


def _missed(
    verdicts: Sequence[Verdict],
    by_key: dict[Key, list[ArtifactUse]],
    recording: Recording,
    read: Callable[[str], bytes],
) -> Iterator[Verdict]:
    loaded = {_key(each) for each in verdicts if each.verdict != "refused"}
    refused = {_key(each): each.reason for each in verdicts if each.verdict == "refused"}
    find = _Nearest(recording, read)
    for key, uses in by_key.items():
        misses = [use for use in uses if use.state == "miss"]
        if not misses or key in loaded or key[0] == GUARDED_CODE:  # one that an earlier session loaded
            continue
        near, reason = (key[1], f"stored, but refused: {refused[key]}") if key in refused else find(key, misses[0])
        yield Verdict(
            artifact_type=key[0],
            cache_key=key[1],
            content_sha256=None,
            size_bytes=None,
            verdict="missed",
            reason=reason,
            nearest_key=near,
        )


class _Nearest:
    """Finds the stored key that is nearest to one that missed, reading the stored ones once."""

    def __init__(self, recording: Recording, read: Callable[[str], bytes]) -> None:
        self._recording = recording
        self._read = read
        self._stored_keys = {(each.artifact_type, each.cache_key) for each in recording.artifacts}
        self._candidates: dict[str, dict[str, dict[str, Component]]] = {}

    def __call__(self, key: Key, use: ArtifactUse) -> tuple[str | None, str]:
        """Return the nearest key, or None, and one sentence."""
        artifact_type, _ = key
        candidates = self._of_type(artifact_type)
        components = self._components(use)
        near = nearest(components, candidates) if components else None
        if near is None:
            return None, "no such key is stored"
        return near[0], sentence(near[1])

    def _of_type(self, artifact_type: str) -> dict[str, dict[str, Component]]:
        if artifact_type not in self._candidates:
            found = stored_components(self._recording, artifact_type)
            self._candidates[artifact_type] = {
                key: components for key, components in found.items() if (artifact_type, key) in self._stored_keys
            }
        return self._candidates[artifact_type]

    def _components(self, use: ArtifactUse) -> dict[str, Component]:
        if use.components_sha256 is None:
            return {}
        try:
            return parse_components(self._read(use.components_sha256).decode("utf-8", "replace"))
        except (ArtifactNotFoundError, CorruptBundleError):
            return {}
