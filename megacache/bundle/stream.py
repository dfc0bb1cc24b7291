"""Stream: many contents of a bundle, in the order in which they are packed, in bounded memory.

Layer: bundle.

Who reads contents one by one has a whole pack in memory, since the next one may be anywhere in it. Who wants many, and
minds no order, has each pack decompressed once from front to end, and no more of it in memory than zstd's window and
the content that is cut off just then. No lock is held meanwhile: a pack is looked up when its turn comes.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256 as hash_of
from itertools import pairwise
from typing import NamedTuple

from megacache.bundle.connection import Reader
from megacache.bundle.frames import FrameStream
from megacache.bundle.packs import read_frame
from megacache.bundle.parts import pack_row


class _Part(NamedTuple):
    """One part of a content in a pack, which sorts by its place there."""

    offset: int
    size_bytes: int
    sha256: str


def stream(reader: Reader, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read many contents.

    Args:
        reader: The bundle's.
        digests: The contents; one that is named twice is read once.

    Yields:
        Digest and content of all that are whole, each checked against its digest. One that is damaged or not there is
        passed over: `PackReader.content` says what is wrong with it.

    Raises:
        BundleError: When the file cannot be read; see `errors`.
    """
    with reader.held():
        with reader.snapshot() as connection:
            found = {digest: connection.execute(_PARTS, (digest,)).fetchall() for digest in dict.fromkeys(digests)}
        left = {digest: len(parts) for digest, parts in found.items()}
        begun: dict[str, io.BytesIO] = {}
        for pack_id, wanted in _by_pack(found).items():
            for digest, piece in _pieces(reader, pack_id, sorted(wanted)):
                begun.setdefault(digest, io.BytesIO()).write(piece)
                if piece:
                    continue
                left[digest] -= 1
                if not left[digest]:
                    content = begun.pop(digest).getvalue()
                    if hash_of(content).hexdigest() == digest:
                        yield digest, content


def _by_pack(found: dict[str, list[tuple[int, int, int]]]) -> dict[int, list[_Part]]:
    """Return the parts of each pack, and the packs in their order.

    No pack holds two parts of one content. Where a later part is in an earlier pack, as `prune` may leave it, the
    content is left out: only so is each one put together from front to end.
    """
    packs: dict[int, list[_Part]] = {}
    for digest, parts in found.items():
        is_sound = all(type(value) is int for part in parts for value in part) and all(part[2] >= 0 for part in parts)
        if is_sound and all(one[0] < other[0] for one, other in pairwise(parts)):
            for pack_id, offset, size_bytes in parts:
                packs.setdefault(pack_id, []).append(_Part(offset, size_bytes, digest))
    return dict(sorted(packs.items()))


def _pieces(reader: Reader, pack_id: int, parts: list[_Part]) -> Iterator[tuple[str, bytes]]:
    """Yield the pieces of each part of a pack; an empty one ends it. Where the pack is damaged, nothing more comes."""
    with suppress(ValueError):
        with reader.snapshot() as connection:
            frame = read_frame(connection, pack_id)
            row = pack_row(connection, pack_id)
        pack, position = FrameStream(frame, row.raw_size_bytes), 0
        for offset, size_bytes, digest in parts:
            if offset < position:
                continue  # Two contents share bytes, as no writer of ours lets them.
            deque(pack.read(offset - position), maxlen=0)
            for piece in pack.read(size_bytes):
                yield digest, piece
            yield digest, b""
            position = offset + size_bytes


_PARTS = "SELECT pack_id, offset, size_bytes FROM blob_part WHERE sha256 = ? ORDER BY part"
