"""Repacking: the contents of old packs move into new ones, once it is proven that nothing stays behind.

Layer: bundle.

Who reads by a false row comes to bytes with another digest, and nothing is lost. But who moves what the rows name and
then deletes the pack destroys what they do not name: one flipped bit in an index would be enough. So a pack is given up
only when every byte of it belongs to a part, and each part is its content; or else, when the whole table of parts has
been read and has no part for the bytes that are left over. Those were forgotten.
"""

from __future__ import annotations

import sqlite3
from hashlib import sha256 as hash_of

from megacache.bundle.packs import PackReader, PackWriter
from megacache.bundle.parts import Part, is_covered, part_counts, parts_in_pack


class Repacking:
    """Moves the contents of some packs into the packs that a writer makes.

    Args:
        connection: The bundle's, in a write transaction.
        reader: Reads the old packs.
        writer: Takes the parts that are still in use, and deletes the old packs; flush it afterwards.
    """

    def __init__(self, connection: sqlite3.Connection, reader: PackReader, writer: PackWriter) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._part_counts: dict[int, int] | None = None

    def move(self, pack_id: int) -> None:
        """Move what is in a pack. What it costs follows the pack; of one with gaps, the number of all parts as well.

        Args:
            pack_id: The pack.

        Raises:
            CorruptBundleError: When the pack, or what tells of its parts, is damaged; then nothing of it was moved.
            sqlite3.Error: When the bundle cannot be read or written.
        """
        raw = self._reader.checked_pack(self._connection, pack_id)
        try:
            parts = self._proven_parts(pack_id, raw)
        except ValueError as error:
            raise self._reader.damaged(self._connection, pack_id, str(error)) from error
        for each in parts:
            # A copy, for a view would keep the whole old pack in memory until the new one is written.
            self._writer.add_part(each.sha256, each.part, bytes(_piece(raw, each)))
        self._writer.give_up(pack_id)

    def _proven_parts(self, pack_id: int, raw: memoryview) -> list[Part]:
        parts = parts_in_pack(self._connection, pack_id)
        has_gap = not is_covered(parts, len(raw))
        if has_gap and self._counted(pack_id) != len(parts):
            raise ValueError("blob_part has other parts of it than its index")
        for each in parts:
            if hash_of(_piece(raw, each)).hexdigest() != each.sha256:
                self._check_cut(each, has_gap=has_gap)
        return parts

    def _counted(self, pack_id: int) -> int:
        """Return how many parts a pack has by the table itself. They are counted once: nobody else adds any."""
        if self._part_counts is None:
            self._part_counts = part_counts(self._connection)
        return self._part_counts[pack_id]

    def _check_cut(self, part: Part, *, has_gap: bool) -> None:
        """Check a part that is not a whole content: in a pack without gaps, the others leave no other place for it."""
        (part_count,) = self._connection.execute(_PART_COUNT, (part.sha256,)).fetchone()
        if part_count < 2:
            raise ValueError(f"content {part.sha256[:12]} has another hash")
        if has_gap:
            self._reader.check(self._connection, part.sha256)


def _piece(raw: memoryview, part: Part) -> memoryview:
    return raw[part.offset : part.offset + part.size_bytes]


_PART_COUNT = "SELECT count(*) FROM blob_part WHERE sha256 = ?"
