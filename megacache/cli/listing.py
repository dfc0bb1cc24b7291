"""Listing: a recording's sessions and artifacts as plain lines, quick for 10,000 of them.

Layer: faces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from megacache.cli.app import fields_of
from megacache.model import Artifact, SessionInfo
from megacache.recording import Recording
from megacache.views.names import KEY_LENGTH, short_key
from megacache.views.units import count, format_bytes, format_duration

SHOWN_COMPILES = 3


@dataclass(frozen=True, slots=True)
class ListedArtifact:
    """One artifact with what became of it: the state of its last use, and the compiles that used it."""

    artifact: Artifact
    state: str | None
    compile_ids: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the artifact's fields, then `state` and `compile_ids`."""
        return {**fields_of(self.artifact), "state": self.state, "compile_ids": self.compile_ids}

    def line(self) -> str:
        """Return the artifact as one line: type, short key, size, state, compile ids."""
        artifact = self.artifact
        shown, more = self.compile_ids[:SHOWN_COMPILES], len(self.compile_ids) - SHOWN_COMPILES
        compiles = " ".join(shown) + (f" +{more}" if more > 0 else "")
        size, key = format_bytes(artifact.size_bytes), short_key(artifact.cache_key)
        return (
            f"  {artifact.artifact_type:<13} {key:<{KEY_LENGTH}} {size:>9}  {self.state or '-':<7} {compiles}".rstrip()
        )


def listed_artifacts(recording: Recording) -> list[ListedArtifact]:
    """Join each artifact to its uses.

    Args:
        recording: The rows of a bundle.

    Returns:
        One entry per artifact, in the recording's order.
    """
    states: dict[tuple[str, str | None], str] = {}
    compile_ids: dict[tuple[str, str | None], dict[str, None]] = {}
    for use in recording.artifact_uses:
        key = (use.artifact_type, use.cache_key)
        if use.state is not None:
            states[key] = use.state
        if use.compile_id is not None:
            compile_ids.setdefault(key, {})[use.compile_id] = None
    return [
        ListedArtifact(artifact, states.get(key), tuple(compile_ids.get(key, ())))
        for artifact in recording.artifacts
        for key in [(artifact.artifact_type, artifact.cache_key)]
    ]


def listing(recording: Recording) -> Iterator[str]:
    """Lay out a recording's sessions and artifacts as lines.

    Args:
        recording: The rows of a bundle.

    Yields:
        The sessions in order of their start, then the artifacts in the order in which they came.
    """
    yield count(len(recording.sessions), "session")
    compile_counts = Counter(each.session_id for each in recording.compiles)
    for session in recording.sessions:
        yield session_line(session, compile_counts[session.session_id])
    total = format_bytes(sum(artifact.size_bytes for artifact in recording.artifacts))
    yield f"{count(len(recording.artifacts), 'artifact')}, {total}"
    for listed in listed_artifacts(recording):
        yield listed.line()


def session_line(session: SessionInfo, compile_count: int) -> str:
    """Return a session as one line: name, id, start, duration, compiles, status.

    Args:
        session: The session.
        compile_count: How many compiles it has.

    Returns:
        One line without its end.
    """
    duration = format_duration(None if session.ended_us is None else session.ended_us - session.started_us)
    label = f"{session.name:<20} {session.session_id[:KEY_LENGTH]:<{KEY_LENGTH}}"
    outcome = f"{count(compile_count, 'compile')}, {session.status}"
    return f"  {label}  {moment(session.started_us)}  {duration:>8}  {outcome}"


def moment(time_us: int) -> str:
    """Return a moment in UTC, to the second.

    Args:
        time_us: Microseconds since the Unix epoch.

    Returns:
        Such as `2026-11-24 03:20:51`.
    """
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
