"""Merging: several bundles into one.

Layer: bundle. What is added, and which side wins, is told by `union`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from megacache.bundle.append import SaveReport
from megacache.bundle.bundle import AnyPath, Bundle
from megacache.errors import BundleError, MegacacheError, UsageError


def merge(sources: Iterable[AnyPath] | AnyPath, into: AnyPath) -> SaveReport:
    """Add everything that some bundles hold to another one.

    Args:
        sources: The bundles to take from, or one; they are only read.
        into: The bundle that grows; it is created if it is not there.

    Returns:
        What was new, of all together.

    Raises:
        UsageError: When no bundle is given to take from.
        BundleError: When a bundle cannot be read or written; see `errors`. The message names those that were added
            before. A bundle that was created and got nothing is removed.
    """
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not paths:
        raise UsageError(f"nothing to merge into {os.fspath(into)}: name at least one bundle to take from")
    for path in paths:
        Bundle.open(path).close()
    is_new = not Path(into).exists()
    reports: list[SaveReport] = []
    try:
        with Bundle.open_or_create(into) as target:
            for path in paths:
                with Bundle.open(path) as source:
                    reports.append(target.merge(source))
    except BaseException as error:
        if reports and isinstance(error, MegacacheError):
            raise _with_added(error, paths[: len(reports)], into) from error
        if is_new and not reports:
            _remove_empty(Path(into))
        raise
    return SaveReport.of(reports)


def _with_added(error: MegacacheError, added: Sequence[AnyPath], into: AnyPath) -> MegacacheError:
    """Return the same error, which says too what was added before it."""
    names = ", ".join(os.fspath(each) for each in added)
    message = f"{error}; {os.fspath(into)} has all of {names} already, and nothing else was added"
    return type(error)(message, **vars(error))


def _remove_empty(path: Path) -> None:
    """Remove the bundle that was created in vain, unless another process has saved into it since."""
    try:
        with Bundle.open(path) as bundle:
            recording = bundle.recording()
        is_empty = not (recording.sessions or recording.artifacts)
    except BundleError:  # nothing is there, or what somebody else put there
        return
    if is_empty:
        path.unlink(missing_ok=True)
