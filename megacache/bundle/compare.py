"""Compare: how two recordings differ, each of them a session, a bundle, or the path of one.

Layer: bundle.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from megacache.bundle.bundle import Bundle
from megacache.explain.recordings import Diff
from megacache.explain.recordings import diff as difference
from megacache.recording import Recorded


def diff(old: Recorded | str | os.PathLike[str], new: Recorded | str | os.PathLike[str]) -> Diff:
    """Compare two recordings.

    Args:
        old: The first: a session, a bundle, or the path of a bundle.
        new: The second.

    Returns:
        The difference. System and config are those of the last session on each side.

    Raises:
        BundleError: When a bundle cannot be read; see `errors`.
    """
    with ExitStack() as opened:
        first, second = (
            opened.enter_context(Bundle.open(each)) if isinstance(each, str | os.PathLike) else each
            for each in (old, new)
        )
        return difference(first, second)
