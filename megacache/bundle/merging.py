"""Merging: several bundles into one.

Layer: bundle. What is added, and which side wins, is told by `union`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from megacache.bundle.append import SaveReport
from megacache.bundle.bundle import AnyPath, Bundle
from megacache.errors import UsageError


def merge(sources: Iterable[AnyPath] | AnyPath, into: AnyPath) -> SaveReport:
    """Add everything that some bundles hold to another one.

    Args:
        sources: The bundles to take from, or one; they are only read.
        into: The bundle that grows; it is created if it is not there.

    Returns:
        What was new, of all together.

    Raises:
        UsageError: When no bundle is given to take from.
        BundleError: When a bundle cannot be read or written; see `errors`.
    """
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not paths:
        raise UsageError(f"nothing to merge into {os.fspath(into)}: name at least one bundle to take from")
    for path in paths:
        Bundle.open(path).close()
    reports: list[SaveReport] = []
    with Bundle.open_or_create(into) as target:
        for path in paths:
            with Bundle.open(path) as source:
                reports.append(target.merge(source))
    return SaveReport.of(reports)
