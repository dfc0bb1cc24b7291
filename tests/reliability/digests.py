"""Digests: of all contents that the rows of a recording name."""

from __future__ import annotations

from megacache.recording import Recording


def digests_of(recording: Recording) -> list[str]:
    """Return the digests of all contents that rows name, each once, in their order."""
    named = [each.content_sha256 for each in (*recording.artifacts, *recording.documents)]
    named += [each.components_sha256 for each in recording.artifact_uses if each.components_sha256 is not None]
    return list(dict.fromkeys(named))
