"""Frames: one pack as one zstd frame, and back in bounded memory.

Layer: bundle.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

PACK_SIZE_BYTES = 16 << 20
"""The most raw bytes in one pack; a content that is larger is cut into parts."""

LEVEL = 9
WINDOW_LOG = 24
"""The logarithm of the window in bytes: as large as a pack, and the most that a reader accepts."""


def compress(raw: bytes) -> bytes:
    """Compress one pack as one zstd frame.

    Args:
        raw: At most a pack of bytes.

    Returns:
        The frame.
    """
    zstd = _zstd()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: LEVEL, parameter.window_log: WINDOW_LOG}
    frame: bytes = zstd.compress(raw, options=options)
    return frame


def decompress(frame: bytes, raw_size_bytes: int) -> bytes:
    """Decompress one pack, never into more memory than its row says.

    Args:
        frame: One zstd frame.
        raw_size_bytes: How many bytes it must give.

    Returns:
        As many bytes.

    Raises:
        ValueError: When the frame is no zstd, gives more or fewer bytes, or the size is above that of a pack.
    """
    if not 0 <= raw_size_bytes <= PACK_SIZE_BYTES:
        raise ValueError(f"it says that it has {raw_size_bytes} bytes, above the {PACK_SIZE_BYTES} of a pack")
    zstd = _zstd()
    reader = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    try:
        raw: bytes = reader.decompress(frame, max_length=raw_size_bytes + 1)
    except zstd.ZstdError as error:
        raise ValueError(f"zstd says: {error}") from error
    if len(raw) != raw_size_bytes or not reader.eof or reader.unused_data:
        raise ValueError(f"its frame does not hold exactly {raw_size_bytes} bytes")
    return raw


@cache
def _zstd() -> ModuleType:
    """Return the standard library's zstd, from Python 3.14 on, or its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
