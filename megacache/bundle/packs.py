"""Packs: contents, each stored once by its digest, compressed many at a time.

Layer: bundle.

What torch caches repeats itself from artifact to artifact, so the new contents of a save are compressed together: five
small graphs take a seventh of what they take one by one. The window spans the whole pack.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import sha256 as hash_of

from megacache.bundle import frames
from megacache.bundle.references import names_in_pack
from megacache.errors import ArtifactNotFoundError, CorruptBundleError

QUICK_SIZE_BYTES = 4 << 20
"""A save that has a larger pack is compressed quickly from there on."""


class PackWriter:
    """Gathers contents into packs and writes each pack when it is full; call `flush` at the end.

    Nothing is copied on the way: a pack is gathered by reference, compressed piece by piece, and its frame is written
    into the file in pieces.

    Args:
        connection: A bundle's, in a write transaction.
        pack_id: The id of the first pack, which `repack` empties; a new one when left out.
        is_patient: Compress all as well as can be; otherwise much is compressed quickly.
    """

    def __init__(self, connection: sqlite3.Connection, pack_id: int | None = None, *, is_patient: bool = False) -> None:
        self._connection = connection
        (highest,) = connection.execute("SELECT coalesce(max(pack_id), 0) FROM pack").fetchone()
        self._pack_id = highest + 1 if pack_id is None else pack_id
        self._is_patient = is_patient
        self._is_quick = False
        self._raw_size_bytes = 0
        self._pieces: list[bytes | memoryview] = []
        self._blobs: list[tuple[str, int]] = []
        self._parts: list[tuple[str, int, int, int, int]] = []

    def add(self, sha256: str, content: bytes) -> None:
        """Take in a new content, cut into parts if it is larger than a pack.

        Args:
            sha256: Its digest.
            content: The whole content.

        Raises:
            sqlite3.Error: When a full pack cannot be written.
        """
        self._blobs.append((sha256, len(content)))
        if len(content) <= frames.PACK_SIZE_BYTES:
            self.add_part(sha256, 0, content)
            return
        view = memoryview(content)
        for part, start in enumerate(range(0, len(content), frames.PACK_SIZE_BYTES)):
            self.add_part(sha256, part, view[start : start + frames.PACK_SIZE_BYTES])

    def add_part(self, sha256: str, part: int, piece: bytes | memoryview) -> None:
        """Take in one part of a content that the bundle knows.

        Args:
            sha256: The digest of the whole content.
            part: Its place among the parts, from 0.
            piece: At most a pack of bytes.

        Raises:
            sqlite3.Error: When a full pack cannot be written.
        """
        if self._raw_size_bytes + len(piece) > frames.PACK_SIZE_BYTES:
            self.flush()
        self._parts.append((sha256, part, self._pack_id, self._raw_size_bytes, len(piece)))
        self._pieces.append(piece)
        self._raw_size_bytes += len(piece)

    def flush(self) -> None:
        """Write what was gathered as one pack.

        Raises:
            sqlite3.Error: When it cannot be written.
        """
        if not self._parts:
            return
        if self._raw_size_bytes > QUICK_SIZE_BYTES and not self._is_patient:
            self._is_quick = True
        frame = frames.compress(self._pieces, self._raw_size_bytes, is_quick=self._is_quick)
        self._put(frame)
        # In the order of the keys: the digests of a save are anywhere, and so each page is visited once.
        self._connection.executemany("INSERT INTO blob VALUES (?, ?)", sorted(self._blobs))
        self._connection.executemany(_PUT_PART, sorted(self._parts))
        self._pack_id += 1
        self._raw_size_bytes = 0
        for each in (self._pieces, self._blobs, self._parts):
            each.clear()

    def _put(self, frame: list[bytes]) -> None:
        """Write a frame into a hole of its size, since SQLite copies a value that it is given twice."""
        digest = hash_of()
        for each in frame:
            digest.update(each)
        row = (self._pack_id, self._raw_size_bytes, digest.hexdigest(), sum(map(len, frame)))
        self._connection.execute("INSERT INTO pack VALUES (?, ?, ?, zeroblob(?))", row)
        with self._connection.blobopen("pack", "frame", self._pack_id) as hole:
            for each in frame:
                hole.write(each)


class PackReader:
    """Reads contents; keeps what it decompressed last, for contents that were saved together are read together.

    It keeps at most a full pack of bytes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._packs: OrderedDict[tuple[int, str], memoryview] = OrderedDict()

    def content(self, connection: sqlite3.Connection, sha256: str) -> bytes:
        """Read one content and check it.

        Args:
            connection: The bundle's, in a transaction.
            sha256: The digest of the content.

        Returns:
            The content, which has this digest.

        Raises:
            ArtifactNotFoundError: When the bundle has no such content.
            CorruptBundleError: When the content or its pack is damaged; names what is lost with it.
        """
        parts = connection.execute(_PARTS, (sha256,)).fetchall()
        if not parts and connection.execute("SELECT 1 FROM blob WHERE sha256 = ?", (sha256,)).fetchone() is None:
            message = f"{self._path} has no content {sha256[:12]}: it was never saved, or pruned"
            raise ArtifactNotFoundError(message, cache_key=sha256)
        # No pack holds two parts of one content, so a small file cannot ask for more than its packs hold.
        is_whole = len({pack_id for _, _, pack_id, _, _ in parts}) == len(parts)
        content = b"".join(self._piece(connection, *part) for part in parts) if is_whole else b""
        if not is_whole or hash_of(content).hexdigest() != sha256:
            raise self._damaged(connection, parts[0][2] if parts else 0, f"content {sha256[:12]} has another hash")
        return content

    def checked_pack(
        self, connection: sqlite3.Connection, pack_id: int
    ) -> tuple[memoryview, list[tuple[str, int, int, int]]]:
        """Read one pack, its frame checked against its hash, with the parts that are still in use.

        Args:
            connection: The bundle's, in a transaction.
            pack_id: The pack.

        Returns:
            The raw bytes, and per part: digest of the content, part, offset, size in bytes; in the order of offsets.

        Raises:
            CorruptBundleError: When the pack is damaged.
        """
        row = connection.execute("SELECT sha256, raw_size_bytes FROM pack WHERE pack_id = ?", (pack_id,)).fetchone()
        digest, raw_size_bytes = row
        frame = self._frame(connection, pack_id)
        if hash_of(frame).hexdigest() != digest:
            raise self._damaged(connection, pack_id, "its frame has another hash")
        raw = self._pack(connection, pack_id, digest, raw_size_bytes, frame)
        return raw, connection.execute(_PARTS_IN_PACK, (pack_id,)).fetchall()

    def _piece(
        self,
        connection: sqlite3.Connection,
        offset: int,
        size_bytes: int,
        pack_id: int,
        digest: str | None,
        raw_size: int,
    ) -> memoryview:
        if digest is None:
            raise self._damaged(connection, pack_id, "it is missing")
        return self._pack(connection, pack_id, digest, raw_size)[offset : offset + size_bytes]

    def _pack(
        self,
        connection: sqlite3.Connection,
        pack_id: int,
        digest: str,
        raw_size_bytes: int,
        frame: bytes | None = None,
    ) -> memoryview:
        """Return a pack, which is decompressed unless it was read lately; its row has the digest of its frame."""
        raw = self._packs.get((pack_id, digest))
        if raw is None:
            # Before it is decompressed, so that there are never two large ones.
            while self._packs and sum(map(len, self._packs.values())) + raw_size_bytes > frames.PACK_SIZE_BYTES:
                self._packs.popitem(last=False)
            frame = self._frame(connection, pack_id) if frame is None else frame
            try:
                raw = frames.decompress(frame, raw_size_bytes)
            except ValueError as error:
                raise self._damaged(connection, pack_id, str(error)) from error
            self._packs[pack_id, digest] = raw
        self._packs.move_to_end((pack_id, digest))
        return raw

    def _frame(self, connection: sqlite3.Connection, pack_id: int) -> bytes:
        try:
            return read_frame(connection, pack_id)
        except ValueError as error:
            raise self._damaged(connection, pack_id, str(error)) from error

    def _damaged(self, connection: sqlite3.Connection, pack_id: int, problem: str) -> CorruptBundleError:
        names = names_in_pack(connection, pack_id)
        lost = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        message = f"{self._path}: pack {pack_id} is damaged ({problem}); it holds {lost or 'no artifact'}"
        advice = "take another copy of it, or run `megacache repair`"
        return CorruptBundleError(
            f"{message}; {advice}", path=self._path, problems=(f"pack {pack_id}: {problem}", *names)
        )


def repack(connection: sqlite3.Connection, pack_ids: Iterable[int], reader: PackReader, writer: PackWriter) -> None:
    """Move the contents of some packs into the packs that a writer makes, and delete the old ones.

    Args:
        connection: The bundle's, in a write transaction.
        pack_ids: The packs.
        reader: Reads the old packs.
        writer: Takes the parts that are still in use; flush it afterwards.

    Raises:
        CorruptBundleError: When a pack is damaged; then nothing of it was moved.
        sqlite3.Error: When the bundle cannot be written.
    """
    for pack_id in pack_ids:
        raw, parts = reader.checked_pack(connection, pack_id)
        for sha256, part, offset, size_bytes in parts:
            # A copy, for a view would keep the whole old pack in memory until the new one is written.
            writer.add_part(sha256, part, bytes(raw[offset : offset + size_bytes]))
        connection.execute("DELETE FROM pack WHERE pack_id = ?", (pack_id,))


def read_frame(connection: sqlite3.Connection, pack_id: int) -> bytes:
    """Read the frame of one pack, without the copies that SQLite makes of a value in a row.

    Args:
        connection: A bundle's, in a transaction.
        pack_id: The pack.

    Returns:
        The frame.

    Raises:
        ValueError: When there is none, or it is larger than any frame is.
        sqlite3.Error: When the file cannot be read.
    """
    try:
        with connection.blobopen("pack", "frame", pack_id, readonly=True) as stored:
            if len(stored) > frames.FRAME_SIZE_BYTES:
                raise ValueError(f"its frame has {len(stored)} bytes, above the {frames.FRAME_SIZE_BYTES} of any")
            return stored.read()
    except sqlite3.OperationalError as error:
        # SQLite has no code of its own for a row that is not there, or a value that is none.
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        raise ValueError(f"its frame cannot be read: {error}") from error


_PUT_PART = """
INSERT INTO blob_part VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  pack_id = excluded.pack_id, offset = excluded.offset, size_bytes = excluded.size_bytes
WHERE (pack_id, offset, size_bytes) IS NOT (excluded.pack_id, excluded.offset, excluded.size_bytes)
"""
"""A part that stays where it was is left alone: each is on a page of its own, since digests have no order."""

_PARTS = """
SELECT offset, size_bytes, pack_id, pack.sha256, raw_size_bytes
FROM blob_part LEFT JOIN pack USING (pack_id) WHERE blob_part.sha256 = ? ORDER BY part
"""

_PARTS_IN_PACK = "SELECT sha256, part, offset, size_bytes FROM blob_part WHERE pack_id = ? ORDER BY offset"
