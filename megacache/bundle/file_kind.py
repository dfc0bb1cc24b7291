"""File kind: what a file is, told by its first bytes.

Layer: bundle. It may be a bundle on which SQLite holds locks for others in this process, so it is read as `open_file`
tells.
"""

from __future__ import annotations

from pathlib import Path

from megacache.bundle.connection import translated
from megacache.bundle.open_file import OpenFile
from megacache.bundle.sqlite_file import connect

_SIZE_BYTES = 64
_SQLITE_MAGIC = b"SQLite format 3\x00"


def beginning(path: Path) -> bytes:
    """Return the first 64 bytes of a file; none where there is no file, but a folder or nothing.

    Args:
        path: The file.

    Raises:
        BundleError: When it cannot be read; see `errors`.
    """
    with translated(path):
        if not path.is_file():
            return b""
        connection = connect(path, "ro")
        try:
            return OpenFile(path).read_at(0, _SIZE_BYTES)
        finally:
            connection.close()


def is_database(path: Path) -> bool:
    """Say whether a file begins as SQLite's do, as every bundle does.

    Args:
        path: The file.

    Raises:
        BundleError: When it cannot be read; see `errors`.
    """
    return beginning(path).startswith(_SQLITE_MAGIC)
