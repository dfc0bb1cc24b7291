"""Listing: a bundle's sessions and artifacts as plain lines, quick for 10,000 of them.

Layer: faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from megacache.views.names import KEY_LENGTH, artifact_name, session_title
from megacache.views.units import count, format_bytes, format_duration

if TYPE_CHECKING:
    from megacache.bundle.listing import ListedArtifact, ListedSession, Listing

SHOWN_COMPILES = 3
WIDEST = 40


def listing_lines(listing: Listing) -> Iterator[str]:
    """Lay out a bundle's sessions and artifacts as lines.

    Args:
        listing: What to show.

    Yields:
        The sessions, then the artifacts, each below a line with their number.
    """
    yield count(len(listing.sessions), "session")
    name_width = column_width((session_title(each.name, each.rank) for each in listing.sessions), least=20)
    yield from (session_line(session, name_width) for session in listing.sessions)
    total = format_bytes(sum(artifact.size_bytes for artifact in listing.artifacts))
    yield f"{count(len(listing.artifacts), 'artifact')}, {total}"
    has_moments = listing.format_version == 0  # Torch's own files: nobody knows which compile made them, but when.
    type_width = column_width({artifact.artifact_type for artifact in listing.artifacts}, least=13)
    key_width = column_width((shown_name(artifact) for artifact in listing.artifacts), least=KEY_LENGTH)
    for artifact in listing.artifacts:
        line = artifact_line(artifact, type_width, key_width)
        yield f"{line}  {moment(artifact.added_us)}" if has_moments else line


def column_width(texts: Iterable[str], *, least: int) -> int:
    """Return the width of a column.

    Args:
        texts: What stands in it; what is longer than 40 characters moves only its own line.
        least: Its width where all of them are short.
    """
    return max([least, *(len(each) for each in texts if len(each) <= WIDEST)])


def session_line(session: ListedSession, name_width: int = 20) -> str:
    """Return a session as one line: name and rank, short id, start, duration, compiles, status.

    Args:
        session: The session.
        name_width: How wide the column of names is.

    Returns:
        One line without its end.
    """
    duration = format_duration(None if session.ended_us is None else session.ended_us - session.started_us)
    label = f"{session_title(session.name, session.rank):<{name_width}} {session.session_id[:KEY_LENGTH]:<{KEY_LENGTH}}"
    outcome = f"{count(session.compile_count, 'compile')}, {session.status}"
    return f"  {label}  {moment(session.started_us)}  {duration:>8}  {outcome}"


def shown_name(artifact: ListedArtifact) -> str:
    """Return what people call an artifact.

    Args:
        artifact: The artifact.
    """
    return artifact_name(artifact.artifact_type, artifact.cache_key)


def artifact_line(artifact: ListedArtifact, type_width: int = 13, key_width: int = KEY_LENGTH) -> str:
    """Return an artifact as one line: type, short key, size, state, compile ids.

    Args:
        artifact: The artifact.
        type_width: How wide the column of types is.
        key_width: How wide the column of keys is.

    Returns:
        One line without its end.
    """
    shown, more = artifact.compile_ids[:SHOWN_COMPILES], len(artifact.compile_ids) - SHOWN_COMPILES
    compiles = " ".join(shown) + (f" +{more}" if more > 0 else "")
    name = f"{artifact.artifact_type:<{type_width}} {shown_name(artifact):<{key_width}}"
    return f"  {name} {format_bytes(artifact.size_bytes):>9}  {artifact.state or '-':<7} {compiles}".rstrip()


def moment(time_us: int) -> str:
    """Return a moment in UTC, to the second.

    Args:
        time_us: Microseconds since the Unix epoch.

    Returns:
        Such as `2026-11-24 03:20:51`.
    """
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
