"""Files: where the logs of TORCH_TRACE are, and their content, compressed or not.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from megacache.compiler.trace.lines import HEAD_SIZE_BYTES
from megacache.errors import TraceError

LOG_NAME = re.compile(r"^dedicated_log_torch_trace_(?:rank_(?P<rank>\d+)_)?(?P<rest>.*?)\.log(?:\.gz)?$")
"""How torch names a log. Source: `LazyTraceHandler.emit` in `torch/_logging/_internal.py`, 2.13.0 to 2.15.0."""

_GZIP = b"\x1f\x8b"
_BUFFER_SIZE_BYTES = 1 << 20


def logs_at(path: Path) -> list[Path]:
    """Return the logs at a path, in order of their ranks.

    Args:
        path: One log, of any name, or a directory, in which torch's names count.

    Raises:
        TraceError: When there is none, or the directory cannot be read.
    """
    try:
        if not path.is_dir():
            return [path]
        found = [(match, each) for each in path.iterdir() if (match := LOG_NAME.match(each.name))]
    except OSError as error:
        raise TraceError(f"cannot read {path}: {error.strerror}; check the path", path=str(path)) from error
    if not found:
        message = f"no log in {path}: torch names them dedicated_log_torch_trace_*.log; is it what TORCH_TRACE named?"
        raise TraceError(message, path=str(path))
    return [each for match, each in sorted(found, key=lambda each: (int(each[0]["rank"] or -1), each[1].name))]


def head(path: Path) -> bytes:
    """Return the beginning of a file, uncompressed: enough to tell whether it is a log.

    Args:
        path: The file.

    Raises:
        TraceError: When it cannot be read.
    """
    with reading(path) as stream:
        return stream.read(HEAD_SIZE_BYTES)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file, uncompressed; a compressed one ends where it is damaged.

    Args:
        path: The file; what it is compressed with is told by content.

    Yields:
        Its content.

    Raises:
        TraceError: When it cannot be read.
    """
    try:
        with path.open("rb") as file:
            is_compressed = file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
            yield io.BufferedReader(_Gunzipped(file), _BUFFER_SIZE_BYTES) if is_compressed else file
    except OSError as error:
        raise TraceError(f"cannot read {path}: {error.strerror}; check the path", path=str(path)) from error


class _Gunzipped(io.RawIOBase):
    """The content of a gzip file as far as it can be read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            content = self._file.read1(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            return 0
        buffer[: len(content)] = content
        return len(content)
