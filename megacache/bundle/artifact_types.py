"""Artifact types: which names of them there are, to tell a wrong one.

Layer: bundle.
"""

from __future__ import annotations

from collections.abc import Iterable

from megacache.errors import UsageError
from megacache.model import ARTIFACT_TYPES, OUR_TYPES
from megacache.recording import Recording


def check_types(types: Iterable[str], recording: Recording) -> None:
    """Check that somebody named artifact types: torch's, ours, or one of tomorrow that is among the rows.

    Args:
        types: The names.
        recording: The rows.

    Raises:
        UsageError: When one is not.
    """
    known = dict.fromkeys((*ARTIFACT_TYPES, *OUR_TYPES, *(each.artifact_type for each in recording.artifacts)))
    for artifact_type in types:
        if artifact_type not in known:
            raise UsageError(f"{artifact_type} is no artifact type; it is one of {', '.join(known)}")
