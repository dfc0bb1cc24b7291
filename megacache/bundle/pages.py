"""Pages: the records that lie in the pages of a SQLite file, read without SQLite, where SQLite can read it no longer.

Layer: bundle. Stdlib only.

Each page that holds records tells so by itself, and each record its length, the types of its values, and where it goes
on. So neither a schema nor a page above it is needed. What is read here proves nothing: it may be damaged, deleted, or
made up. Nothing recurses, nothing is followed twice, and what a hostile file can cost has a bound.

Source: https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 1.7 (overflow pages) and 2.1 (records).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

PAGE_SIZES = tuple(512 << power for power in range(8))
"""All that SQLite knows, in bytes."""

LONGEST_PAYLOAD_BYTES = 64 << 20
"""The longest record that is read: as long as a bundle's connection lets SQLite read."""

Data = bytes | mmap
"""A whole file, in memory or mapped into it."""

Value = None | int | float | str | bytes

_INDEX_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 0x02, 0x0A, 0x0D
_HEADER_BYTES = {_INDEX_INTERIOR: 12, _INDEX_LEAF: 8, _TABLE_LEAF: 8}
_SIZES_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Of the types 0 to 9: NULL, six lengths of integers, a float, and the numbers 0 and 1 themselves."""

_FLOAT, _ONE, _FIRST_BLOB = 7, 9, 12
_FOLLOWED_PER_PAGE = 4
"""A whole file's records go on in each page once, at most. Those of a hostile one may all go on in the same pages."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One record, not read yet.

    Attributes:
        page_number: The page that it begins in, from 1.
        row_id: Its number in a table that numbers its rows, else None.
        start: Where its first byte is in the file.
        local_size_bytes: How many of its bytes are in this page.
        size_bytes: How many it has.
        overflow_page: The page in which it goes on, else 0.
    """

    page_number: int
    row_id: int | None
    start: int
    local_size_bytes: int
    size_bytes: int
    overflow_page: int


class Pages:
    """A SQLite file as pages.

    Args:
        data: The whole file, or what is left of it.
        page_size: The size of a page in bytes.
        reserved_size: How many bytes at the end of each page are not SQLite's.
    """

    def __init__(self, data: Data, page_size: int, reserved_size: int = 0) -> None:
        self._data = data
        self._page_size = page_size
        self._usable_size = page_size - reserved_size
        self.size_bytes = len(data)
        self.page_count = -(-self.size_bytes // page_size)
        self._left_to_follow = _FOLLOWED_PER_PAGE * self.page_count
        self._followed: set[int] = set()

    def cells(self) -> Iterator[Cell]:
        """Find all records, page by page.

        Yields:
            Every cell whose beginning makes sense, but those of the first page, which has the schema.
        """
        for page_number in range(2, self.page_count + 1):
            yield from self._cells_of(page_number)

    def payload(self, cell: Cell) -> bytes:
        """Read one record.

        Args:
            cell: Where it is.

        Returns:
            Its bytes; fewer of them where the rest is gone, or where the file asks for more than it may.
        """
        pieces = [self._data[cell.start : cell.start + cell.local_size_bytes]]
        missing, page_number, seen = cell.size_bytes - cell.local_size_bytes, cell.overflow_page, set[int]()
        is_first_time = cell.start not in self._followed
        while missing > 0 and 2 <= page_number <= self.page_count and page_number not in seen:
            self._left_to_follow -= is_first_time
            if is_first_time and self._left_to_follow < 0:
                break
            seen.add(page_number)
            start = (page_number - 1) * self._page_size
            piece = self._data[start + 4 : start + min(self._usable_size, missing + 4)]
            pieces.append(piece)
            missing -= len(piece)
            page_number = int.from_bytes(self._data[start : start + 4], "big")
        if seen:
            self._followed.add(cell.start)
        return b"".join(pieces)

    def _cells_of(self, page_number: int) -> Iterator[Cell]:
        start = (page_number - 1) * self._page_size
        page = self._data[start : start + self._page_size]
        kind = page[0] if page else 0
        header_size = _HEADER_BYTES.get(kind)
        if header_size is None:
            return
        (cell_count,) = struct.unpack_from(">H", page, 3) if len(page) >= header_size else (0,)
        pointers = page[header_size : min(header_size + 2 * cell_count, self._usable_size)]
        for at in range(0, len(pointers) - 1, 2):
            cell = self._cell(page, kind, int.from_bytes(pointers[at : at + 2], "big"), page_number)
            if cell is not None:
                yield cell

    def _cell(self, page: bytes, kind: int, at: int, page_number: int) -> Cell | None:
        """Return what a cell pointer points to, None where that is no cell."""
        try:
            size_bytes, at = _varint(page, at + (4 if kind == _INDEX_INTERIOR else 0))
            row_id, at = _varint(page, at) if kind == _TABLE_LEAF else (None, at)
        except IndexError:
            return None
        local_size_bytes = self._local_size(size_bytes, kind)
        end = at + local_size_bytes
        has_overflow = local_size_bytes < size_bytes
        if not 0 < size_bytes <= LONGEST_PAYLOAD_BYTES or end + 4 * has_overflow > self._usable_size:
            return None
        overflow_page = int.from_bytes(page[end : end + 4], "big") if has_overflow else 0
        start = (page_number - 1) * self._page_size + at
        return Cell(page_number, row_id, start, local_size_bytes, size_bytes, overflow_page)

    def _local_size(self, size_bytes: int, kind: int) -> int:
        """Return how many bytes of a record its own page holds."""
        usable = self._usable_size
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size_bytes <= most:
            return size_bytes
        least = (usable - 12) * 32 // 255 - 23
        fitting = least + (size_bytes - least) % (usable - 4)
        return fitting if fitting <= most else least


def values(payload: bytes, size_bytes: int) -> tuple[Value, ...] | None:
    """Take a record apart.

    Args:
        payload: Its bytes, or the first ones of them.
        size_bytes: How many it should have.

    Returns:
        Its values; None where it is none. Of a cut record the last value is what there is of it, if that is a BLOB.
    """
    found: list[Value] = []
    try:
        header_size, at = _varint(payload, 0)
        start = end = header_size
        kind = 0
        while at < header_size:
            kind, at = _varint(payload, at)
            start, end = end, end + _size(kind)
            found.append(_value(kind, payload[start:end]))
    except (IndexError, ValueError, struct.error):
        return None
    is_whole = end <= len(payload) or (start <= len(payload) and _is_blob(kind))
    return tuple(found) if at == header_size and end == size_bytes and is_whole else None


def _value(kind: int, raw: bytes) -> Value:
    if kind >= _FIRST_BLOB:
        return raw if _is_blob(kind) else raw.decode("utf-8")
    if kind < _FLOAT:
        return int.from_bytes(raw, "big", signed=True) if kind else None
    if kind == _FLOAT:
        (number,) = struct.unpack(">d", raw)
        return float(number)
    return int(kind == _ONE)


def _is_blob(kind: int) -> bool:
    return kind >= _FIRST_BLOB and kind % 2 == 0


def _size(kind: int) -> int:
    """Return how many bytes a value of a serial type has."""
    if kind >= _FIRST_BLOB:
        return (kind - _FIRST_BLOB) // 2
    if not 0 <= kind <= _ONE:
        raise ValueError(f"SQLite stores no value of the type {kind}")
    return _SIZES_BYTES[kind]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of 1 to 9 bytes, and return it with the place after it."""
    number = data[at]
    if number < 0x80:  # as most are
        return number, at + 1
    number = 0
    for count in range(8):
        byte = data[at + count]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + count + 1
    number = number << 8 | data[at + 8]
    return number - (1 << 64) if number >= 1 << 63 else number, at + 9
