"""Tail: the last packs of a bundle, as far as the next save writes them anew together with its own contents.

Layer: bundle.

What torch caches repeats itself from save to save, too. Saves that each left a pack of their own would take several
times the bytes of one save of all that they hold. So a save takes up the packs before it, as long as each is no more
than some times larger than what comes after it: packs grow like the digits of a number. A content is then written anew
a few times while the bundle grows, and the last time into a full pack.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from megacache.bundle.frames import PACK_SIZE_BYTES
from megacache.bundle.packs import PackReader, PackWriter
from megacache.bundle.repacking import Repacking
from megacache.errors import CorruptBundleError

SMALL_SIZE_BYTES = 128 << 10
"""A pack of at most this raw size is taken up whatever it holds, so that small saves do not end as as many packs."""

MOST_TIMES = 8
"""How many times larger than what comes after it a pack may be. With more, saves take longer; with less, more bytes."""

LEAST_COMPRESSION = 2
"""A pack that was compressed by less gains nothing from company."""

_LAST = "SELECT pack_id, raw_size_bytes, length(frame) FROM pack ORDER BY pack_id DESC"


def continued(connection: sqlite3.Connection, path: Path, new_size_bytes: int) -> PackWriter:
    """Return a writer that begins with the contents of the last packs, as far as they are worth it.

    Args:
        connection: A bundle's, in a write transaction.
        path: The bundle.
        new_size_bytes: The size of the contents that will follow, before compression; a full pack's, if it is more.

    Returns:
        The writer. What it begins with stays where it was, under the id of the oldest pack that it takes up. A pack of
        which anything is not proven is not taken up.

    Raises:
        sqlite3.Error: When the bundle cannot be read or written.
    """
    pack_ids = _worth_it(connection, new_size_bytes)
    if not pack_ids:
        return PackWriter(connection)
    writer = PackWriter(connection, pack_ids[0])
    repacking = Repacking(connection, PackReader(str(path)), writer)
    for pack_id in pack_ids:
        try:
            repacking.move(pack_id)
        except CorruptBundleError:
            # It stays as it is, for `verify` to find; what is new is saved all the same.
            return PackWriter(connection) if pack_id == pack_ids[0] else writer
    return writer


def _worth_it(connection: sqlite3.Connection, new_size_bytes: int) -> list[int]:
    """Return the ids of the packs to take up, oldest first: together with what is new they are one pack."""
    pack_ids: list[int] = []
    gathered_bytes = new_size_bytes
    for pack_id, raw_size_bytes, frame_size_bytes in connection.execute(_LAST):
        if type(raw_size_bytes) is not int or type(frame_size_bytes) is not int:
            break  # Its row is damaged, and stays for `verify` to find.
        is_compressed = frame_size_bytes * LEAST_COMPRESSION <= raw_size_bytes
        is_due = raw_size_bytes <= MOST_TIMES * gathered_bytes and is_compressed
        if not (is_due or raw_size_bytes <= SMALL_SIZE_BYTES) or gathered_bytes + raw_size_bytes > PACK_SIZE_BYTES:
            break
        gathered_bytes += raw_size_bytes
        pack_ids.insert(0, pack_id)
    return pack_ids
