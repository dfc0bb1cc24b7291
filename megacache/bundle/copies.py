"""Copies: a bundle as it lies there, with what a killed writer left beside it, copied for somebody who must not write.

Layer: bundle.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from megacache.bundle.journals import journal_of
from megacache.bundle.open_file import OpenFile
from megacache.bundle.sqlite_file import connect
from megacache.errors import BundleError

_CHUNK_BYTES = 1 << 20


def copy_bundle(path: Path, copy: Path) -> None:
    """Copy a bundle without the journal beside it; whoever needs it as it was at one moment holds a lock on it.

    Args:
        path: The bundle.
        copy: The new file; one that is there is replaced.

    Raises:
        BundleError: When it cannot be copied, for want of room.
        sqlite3.Error: When SQLite cannot open it.
    """
    connection = connect(path, "ro")  # It need not be a database: nothing is read yet.
    try:
        file = OpenFile(path)
        with copy.open("wb") as target:
            while chunk := file.read_at(target.tell(), _CHUNK_BYTES):
                target.write(chunk)
    except OSError as error:
        reason = error.strerror or error
        message = f"{path} cannot be copied to {copy.parent} ({reason}): free some room there, or set TMPDIR"
        raise BundleError(message, path=str(path)) from error
    finally:
        connection.close()


def copy_with_journal(path: Path, copy: Path) -> bool:
    """Copy a bundle that a killed writer left in the middle of a save, and the journal that puts the last one back.

    Args:
        path: The bundle.
        copy: The new file; the journal gets its place beside it.

    Returns:
        Whether both belong together: not where another process puts the last save back meanwhile.

    Raises:
        BundleError: When it cannot be copied, for want of room.
        sqlite3.Error: When SQLite cannot open it.
    """
    journal = journal_of(path)
    try:
        before = _state(journal)
        copy_bundle(path, copy)
        shutil.copyfile(journal, journal_of(copy))
        return _state(journal) == before
    except FileNotFoundError:
        return False


def _state(file: Path) -> tuple[int, int, int]:
    """Return what changes whenever somebody writes a file, or puts another in its place."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
