"""Packs: contents, each stored once by its digest, compressed many at a time.

Layer: bundle.

What torch caches repeats itself from artifact to artifact, so the new contents of a save are compressed together: five
small graphs take a seventh of what they take one by one. The window spans the whole pack.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256 as hash_of

from megacache.bundle import frames
from megacache.bundle.parts import Place, pack_row, places_of
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
        pack_id: The id of the first pack, one that is given up before it is written; a new one when left out.
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
        self._given_up: list[tuple[int]] = []

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

    def give_up(self, pack_id: int) -> None:
        """Delete an old pack when the next one is written; until then, what it holds is nowhere else in the file.

        Args:
            pack_id: A pack whose parts were all taken in.
        """
        self._given_up.append((pack_id,))

    def flush(self) -> None:
        """Write what was gathered as one pack, and delete the packs that are given up.

        Raises:
            sqlite3.Error: When it cannot be written.
        """
        self._connection.executemany("DELETE FROM pack WHERE pack_id = ?", self._given_up)
        self._given_up.clear()
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
        return b"".join(self._pieces(connection, sha256))

    def check(self, connection: sqlite3.Connection, sha256: str) -> None:
        """Read one content and check it, without having it in memory as a whole.

        Args:
            connection: The bundle's, in a transaction.
            sha256: The digest of the content.

        Raises:
            ArtifactNotFoundError: When the bundle has no such content.
            CorruptBundleError: When the content or its pack is damaged; names what is lost with it.
        """
        for _ in self._pieces(connection, sha256):
            pass

    def checked_pack(self, connection: sqlite3.Connection, pack_id: int) -> memoryview:
        """Read one pack, its frame checked against its hash.

        Args:
            connection: The bundle's, in a transaction.
            pack_id: The pack.

        Returns:
            The raw bytes.

        Raises:
            CorruptBundleError: When the pack is damaged or missing.
        """
        try:
            digest, raw_size_bytes = pack_row(connection, pack_id)
        except ValueError as error:
            raise self.damaged(connection, pack_id, str(error)) from error
        frame = self._frame(connection, pack_id)
        if hash_of(frame).hexdigest() != digest:
            raise self.damaged(connection, pack_id, "its frame has another hash")
        return self._pack(connection, pack_id, digest, raw_size_bytes, frame)

    def damaged(self, connection: sqlite3.Connection, pack_id: int, problem: str) -> CorruptBundleError:
        """Return the error for a damaged pack, which names what it holds.

        Args:
            connection: The bundle's, in a transaction.
            pack_id: The pack.
            problem: What is wrong with it.

        Raises:
            sqlite3.Error: When the file cannot be read.
        """
        names = names_in_pack(connection, pack_id)
        lost = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        held = f"; it holds {lost or 'no artifact'}"
        return self._error(f"pack {pack_id} is damaged ({problem}){held}", f"pack {pack_id}: {problem}", *names)

    def _error(self, message: str, *problems: str) -> CorruptBundleError:
        advice = "take another copy of it, or run `megacache repair`"
        return CorruptBundleError(f"{self._path}: {message}; {advice}", path=self._path, problems=problems)

    def _pieces(self, connection: sqlite3.Connection, sha256: str) -> Iterator[memoryview]:
        """Yield the parts of a content, and check it at the end."""
        places = self._places(connection, sha256)
        found = hash_of()
        for each in places:
            piece = self._piece(connection, each)
            found.update(piece)
            yield piece
        if found.hexdigest() != sha256:
            raise self._of_another_hash(connection, sha256, places)

    def _places(self, connection: sqlite3.Connection, sha256: str) -> list[Place]:
        try:
            places = places_of(connection, sha256)
        except ValueError as error:
            what = f"content {sha256[:12]}"
            raise self._error(f"{what} cannot be found ({error})", f"{what}: {error}") from error
        if not places and connection.execute("SELECT 1 FROM blob WHERE sha256 = ?", (sha256,)).fetchone() is None:
            message = f"{self._path} has no content {sha256[:12]}: it was never saved, or pruned"
            raise ArtifactNotFoundError(message, cache_key=sha256)
        # No pack holds two parts of one content, so a small file cannot ask for more than its packs hold.
        if not places or len({each.pack_id for each in places}) < len(places):
            raise self._of_another_hash(connection, sha256, places)
        return places

    def _of_another_hash(self, connection: sqlite3.Connection, sha256: str, places: list[Place]) -> CorruptBundleError:
        pack_id = places[0].pack_id if places else 0
        return self.damaged(connection, pack_id, f"content {sha256[:12]} has another hash")

    def _piece(self, connection: sqlite3.Connection, place: Place) -> memoryview:
        offset, size_bytes, pack_id, digest, raw_size_bytes = place
        if digest is None or raw_size_bytes is None:
            raise self.damaged(connection, pack_id, "it is missing")
        return self._pack(connection, pack_id, digest, raw_size_bytes)[offset : offset + size_bytes]

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
                raise self.damaged(connection, pack_id, str(error)) from error
            self._packs[pack_id, digest] = raw
        self._packs.move_to_end((pack_id, digest))
        return raw

    def _frame(self, connection: sqlite3.Connection, pack_id: int) -> bytes:
        try:
            return read_frame(connection, pack_id)
        except ValueError as error:
            raise self.damaged(connection, pack_id, str(error)) from error


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
