"""Supersede: of what a store writes under one key, only the last content stays.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from megacache.bundle.compact import rewrite_gaps
from megacache.bundle.connection import writing
from megacache.bundle.packs import PackReader
from megacache.bundle.references import forget, referenced
from megacache.errors import CorruptBundleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays of one key: a content, and the session that recorded it."""

    artifact_type: str
    cache_key: str
    content_sha256: str
    session_id: str


def supersede(path: Path, kept: Kept, session_ids: Collection[str]) -> None:
    """Take back what some sessions recorded of a key before, in one transaction.

    What another session recorded too stays, and so does all when an old pack is damaged, for `verify` to find. A
    session that recorded nothing else goes.

    Args:
        path: The bundle.
        kept: What stays.
        session_ids: Sessions of one store, that recorded on one system under one config.

    Raises:
        BundleError: When the bundle cannot be written; see `errors`.
    """
    with suppress(CorruptBundleError), writing(path) as connection:
        taken_back = {digest for each in session_ids for digest in _uses_taken_back(connection, kept, each)}
        taken_back -= {kept.content_sha256}
        key = (kept.artifact_type, kept.cache_key)
        connection.executemany(_UNUSED_ARTIFACT, [(*key, digest) for digest in sorted(taken_back)])
        connection.executemany(_EMPTY_SESSION, [(each, kept.session_id) for each in session_ids])
        forget(connection, taken_back - referenced(connection))
        if taken_back:
            # The pages that this frees are the next save's: the file does not grow with the number of versions.
            rewrite_gaps(connection, PackReader(str(path)))


def _uses_taken_back(connection: sqlite3.Connection, kept: Kept, session_id: str) -> list[str]:
    key = (kept.artifact_type, kept.cache_key, kept.content_sha256, kept.session_id)
    return [digest for (digest,) in connection.execute(_OLDER_USE, (session_id, *key)).fetchall()]


_OLDER_USE = (
    "DELETE FROM artifact_use WHERE session_id = ?1 AND artifact_type = ?2 AND cache_key = ?3"
    " AND (content_sha256 <> ?4 OR session_id <> ?5) RETURNING content_sha256"
)
_UNUSED_ARTIFACT = (
    "DELETE FROM artifact WHERE artifact_type = ?1 AND cache_key = ?2 AND content_sha256 = ?3 AND NOT EXISTS"
    " (SELECT 1 FROM artifact_use WHERE artifact_type = ?1 AND cache_key = ?2 AND content_sha256 = ?3)"
)
_EMPTY_SESSION = (
    "DELETE FROM session WHERE session_id = ?1 AND session_id <> ?2"
    " AND NOT EXISTS (SELECT 1 FROM artifact_use WHERE session_id = ?1)"
)
