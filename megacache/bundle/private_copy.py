"""Private copy: a bundle as of its last save, in a directory of our own, for who must read it without SQLite's help.

Layer: bundle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryDirectory

from megacache.bundle.connection import BUSY_TIMEOUT_S, HOT_JOURNAL, translated
from megacache.bundle.copies import copy_bundle, copy_with_journal
from megacache.bundle.journals import check_journals, roll_back
from megacache.bundle.pages import Data
from megacache.bundle.sqlite_errors import code_of
from megacache.bundle.sqlite_file import connect, wait
from megacache.errors import BundleError

_UNREADABLE = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")
"""What SQLite says of a file that is damaged: there is no lock to be had on it, nor can anybody write it."""


@contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """Copy a bundle, in whatever state it is.

    Where a writer was killed, SQLite puts its last good save back in the copy. The file and its journal stay as they
    are.

    Args:
        path: The bundle.

    Yields:
        The copy; it is gone when the block ends.

    Raises:
        BundleNotFoundError: When there is no file.
        BundleBusyError: When a writer held it too long.
        ForeignJournalError: When somebody else put a journal beside it.
        BundleError: When it cannot be read or copied, as for want of a temporary directory; see `errors`.
    """
    with _folder(path) as folder:
        copy = Path(folder) / "bundle"
        with translated(path):
            while not _is_copied(path, copy):
                pass  # Another process put the last save back meanwhile.
        yield copy


@contextmanager
def data_of(copy: Path) -> Iterator[Data]:
    """Give the bytes of a copy without reading them all.

    Args:
        copy: The copy.

    Yields:
        Its bytes.

    Raises:
        OSError: When it cannot be read.
    """
    with copy.open("rb") as file:
        if copy.stat().st_size == 0:  # which cannot be mapped
            yield b""
            return
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            yield data


def _folder(path: Path) -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="megacache-")
    except OSError as error:
        reason = error.strerror or error
        message = f"{path} cannot be copied to a temporary directory ({reason}): free some room there, or set TMPDIR"
        raise BundleError(message, path=str(path)) from error


def _is_copied(path: Path, copy: Path) -> bool:
    """Copy a bundle, and say whether the copy is of one moment."""
    check_journals(path)
    with _held_still(path) as is_left_behind:
        if not is_left_behind:
            copy_bundle(path, copy)
            return True
        if not copy_with_journal(path, copy):
            return False
    # What SQLite cannot read afterwards is for the reader of the copy to find.
    with suppress(sqlite3.Error, UnicodeDecodeError):
        roll_back(copy, BUSY_TIMEOUT_S)
    return True


@contextmanager
def _held_still(path: Path) -> Iterator[bool]:
    """Keep writers away meanwhile, and say whether that cannot be, since a killed one left the file half written.

    Nobody needs to be kept away from a file that SQLite cannot read: nobody writes to it, either.
    """
    connection = connect(path, "ro")
    try:
        wait(connection, BUSY_TIMEOUT_S)
        connection.execute("BEGIN")
        is_left_behind = False
        try:
            # Python cannot make an error of a message of SQLite's that quotes a damaged text.
            with suppress(UnicodeDecodeError):
                connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            is_left_behind = code_of(error) == HOT_JOURNAL
            if not (is_left_behind or code_of(error).startswith(_UNREADABLE)):
                raise
        yield is_left_behind
    finally:
        connection.close()
