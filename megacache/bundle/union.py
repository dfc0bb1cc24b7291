"""Union: what merging one bundle into another adds, and which side wins.

Layer: bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from megacache.bundle.narrow import narrowed
from megacache.model import GUARDED_CODE, SessionInfo
from megacache.recording import Recording


class Contents(Mapping[str, bytes]):
    """The contents that the rows of a recording name, each read when it is asked for."""

    def __init__(self, recording: Recording) -> None:
        self._read: Callable[[str], bytes] = recording.read
        self._digests = {
            *(each.content_sha256 for each in recording.artifacts),
            *(each.content_sha256 for each in recording.documents),
            *(each.components_sha256 for each in recording.artifact_uses if each.components_sha256 is not None),
        }

    def __getitem__(self, sha256: str) -> bytes:
        if sha256 not in self._digests:
            raise KeyError(sha256)
        return self._read(sha256)

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def saves(ours: Recording, theirs: Recording) -> list[tuple[Recording, bool]]:
    """Divide another bundle's rows by whether they are newer than ours.

    A session may be in both bundles, saved at different times. The later save of it replaces, the earlier one only
    fills gaps, so that an old copy never takes anything back.

    Args:
        ours: The rows of the bundle that grows.
        theirs: The rows of the other.

    Returns:
        Recordings, and of each whether its values replace ours.
    """
    known = {each.session_id: each for each in ours.sessions}
    newer = {each.session_id for each in theirs.sessions if _is_newer(each, known.get(each.session_id))}
    older = {each.session_id for each in theirs.sessions} - newer
    # Artifacts that no session used come with the first part, since of artifacts nothing is ever replaced.
    first = replace(narrowed(theirs, older), systems=theirs.systems, artifacts=theirs.artifacts)
    return [(first, False), (narrowed(theirs, newer), True)]


def conflicts(ours: Recording, theirs: Recording) -> tuple[tuple[str, str], ...]:
    """Find the keys of which the other bundle has contents that ours has not, made by the same system.

    Contents hold times, so that two ranks which compile the same graph disagree in bytes and not in what they do. The
    variants of a guarded code share a key on purpose, and are no conflict.

    Args:
        ours: The rows of the bundle that grows, as they were before.
        theirs: The rows of the other.

    Returns:
        Artifact type and cache key, each once, in their order.
    """
    known: dict[tuple[str, str, str], set[str]] = {}
    for each in ours.artifacts:
        known.setdefault((each.artifact_type, each.cache_key, each.system_id), set()).add(each.content_sha256)
    found = (
        (each.artifact_type, each.cache_key)
        for each in theirs.artifacts
        if each.artifact_type != GUARDED_CODE
        and each.content_sha256
        not in known.get((each.artifact_type, each.cache_key, each.system_id), {each.content_sha256})
    )
    return tuple(dict.fromkeys(found))


def _is_newer(theirs: SessionInfo, ours: SessionInfo | None) -> bool:
    if ours is None:
        return False
    return (theirs.ended_us or theirs.started_us) > (ours.ended_us or ours.started_us)
