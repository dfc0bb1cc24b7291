"""Salvaged contents: every content that can still be read out of a damaged file's packs, proven by its digest.

Layer: bundle.

The rows that tell where a content lies in its pack may be damaged, too. But contents lie one after the other, and their
digests and sizes are in rows that prove themselves: so what begins where another one ends is found without being told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256 as hash_of
from itertools import product
from typing import NamedTuple

from megacache.bundle import frames
from megacache.bundle.pages import values
from megacache.bundle.salvaged_rows import Place, Salvage

_KEPT_SIZE_BYTES = 2 * frames.PACK_SIZE_BYTES
_READ_SIZE_BYTES = 4 << 30
_READ_PER_BYTE = 256
"""How many bytes of packs are looked at to find the contents, at most: so many, and so many per byte of the file."""

_TRIED_PER_BYTE = 32
"""How often each byte of a pack is hashed at most, in search of contents of which nobody tells where they are."""

_TRIED_PLACES = 64
"""How many combinations of places are tried for a content of several parts."""


class Piece(NamedTuple):
    """Where a part of a content is for certain: the number of the pack, as they were found, and the place in it."""

    pack: int
    offset: int
    size_bytes: int


class SalvagedContents(Mapping[str, bytes]):
    """The contents that are whole, each read when it is asked for.

    Args:
        salvage: What was found in a file.
        wanted: The digests that are looked for, in the order in which they were saved, and their sizes where known.
    """

    def __init__(self, salvage: Salvage, wanted: Mapping[str, int | None]) -> None:
        self._salvage = salvage
        self._wanted = wanted
        self._packs: OrderedDict[int, bytes] = OrderedDict()
        self._left_bytes = _READ_SIZE_BYTES + _READ_PER_BYTE * salvage.pages.size_bytes
        self._left_tries_bytes = 0
        self._pieces: dict[str, tuple[Piece, ...]] = {}
        self._places = _places_by_pack(salvage)
        self._take_whole()
        self._take_parts()
        self._search()

    def __getitem__(self, sha256: str) -> bytes:
        return b"".join(self._piece(each) for each in self._pieces[sha256])

    def __iter__(self) -> Iterator[str]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def size_of(self, sha256: str) -> int:
        """Return how long a content is, in bytes.

        Args:
            sha256: Its digest.

        Raises:
            KeyError: When it is not whole.
        """
        return sum(each.size_bytes for each in self._pieces[sha256])

    def _take_whole(self) -> None:
        """Take the contents of one part that are where they are said to be."""
        known_ids = {pack_id for pack_id, _ in self._salvage.packs}
        # A place in a pack that is not there may be in any: it may be the number of the pack that is damaged.
        strays = [place for pack_id, places in self._places.items() if pack_id not in known_ids for place in places]
        for number, (pack_id, _) in enumerate(self._salvage.packs):
            raw = self._looked_at(number)
            for digest, part, place in (*self._places.get(pack_id, ()), *strays):
                if part == 0 and self._is_missing(digest) and _is_at(raw, place.offset, place.size_bytes, digest):
                    self._pieces[digest] = (Piece(number, place.offset, place.size_bytes),)

    def _take_parts(self) -> None:
        """Take the contents of several parts."""
        numbers: dict[int, list[int]] = {}
        for number, (pack_id, _) in enumerate(self._salvage.packs):
            numbers.setdefault(pack_id, []).append(number)
        for digest, parts in self._salvage.parts.items():
            if not self._is_missing(digest) or sorted(parts) != [*range(len(parts))]:
                continue
            choices = [
                [
                    Piece(number, place.offset, place.size_bytes)
                    for place in parts[part]
                    if place.size_bytes >= 0
                    for number in numbers.get(place.pack_id, ())
                ]
                for part in range(len(parts))
            ]
            self._take_first_whole(digest, choices)

    def _take_first_whole(self, digest: str, choices: Sequence[Sequence[Piece]]) -> None:
        for _, pieces in zip(range(_TRIED_PLACES), product(*choices), strict=False):
            found = hash_of()
            for each in pieces:
                self._left_bytes -= each.size_bytes
                found.update(self._piece(each))
            if found.hexdigest() == digest:
                self._pieces[digest] = pieces
            if found.hexdigest() == digest or self._left_bytes < 0:
                return

    def _search(self) -> None:
        """Look for the contents that are not where they are said to be, wherever in a pack nothing else is."""
        taken = self._taken()
        for number in range(len(self._salvage.packs)):
            missing = [digest for digest, size in self._wanted.items() if size is not None and self._is_missing(digest)]
            if missing:
                self._search_in(number, taken.get(number, set()), missing)

    def _search_in(self, number: int, taken: set[tuple[int, int]], missing: list[str]) -> None:
        """Look for contents in one pack, where others end, one behind the other."""
        raw = self._looked_at(number)
        self._left_tries_bytes = _TRIED_PER_BYTE * (len(raw) + 1)
        for start in self._starts(number, raw, taken):
            at: int | None = start
            while at is not None:
                at = self._found_at(number, raw, at, missing)

    def _starts(self, number: int, raw: bytes, taken: set[tuple[int, int]]) -> list[int]:
        """Return where in a pack a content may begin: at the beginning, and where one ends and none is known to begin.

        A place that is not proven may be half right. Where nobody asks for its content, the digest itself may be false:
        then it is the place of one that is looked for.
        """
        begins, starts = {begin for begin, _ in taken}, {0, *(end for _, end in taken)}
        pack_id, _ = self._salvage.packs[number]
        for digest, _, (_, offset, size_bytes) in self._places.get(pack_id, ()):
            if digest in self._pieces:
                continue
            starts.add(offset + size_bytes)
            is_proven = digest not in self._wanted and self._is_tried_at(raw, offset, size_bytes, digest)
            (begins if is_proven else starts).add(offset)
        return sorted(start for start in starts - begins if 0 <= start <= len(raw))

    def _is_tried_at(self, raw: bytes, offset: int, size_bytes: int, digest: str) -> bool:
        """Say whether a content is at a place, as long as not too much of the pack was hashed for that."""
        self._left_tries_bytes -= max(size_bytes, 0) + 1
        return self._left_tries_bytes >= 0 and _is_at(raw, offset, size_bytes, digest)

    def _found_at(self, number: int, raw: bytes, at: int, missing: list[str]) -> int | None:
        """Take the content that begins at a place of a pack, and return where it ends; None where there is none."""
        for index, digest in enumerate(missing):
            size_bytes = self._wanted[digest] or 0
            if self._left_tries_bytes < 0:
                break
            if self._is_tried_at(raw, at, size_bytes, digest):
                self._pieces[digest] = (Piece(number, at, size_bytes),)
                # Next are tried those that were saved after it, which are most likely behind it.
                missing[:] = missing[index + 1 :] + missing[:index]
                return at + size_bytes
        return None

    def _taken(self) -> dict[int, set[tuple[int, int]]]:
        """Return where in each pack the contents begin and end that are there."""
        found: dict[int, set[tuple[int, int]]] = {}
        for pieces in self._pieces.values():
            for each in pieces:
                found.setdefault(each.pack, set()).add((each.offset, each.offset + each.size_bytes))
        return found

    def _is_missing(self, digest: str) -> bool:
        return digest in self._wanted and digest not in self._pieces

    def _looked_at(self, number: int) -> bytes:
        """Return a pack while contents are looked for; nothing once that took more than a file may ask for."""
        raw = self._raw(number) if self._left_bytes > 0 else b""
        self._left_bytes -= len(raw)
        return raw

    def _piece(self, piece: Piece) -> bytes:
        return self._raw(piece.pack)[piece.offset : piece.offset + piece.size_bytes]

    def _raw(self, number: int) -> bytes:
        """Return what can be decompressed of a pack."""
        raw = self._packs.get(number)
        if raw is None:
            _, cell = self._salvage.packs[number]
            record = values(self._salvage.pages.payload(cell), cell.size_bytes)
            frame = record[-1] if record else None
            raw = frames.salvage(frame) if isinstance(frame, bytes) else b""
            self._packs[number] = raw
            while len(self._packs) > 1 and sum(map(len, self._packs.values())) > _KEPT_SIZE_BYTES:
                self._packs.popitem(last=False)
        self._packs.move_to_end(number)
        return raw


def _places_by_pack(salvage: Salvage) -> dict[int, list[tuple[str, int, Place]]]:
    found: dict[int, list[tuple[str, int, Place]]] = {}
    for digest, parts in salvage.parts.items():
        for part, places in parts.items():
            for place in places:
                found.setdefault(place.pack_id, []).append((digest, part, place))
    return found


def _is_at(raw: bytes, offset: int, size_bytes: int, digest: str) -> bool:
    """Say whether a content is at a place, of which nothing but its digest is sure."""
    if not 0 <= offset <= offset + size_bytes <= len(raw):
        return False
    return hash_of(raw[offset : offset + size_bytes]).hexdigest() == digest
