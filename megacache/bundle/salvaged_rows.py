"""Salvaged rows: what of a damaged file's records is a row of a bundle, told by nothing but the records themselves.

Layer: bundle.

A row of format version 2 proves itself, and says of which table it is. Of version 1 the number and the types of its
values have to do: a file of which no row proves itself is taken for one of version 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from megacache.bundle.pages import PAGE_SIZES, Cell, Data, Pages, values
from megacache.bundle.row_digests import row_digest
from megacache.bundle.rows import TABLES, Column, Table

Row = tuple[Any, ...]

_PACK = (type(None), int, str, bytes)
_BLOB = (str, int)
_PART = (str, int, int, int, int)
"""The types of the values of what leads to a content."""

_TABLES_BY_LENGTH = {
    length: [table for table in TABLES if len(table.columns) == length]
    for length in {len(table.columns) for table in TABLES}
}


class Place(NamedTuple):
    """Where one part of a content is said to be."""

    pack_id: int
    offset: int
    size_bytes: int


@dataclass
class Salvage:
    """What the pages of one file hold.

    Attributes:
        pages: The file, with the page size that makes most sense of it.
        is_proven: Whether the rows prove themselves.
        rows: By table and key, every row that is what was written.
        false_rows: Records of the shape of a row, that are not what was written.
        sizes: By digest, how long a content is said to be.
        parts: By digest and number, where each part of a content is said to be.
        packs: What looks like a pack: its id, and where its record begins.
    """

    pages: Pages
    is_proven: bool = False
    rows: dict[str, dict[Row, Row]] = field(default_factory=lambda: {table.name: {} for table in TABLES})
    false_rows: list[tuple[Table, Row]] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    parts: dict[str, dict[int, set[Place]]] = field(default_factory=dict)
    packs: list[tuple[int, Cell]] = field(default_factory=list)

    @property
    def found_count(self) -> int:
        """How many rows and packs there are."""
        return len(self.packs) + sum(map(len, self.rows.values()))

    def row_counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        return {name: len(rows) for name, rows in self.rows.items()}


def salvage(data: Data) -> Salvage:
    """Find everything in a file that may be part of a bundle.

    Args:
        data: The file, however damaged.

    Returns:
        What was found. Where the file's header tells no page size, the one by which most is found.
    """
    told = _told_layout(data)
    if told is not None:
        found = _scan(Pages(data, *told))
        if found.found_count and not told[1]:
            return found
    layouts = [(size, 0) for size in PAGE_SIZES] if told is None or not told[1] else [told, (told[0], 0)]
    return max((_scan(Pages(data, *layout)) for layout in layouts), key=lambda found: found.found_count)


def _told_layout(data: Data) -> tuple[int, int] | None:
    """Return the size of pages and of their reserved ends as the header has them, if that can be."""
    size = int.from_bytes(data[16:18], "big")
    reserved_size = data[20] if len(data) > 20 else 0
    size = PAGE_SIZES[-1] if size == 1 else size
    return (size, reserved_size) if size in PAGE_SIZES and reserved_size <= size - 480 else None


def _scan(pages: Pages) -> Salvage:
    found = Salvage(pages)
    doubtful: list[tuple[Table, Row]] = []
    for cell in pages.cells():
        record = values(pages.payload(cell), cell.size_bytes)
        if not record or _take_content(found, cell, record) or _take_proven(found, record):
            continue
        *row, digest = record
        if type(digest) is int:
            found.false_rows += [(table, tuple(row)) for table in _fitting(row)]
        if not found.is_proven:
            doubtful += [(table, record) for table in _fitting(record)]
    if not found.is_proven and doubtful:
        found.false_rows.clear()
        for table, record in doubtful:
            _keep(found, table, record)
    return found


def _take_content(found: Salvage, cell: Cell, record: Row) -> bool:
    """Take in what leads to a content, and say whether it does."""
    kinds, is_numbered = tuple(map(type, record)), cell.row_id is not None
    if kinds == _PACK and cell.row_id is not None:
        found.packs.append((cell.row_id, cell))
    elif kinds == _BLOB and not is_numbered:
        found.sizes[record[0]] = record[1]
    elif kinds == _PART and not is_numbered:
        found.parts.setdefault(record[0], {}).setdefault(record[1], set()).add(Place(*record[2:]))
    else:
        return False
    return True


def _take_proven(found: Salvage, record: Row) -> bool:
    """Take in a row that proves itself, and say whether it does."""
    *row, digest = record
    for table in _TABLES_BY_LENGTH.get(len(row), ()):
        if digest is not None and row_digest(table.name, *row) == digest:
            found.is_proven = True
            _keep(found, table, tuple(row))
            return True
    return False


def _keep(found: Salvage, table: Table, row: Row) -> None:
    """Keep a row, of two with one key the one that knows more: a row is never replaced by less."""
    key = row[: len(table.key)]
    known = found.rows[table.name].get(key)
    if known is None or known.count(None) >= row.count(None):
        found.rows[table.name][key] = row


def _fitting(row: Sequence[Any]) -> Iterator[Table]:
    """Return the tables whose rows have values of this number and these types."""
    for table in _TABLES_BY_LENGTH.get(len(row), ()):
        if all(map(_is_of, table.columns, row)):
            yield table


def _is_of(column: Column, value: object) -> bool:
    if value is None:
        return column.is_optional or column.kind in ("LIST", "MAPPING")
    return type(value) is (int if column.kind == "INTEGER" else str)
