"""Torch format: read and write torch's own container, what `torch.compiler.save_cache_artifacts()` returns.

Layer: bundle. Needs no torch and runs no pickle: the container holds names and bytes, and the bytes stay bytes.

    crc32 of all that follows, 4 bytes
    version, 8 bytes: 1
    then groups until the end:
        artifact type, a text
        number of artifacts, 8 bytes
        per artifact: cache key, a text; content: its length, 8 bytes, and the bytes

All numbers are big-endian. A text is base64 of UTF-8, preceded by the length of the base64 in 8 bytes.

A process that saves twice appends its new artifacts as further groups, so that one type may have several. Torch's own
reader makes a `dict` of the groups and so keeps only the last group of each type: the artifacts of the earlier saves
are gone. Our reader keeps them all, and our writer writes one group per type, of which torch loads everything.

Source: `torch/utils/_appending_byte_serializer.py`; `_serialize_single_cache` and `CacheArtifactManager.serialize` and
`deserialize` in `torch/compiler/_cache.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from megacache.errors import CorruptBundleError, NotABundleError

VERSION = 1
_HEADER = 12
_CHECKSUM = 4


@dataclass(frozen=True, slots=True)
class TorchArtifact:
    """One artifact of torch's container."""

    artifact_type: str
    cache_key: str
    content: bytes


def read_artifacts(data: bytes) -> list[TorchArtifact]:
    """Read torch's container.

    Args:
        data: The bytes that `torch.compiler.save_cache_artifacts()` returned first.

    Returns:
        Every artifact of every group, in their order.

    Raises:
        NotABundleError: When the bytes are something else, or of a version that no supported torch writes.
        CorruptBundleError: When the bytes are torch's, and truncated or flipped.
    """
    if len(data) < _HEADER or int.from_bytes(data[_CHECKSUM:_HEADER]) != VERSION:
        message = (
            "these bytes are not what torch.compiler.save_cache_artifacts() returns: name the file it was written to"
        )
        raise NotABundleError(message)
    if zlib.crc32(memoryview(data)[_CHECKSUM:]) != int.from_bytes(data[:_CHECKSUM]):
        raise _corrupt("their checksum is wrong")
    scanner = Scanner(data, _HEADER)
    artifacts: list[TorchArtifact] = []
    while not scanner.is_at_end:
        artifact_type = scanner.text()
        artifact_count = scanner.number()
        artifacts += (TorchArtifact(artifact_type, scanner.text(), scanner.piece()) for _ in range(artifact_count))
    return artifacts


def write_artifacts(artifacts: Iterable[TorchArtifact]) -> bytes:
    """Write torch's container.

    Args:
        artifacts: The artifacts; of several with the same type and key torch stores the last one last.

    Returns:
        Bytes that `torch.compiler.load_cache_artifacts` takes: one group per type, in order of first appearance.
    """
    groups: dict[str, list[TorchArtifact]] = {}
    for artifact in artifacts:
        groups.setdefault(artifact.artifact_type, []).append(artifact)
    pieces = [_number(VERSION)]
    for artifact_type, members in groups.items():
        pieces += [*_text(artifact_type), _number(len(members))]
        for artifact in members:
            pieces += [*_text(artifact.cache_key), _number(len(artifact.content)), artifact.content]
    body = b"".join(pieces)
    return zlib.crc32(body).to_bytes(_CHECKSUM) + body


class Scanner:
    """Reads numbers, pieces and texts from front to end and never past it.

    Args:
        data: All bytes.
        at: Where to begin.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    @property
    def is_at_end(self) -> bool:
        """Say whether all was read."""
        return self._at == len(self._data)

    def number(self) -> int:
        """Read a number of 8 bytes.

        Raises:
            CorruptBundleError: When the bytes end before it does.
        """
        return int.from_bytes(self._take(8))

    def piece(self) -> bytes:
        """Read bytes that are preceded by their length.

        Raises:
            CorruptBundleError: When the bytes end before they do.
        """
        return self._take(self.number())

    def text(self) -> str:
        """Read a text.

        Raises:
            CorruptBundleError: When it is none, or the bytes end before it does.
        """
        try:
            return b64decode(self.piece(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _corrupt(f"a name before byte {self._at} is no text") from error

    def _take(self, size_bytes: int) -> bytes:
        start, self._at = self._at, self._at + size_bytes
        if self._at > len(self._data):
            raise _corrupt(f"they end inside the {size_bytes} bytes from byte {start}")
        return self._data[start : self._at]


def _number(value: int) -> bytes:
    return value.to_bytes(8)


def _text(value: str) -> tuple[bytes, bytes]:
    encoded = b64encode(value.encode("utf-8"))
    return _number(len(encoded)), encoded


def _corrupt(problem: str) -> CorruptBundleError:
    message = f"these bytes of torch's cache artifacts are damaged: {problem}; save them again"
    return CorruptBundleError(message, problems=(problem,))
