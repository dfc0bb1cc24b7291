"""Supersede: of what a store writes under one key, only the last content stays.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from megacache.bundle import rows
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

    What another session recorded too stays, and so does all when a row or a pack is damaged, for `verify` to find. The
    rows that an older content told go with it, and so does a session that recorded nothing else.

    Args:
        path: The bundle.
        kept: What stays.
        session_ids: Sessions of one store, that recorded on one system under one config.

    Raises:
        BundleError: When the bundle cannot be written; see `errors`.
    """
    with suppress(CorruptBundleError), writing(path) as connection:
        rows.check(connection, str(path))
        older = [use for each in session_ids for use in _uses_taken_back(connection, kept, each)]
        taken_back = {each.content_sha256 for each in older} - {kept.content_sha256}
        key = (kept.artifact_type, kept.cache_key)
        connection.executemany(_UNUSED_ARTIFACT, [(*key, digest) for digest in sorted(taken_back)])
        taken_back |= {each.components_sha256 for each in older if each.components_sha256 is not None}
        for run_id in sorted({each.run_id for each in older}):
            taken_back |= _take_back_run(connection, run_id)
        connection.executemany(_EMPTY_SESSION, [(each, kept.session_id) for each in session_ids])
        gone = taken_back - referenced(connection)
        forget(connection, gone)
        if gone:
            # The pages that this frees are the next save's: the file does not grow with the number of versions.
            rewrite_gaps(connection, PackReader(str(path)))


class _Use(NamedTuple):
    content_sha256: str
    components_sha256: str | None
    run_id: str


def _uses_taken_back(connection: sqlite3.Connection, kept: Kept, session_id: str) -> list[_Use]:
    key = (kept.artifact_type, kept.cache_key, kept.content_sha256, kept.session_id)
    return [_Use._make(row) for row in connection.execute(_OLDER_USE, (session_id, *key)).fetchall()]


def _take_back_run(connection: sqlite3.Connection, run_id: str) -> set[str]:
    """Delete what a content told, unless another use is of its run; return the contents that its rows named."""
    if connection.execute("SELECT 1 FROM artifact_use WHERE run_id = ?", (run_id,)).fetchone() is not None:
        return set()
    for statement in _ROWS_OF_RUN:
        connection.execute(statement, (run_id,))
    code_ids = [each for (each,) in connection.execute(_COMPILE_OF_RUN, (run_id,)).fetchall()]
    while code_ids:
        parents = connection.execute(_UNUSED_CODE, (code_ids.pop(),)).fetchall()
        code_ids += [each for (each,) in parents if each is not None]
    return {digest for (digest,) in connection.execute(_DOCUMENT_OF_RUN, (run_id,)).fetchall()}


_OLDER_USE = (
    "DELETE FROM artifact_use WHERE session_id = ?1 AND artifact_type = ?2 AND cache_key = ?3"
    " AND (content_sha256 <> ?4 OR session_id <> ?5) RETURNING content_sha256, components_sha256, run_id"
)
_UNUSED_ARTIFACT = (
    "DELETE FROM artifact WHERE artifact_type = ?1 AND cache_key = ?2 AND content_sha256 = ?3 AND NOT EXISTS"
    " (SELECT 1 FROM artifact_use WHERE artifact_type = ?1 AND cache_key = ?2 AND content_sha256 = ?3)"
)
_EMPTY_SESSION = (
    "DELETE FROM session WHERE session_id = ?1 AND session_id <> ?2"
    " AND NOT EXISTS (SELECT 1 FROM artifact_use WHERE session_id = ?1)"
)
_ROWS_OF_RUN = (
    "DELETE FROM graph_break WHERE run_id = ?",
    "DELETE FROM recompile_reason WHERE run_id = ?",
    "DELETE FROM dimension WHERE run_id = ?",
    "DELETE FROM backend_entry WHERE run_id = ?",
)
_COMPILE_OF_RUN = "DELETE FROM compile WHERE run_id = ? RETURNING code_id"
_DOCUMENT_OF_RUN = "DELETE FROM document WHERE run_id = ? RETURNING content_sha256"
_UNUSED_CODE = (
    "DELETE FROM code WHERE code_id = ?1 AND NOT EXISTS (SELECT 1 FROM compile WHERE code_id = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM code WHERE parent_code_id = ?1) RETURNING parent_code_id"
)
