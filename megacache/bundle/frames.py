"""Frames: one pack as one zstd frame, and back in bounded memory.

Layer: bundle.

Both ways go piece by piece. zstd keeps its window, at most a pack of bytes; beside it nobody holds a pack as a whole
who does not want to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from types import ModuleType

PACK_SIZE_BYTES = 16 << 20
"""The most raw bytes in one pack; a content that is larger is cut into parts."""

FRAME_SIZE_BYTES = 2 * PACK_SIZE_BYTES
"""The most bytes in one frame. What cannot be compressed becomes longer by a few bytes in each 128 KiB."""

WINDOW_LOG = 24
"""The logarithm of the window in bytes: as large as a pack, and the most that a reader accepts."""

LEVEL = 9

QUICK_LEVEL = 6
QUICK_WINDOW_LOG = 22
"""Of packs of 16 MiB, artifacts of torch's: 7 % more bytes, in two thirds of the time and a quarter of the memory.

At this level zstd remembers too few places to find anything farther away than that.
"""

_STEP_BYTES = 256 << 10
_SMALL_STEP_BYTES = 4 << 10


def compress(pieces: Iterable[bytes | memoryview], raw_size_bytes: int, *, is_quick: bool = False) -> list[bytes]:
    """Compress one pack as one zstd frame.

    Args:
        pieces: The bytes of the pack, at most a pack, one piece after the other.
        raw_size_bytes: How many they are together.
        is_quick: Take less time and memory for it, and a few more bytes.

    Returns:
        The frame, in pieces.
    """
    zstd = _zstd()
    parameter = zstd.CompressionParameter
    level, window_log = (QUICK_LEVEL, QUICK_WINDOW_LOG) if is_quick else (LEVEL, WINDOW_LOG)
    compressor = zstd.ZstdCompressor(options={parameter.compression_level: level, parameter.window_log: window_log})
    compressor.set_pledged_input_size(raw_size_bytes)
    # In steps, since zstd joins what comes of one call.
    steps = (step for piece in pieces for step in _steps(piece))
    frame = [compressed for step in steps if (compressed := compressor.compress(step))]
    return [*frame, compressor.flush()]


class FrameStream:
    """Decompresses one pack from front to end, never into more memory than it is asked for.

    Args:
        frame: One zstd frame.
        raw_size_bytes: How many bytes it must give.

    Raises:
        ValueError: When the size is above that of a pack.
    """

    def __init__(self, frame: bytes, raw_size_bytes: int) -> None:
        if not 0 <= raw_size_bytes <= PACK_SIZE_BYTES:
            raise ValueError(f"it says that it has {raw_size_bytes} bytes, above the {PACK_SIZE_BYTES} of a pack")
        zstd = _zstd()
        self._raw_size_bytes = self._left_bytes = raw_size_bytes
        self._steps = _steps(frame)
        self._error: type[Exception] = zstd.ZstdError
        self._decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})

    def read(self, size_bytes: int) -> Iterator[bytes]:
        """Decompress the next bytes.

        Args:
            size_bytes: How many.

        Yields:
            As many, in pieces.

        Raises:
            ValueError: When the frame is no zstd, ends before, or should.
        """
        if size_bytes > self._left_bytes:
            raise self._wrong_size()
        self._left_bytes -= size_bytes
        while size_bytes > 0:
            piece = self._next(min(size_bytes, _STEP_BYTES))
            if not piece:
                raise self._wrong_size()
            size_bytes -= len(piece)
            yield piece

    def end(self) -> None:
        """Check that all was read, and nothing comes after it.

        Raises:
            ValueError: When something does.
        """
        is_over = not self._next(1) and self._decompressor.eof
        if not is_over or self._decompressor.unused_data or next(self._steps, None) is not None:
            raise self._wrong_size()

    def _next(self, size_bytes: int) -> bytes:
        """Return at least one byte, unless the frame has no more."""
        piece = b""
        try:
            while not piece and not self._decompressor.eof:
                step = next(self._steps, None) if self._decompressor.needs_input else b""
                if step is None:
                    break
                piece = self._decompressor.decompress(step, max_length=size_bytes)
        except self._error as error:
            raise ValueError(f"zstd says: {error}") from error
        return piece

    def _wrong_size(self) -> ValueError:
        return ValueError(f"its frame does not hold exactly {self._raw_size_bytes} bytes")


def decompress(frame: bytes, raw_size_bytes: int) -> memoryview:
    """Decompress one pack, never into more memory than its row says.

    Args:
        frame: One zstd frame.
        raw_size_bytes: How many bytes it must give.

    Returns:
        As many bytes.

    Raises:
        ValueError: When the frame is no zstd, gives more or fewer bytes, or the size is above that of a pack.
    """
    stream = FrameStream(frame, raw_size_bytes)
    raw, size_bytes = bytearray(raw_size_bytes), 0
    for piece in stream.read(raw_size_bytes):
        raw[size_bytes : size_bytes + len(piece)] = piece
        size_bytes += len(piece)
    stream.end()
    return memoryview(raw).toreadonly()


def salvage(frame: bytes) -> bytes:
    """Decompress what can be of a pack that may be damaged or cut.

    Args:
        frame: One zstd frame, or what is left of it.

    Returns:
        What comes before the damage, at most a pack of bytes. It proves nothing by itself.
    """
    stream, pieces = FrameStream(frame, PACK_SIZE_BYTES), list[bytes]()
    with suppress(ValueError):
        # In small steps, for what a step has given is lost when it comes to the damage.
        for _ in range(PACK_SIZE_BYTES // _SMALL_STEP_BYTES):
            for piece in stream.read(_SMALL_STEP_BYTES):
                pieces.append(piece)  # One by one: the next may raise.
    return b"".join(pieces)


def _steps(piece: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(piece)
    return (view[start : start + _STEP_BYTES] for start in range(0, len(view), _STEP_BYTES))


@cache
def _zstd() -> ModuleType:
    """Return the standard library's zstd, from Python 3.14 on, or its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
