"""Parts: where in its packs each content lies, as the rows of `blob_part` and `pack` tell it.

Layer: bundle.

These rows do not prove themselves: the content to which they lead has its digest, or has not. Here is looked at no more
than what no row may be: a value of another type, a place outside of a pack, an index that tells of other rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Where one part of a content is, and what its pack's row says; None where the pack is missing."""

    offset: int
    size_bytes: int
    pack_id: int
    pack_sha256: str | None
    raw_size_bytes: int | None


class Part(NamedTuple):
    """One part of a content in a pack, which sorts by its place there."""

    offset: int
    size_bytes: int
    sha256: str
    part: int


class PackRow(NamedTuple):
    """What the row of a pack says of its frame."""

    sha256: str
    raw_size_bytes: int


def places_of(connection: sqlite3.Connection, sha256: str) -> list[Place]:
    """Return where the parts of a content are, in their order.

    Args:
        connection: A bundle's, in a transaction.
        sha256: The digest of the content.

    Raises:
        ValueError: When a row has a value of another type than its column's.
        sqlite3.Error: When the file cannot be read.
    """
    places = [Place._make(row) for row in connection.execute(_PLACES, (sha256,))]
    for offset, size_bytes, pack_id, *pack in places:
        _check_types("blob_part", (offset, size_bytes, pack_id), (int, int, int))
        if pack != [None, None]:
            _check_types("pack", pack, (str, int))
    return places


def parts_in_pack(connection: sqlite3.Connection, pack_id: int) -> list[Part]:
    """Return the parts that are in a pack, in the order of their places, by the index and by the table alike.

    Args:
        connection: A bundle's, in a transaction.
        pack_id: The pack.

    Raises:
        ValueError: When a part that the index names is not in the table, or in another pack there, or has a value of
            another type than its column's. A part that the index leaves out is not missed: see `part_counts`.
        sqlite3.Error: When the file cannot be read.
    """
    parts = []
    for sha256, part, found_id, offset, size_bytes in connection.execute(_PARTS_IN_PACK, (pack_id,)):
        if found_id != pack_id:
            raise ValueError("blob_part has other parts of it than its index")
        _check_types("blob_part", (offset, size_bytes, sha256, part), (int, int, str, int))
        parts.append(Part(offset, size_bytes, sha256, part))
    return sorted(parts)


def part_counts(connection: sqlite3.Connection) -> dict[int, int]:
    """Count the parts of every pack in the table itself, whatever its index says. This reads the whole table.

    Args:
        connection: A bundle's, in a transaction.

    Returns:
        By pack, how many parts are in it. Every pack of the bundle is named.

    Raises:
        ValueError: When a part is in a pack that is missing. Which one is meant, nobody knows then.
        sqlite3.Error: When the file cannot be read.
    """
    counts = {pack_id: 0 for (pack_id,) in connection.execute("SELECT pack_id FROM pack")}
    for pack_id, part_count, _ in connection.execute(_PART_COUNTS):
        if pack_id not in counts:
            raise ValueError(f"there are parts of a pack {pack_id}, which is missing")
        counts[pack_id] = part_count
    return counts


def pack_row(connection: sqlite3.Connection, pack_id: int) -> PackRow:
    """Return what the row of a pack says of its frame.

    Args:
        connection: A bundle's, in a transaction.
        pack_id: The pack.

    Raises:
        ValueError: When there is no such row, or it has a value of another type than its column's.
        sqlite3.Error: When the file cannot be read.
    """
    row = connection.execute("SELECT sha256, raw_size_bytes FROM pack WHERE pack_id = ?", (pack_id,)).fetchone()
    if row is None:
        raise ValueError("it is missing")
    _check_types("pack", row, (str, int))
    return PackRow._make(row)


def is_covered(parts: list[Part], raw_size_bytes: int) -> bool:
    """Say whether parts fill a pack, without a gap.

    Args:
        parts: In the order of their places.
        raw_size_bytes: The size of the pack.

    Raises:
        ValueError: When one is outside of the pack, or two share bytes.
    """
    position, has_gap = 0, not parts
    for each in parts:
        if each.offset < position or each.size_bytes < 0 or each.offset + each.size_bytes > raw_size_bytes:
            raise ValueError(f"content {each.sha256[:12]} is outside of it, or shares bytes with another one")
        has_gap = has_gap or each.offset > position
        position = each.offset + each.size_bytes
    return not has_gap and position == raw_size_bytes


def _check_types(table: str, row: Sequence[object], kinds: tuple[type, ...]) -> None:
    """Check the values of a row: SQLite itself lets a damaged page have any."""
    if tuple(map(type, row)) != kinds:
        raise ValueError(f"a row of {table} holds a value of another type than its column's")


_PLACES = """
SELECT offset, size_bytes, pack_id, pack.sha256, raw_size_bytes
FROM blob_part LEFT JOIN pack USING (pack_id) WHERE blob_part.sha256 = ? ORDER BY part
"""

_PARTS_IN_PACK = """
SELECT named.sha256, named.part, found.pack_id, found.offset, found.size_bytes
FROM blob_part AS named LEFT JOIN blob_part AS found ON found.sha256 = named.sha256 AND found.part = named.part
WHERE named.pack_id = ?
"""
"""Of `named` no column is asked for that is not in the index; `found` is looked up by its key, in the table."""

_PART_COUNTS = "SELECT pack_id, count(*), max(offset) FROM blob_part GROUP BY +pack_id"
"""Of what is asked for only `offset` is not in the index: so SQLite reads the table. `NOT INDEXED` does not do that."""
