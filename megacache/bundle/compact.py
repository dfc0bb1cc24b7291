"""Compact: write small packs anew as large ones, drop what nothing refers to, and give the space back.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from megacache.bundle import frames, rows, schema
from megacache.bundle.connection import vacuum, writing
from megacache.bundle.packs import PackReader, PackWriter
from megacache.bundle.references import forget, referenced
from megacache.bundle.repacking import Repacking
from megacache.views.units import count, format_bytes


@dataclass(frozen=True, kw_only=True)
class CompactReport:
    """How large a bundle was before it was compacted, and is now."""

    path: Path
    old_size_bytes: int
    size_bytes: int
    pack_count: int

    def __str__(self) -> str:
        """Return one line for people."""
        sizes = f"{format_bytes(self.old_size_bytes)}, now {format_bytes(self.size_bytes)}"
        return f"compacted {self.path}: {sizes} in {count(self.pack_count, 'pack')}"


def compact(path: Path) -> CompactReport:
    """Compact a bundle. The packs are written in one transaction; then SQLite writes the file without its gaps.

    Args:
        path: The bundle.

    Returns:
        The sizes before and after.

    Raises:
        CorruptBundleError: When a row, a page, an index, or anything of a pack that would be moved is damaged; then
            nothing was changed.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    with writing(path) as connection:
        old_size_bytes = path.stat().st_size
        drop_unreferenced(connection, path)
        pack_ids = [pack_id for (pack_id,) in connection.execute(_WORTH_MOVING, (frames.PACK_SIZE_BYTES // 2,))]
        if len(pack_ids) > 1 or connection.execute(_HAS_GAP).fetchone():
            rewrite(connection, pack_ids, PackReader(str(path)))
        (pack_count,) = connection.execute("SELECT count(*) FROM pack").fetchone()
        connection.execute("COMMIT")
        vacuum(connection, path)
    return CompactReport(
        path=path, old_size_bytes=old_size_bytes, size_bytes=path.stat().st_size, pack_count=pack_count
    )


def drop_unreferenced(connection: sqlite3.Connection, path: Path) -> None:
    """Delete the contents that no row refers to.

    Args:
        connection: The bundle's, in a write transaction.
        path: The bundle, named in messages.

    Raises:
        CorruptBundleError: When a row is not what was written: it may refer to another content than it did. Or when
            SQLite finds the file damaged: where it misses rows that are there, it would not write them anew.
        sqlite3.Error: When the bundle cannot be written.
    """
    schema.check_structure(connection, path, with_indexes=True)
    rows.check(connection, str(path))
    stored = {digest for (digest,) in connection.execute("SELECT sha256 FROM blob")}
    forget(connection, stored - referenced(connection))


def rewrite_gaps(connection: sqlite3.Connection, reader: PackReader) -> None:
    """Write every pack anew that holds bytes of forgotten contents.

    Args:
        connection: The bundle's, in a write transaction.
        reader: Reads its packs.

    Raises:
        CorruptBundleError: When such a pack, or what tells of its parts, is damaged.
        sqlite3.Error: When the bundle cannot be written.
    """
    rewrite(connection, [pack_id for (pack_id,) in connection.execute(_HAS_GAP)], reader)


def rewrite(connection: sqlite3.Connection, pack_ids: list[int], reader: PackReader) -> None:
    """Write some packs anew, full ones but the last.

    Args:
        connection: The bundle's, in a write transaction.
        pack_ids: The packs.
        reader: Reads them.

    Raises:
        CorruptBundleError: When one, or what tells of its parts, is damaged.
        sqlite3.Error: When the bundle cannot be written.
    """
    writer = PackWriter(connection, is_patient=True)
    repacking = Repacking(connection, reader, writer)
    for pack_id in pack_ids:
        repacking.move(pack_id)
    writer.flush()


_LIVE_BYTES = "(SELECT coalesce(sum(size_bytes), 0) FROM blob_part WHERE blob_part.pack_id = pack.pack_id)"
_HAS_GAP = f"SELECT pack_id FROM pack WHERE raw_size_bytes > {_LIVE_BYTES} ORDER BY pack_id"  # noqa: S608  # Our text.
_WORTH_MOVING = f"SELECT pack_id FROM pack WHERE raw_size_bytes < ? OR raw_size_bytes > {_LIVE_BYTES} ORDER BY pack_id"  # noqa: S608
