"""Free pages: whether SQLite may write where it would, on the pages that its list calls unused and behind the last one.

Layer: bundle.

SQLite trusts that list, and the number of pages that the file's header tells. Where one bit of either is flipped, the
next save is written over pages that are in use, and what was whole in a damaged file is lost for good. All that we
delete is written over with zeros, so an unused page tells itself.

SQLite shows no pages, so they are read beside it: see `open_file`.

Source: https://www.sqlite.org/fileformat2.html, section 1.5.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

from megacache.bundle.open_file import OpenFile
from megacache.errors import CorruptBundleError

_FIRST_PAGE_AT = 32
_FILLER_BYTES = 16 << 20
"""The most that one row takes in the place of unused pages: as much as a frame."""


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse to write to a bundle whose free pages may be in use.

    It costs as much as there are unused pages. Where one is not zero, as another writer may leave it, SQLite looks
    through the whole file; then all are written over with zeros, so that the next save need not look again.

    Args:
        connection: The bundle's, which holds the write lock.
        path: The bundle.

    Raises:
        CorruptBundleError: When SQLite would destroy something; then nothing was changed.
        sqlite3.Error: When the file cannot be read.
    """
    if _are_sound(connection, path):
        return
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        message = f"{path} is damaged ({finding}), and a save could destroy more of it: nothing was changed"
        advice = "take another copy of it, or run `megacache repair`"
        raise CorruptBundleError(f"{message}; {advice}", path=str(path), problems=(str(finding),))
    _clear(connection)


def _clear(connection: sqlite3.Connection) -> None:
    """Have SQLite write zeros over all unused pages: it uses them for rows, and deletes these by `secure_delete`.

    It is part of the transaction. What a page held that was unused before need not come back when that is undone.
    """
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    (free_count,) = connection.execute("PRAGMA freelist_count").fetchone()
    fitting = _FILLER_BYTES // page_size
    sizes = [min(fitting, free_count - done) * page_size for done in range(0, free_count, fitting)]
    statement = "INSERT INTO pack (raw_size_bytes, sha256, frame) VALUES (0, '', zeroblob(?))"
    fillers = [connection.execute(statement, (size_bytes,)).lastrowid for size_bytes in sizes]
    connection.executemany("DELETE FROM pack WHERE rowid = ?", [(each,) for each in fillers])


def _are_sound(connection: sqlite3.Connection, path: Path) -> bool:
    """Say whether every page of the list is zero, and named once; and as many are named, and there, as should be."""
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    (page_count,) = connection.execute("PRAGMA page_count").fetchone()
    (free_count,) = connection.execute("PRAGMA freelist_count").fetchone()
    if path.stat().st_size != page_size * page_count:
        return False
    if not free_count:
        return True
    seen: set[int] = set()
    try:
        file = OpenFile(path)
        for page_number, is_unused in _listed(file, page_size):
            is_new = page_number not in seen and 2 <= page_number <= page_count
            if not is_new or (is_unused and _page(file, page_number, page_size) != bytes(page_size)):
                return False
            seen.add(page_number)
    except (OSError, ValueError):  # SQLite shall look
        return False
    return len(seen) == int(free_count)


def _listed(file: OpenFile, page_size: int) -> Iterator[tuple[int, bool]]:
    """Give the pages of the list, each with whether it is unused: the others hold the list. It may be a circle."""
    trunk = int.from_bytes(file.read_at(_FIRST_PAGE_AT, 4), "big")
    while trunk:
        yield trunk, False
        page = _page(file, trunk, page_size)
        trunk, leaf_count = struct.unpack_from(">II", page)
        if leaf_count > page_size // 4 - 2:
            raise ValueError(f"no page holds {leaf_count} numbers")
        yield from ((leaf, True) for leaf in struct.unpack_from(f">{leaf_count}I", page, 8))


def _page(file: OpenFile, page_number: int, page_size: int) -> bytes:
    page = file.read_at((page_number - 1) * page_size, page_size)
    if len(page) != page_size:
        raise ValueError(f"there is no page {page_number}")
    return page
