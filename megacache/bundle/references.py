"""References: which contents the rows of a bundle refer to, and what is lost with a pack.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from megacache.views.names import artifact_name

_REFERENCED = """
SELECT content_sha256 FROM artifact
UNION ALL SELECT content_sha256 FROM document
UNION ALL SELECT components_sha256 FROM artifact_use WHERE components_sha256 IS NOT NULL
"""


def forget(connection: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Delete contents that nothing refers to. Their bytes stay in their packs until those are written anew.

    Args:
        connection: The bundle's, in a write transaction.
        digests: The contents.

    Raises:
        sqlite3.Error: When the bundle cannot be written.
    """
    gone = [(digest,) for digest in digests]
    connection.executemany("DELETE FROM blob_part WHERE sha256 = ?", gone)
    connection.executemany("DELETE FROM blob WHERE sha256 = ?", gone)


def referenced(connection: sqlite3.Connection) -> set[str]:
    """Return the digests of all contents that rows refer to.

    Args:
        connection: The bundle's, in a transaction.

    Returns:
        The digests, whether or not the bundle has their contents.

    Raises:
        sqlite3.Error: When the file cannot be read.
    """
    return {digest for (digest,) in connection.execute(_REFERENCED)}


def names_in_pack(connection: sqlite3.Connection, pack_id: int) -> tuple[str, ...]:
    """Name the artifacts and documents whose contents are in one pack, for people.

    Args:
        connection: The bundle's, in a transaction.
        pack_id: The pack.

    Returns:
        Such as `inductor fabcdefghijk` and `document output_code of 0/0`.

    Raises:
        sqlite3.Error: When the file cannot be read.
    """
    held = "(SELECT sha256 FROM blob_part WHERE pack_id = ?)"
    artifacts = connection.execute(
        f"SELECT artifact_type, cache_key FROM artifact WHERE content_sha256 IN {held}",  # noqa: S608  # Our own text.
        (pack_id,),
    )
    documents = connection.execute(
        f"SELECT name, coalesce(compile_id, session_id) FROM document WHERE content_sha256 IN {held}",  # noqa: S608
        (pack_id,),
    )
    return (
        *(f"{artifact_type} {artifact_name(artifact_type, key)}" for artifact_type, key in artifacts),
        *(f"document {name} of {owner}" for name, owner in documents),
    )
