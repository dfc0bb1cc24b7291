"""Private copy: a bundle with its journal in a directory of our own, for who must read it without SQLite's help.

Layer: bundle.

The copy is made by another process. POSIX locks belong to a process and a file: closing a file that we read by
ourselves would drop the locks that SQLite holds on it for others in this process.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryDirectory

from megacache.bundle.connection import BUSY_TIMEOUT_S, translated
from megacache.bundle.journals import check_journals
from megacache.bundle.pages import Data
from megacache.bundle.sqlite_errors import code_of
from megacache.bundle.sqlite_file import connect, wait
from megacache.errors import BundleError

_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"
_UNREADABLE = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR", "SQLITE_READONLY_ROLLBACK")
"""What SQLite says of a file that is damaged, or that a killed writer left: there is no lock to be had on it."""


@contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """Copy a bundle, in whatever state it is.

    A journal beside it is that of a writer which was killed, or is at work. It is copied too, and SQLite rolls it back
    in the copy, which then holds the last save. The file and its journal stay as they are.

    Args:
        path: The bundle.

    Yields:
        The copy; it is gone when the block ends.

    Raises:
        BundleNotFoundError: When there is no file.
        BundleBusyError: When a writer held it too long.
        ForeignJournalError: When somebody else put a journal beside it.
        BundleError: When it cannot be read or copied; see `errors`.
    """
    with TemporaryDirectory(prefix="megacache-") as folder:
        copy = Path(folder) / "bundle"
        with translated(path):
            check_journals(path)
            with _held_still(path):
                _copy(path, copy)
                journal = Path(f"{path.resolve()}-journal")
                if journal.exists():
                    _copy(journal, Path(f"{copy}-journal"))
        _roll_back(copy)
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


@contextmanager
def _held_still(path: Path) -> Iterator[None]:
    """Keep writers away meanwhile, as far as SQLite can read the file at all; who cannot read it cannot write it."""
    connection = connect(path, "ro")
    try:
        wait(connection, BUSY_TIMEOUT_S)
        connection.execute("BEGIN")
        try:
            # Python cannot make an error of a message of SQLite's that quotes a damaged text.
            with suppress(UnicodeDecodeError):
                connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            if not code_of(error).startswith(_UNREADABLE):
                raise
        yield
    finally:
        connection.close()


def _copy(source: Path, target: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", _COPY, str(source), str(target)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if finished.returncode:
        said = (finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}"])[-1]
        message = f"{source} cannot be copied to {target.parent} ({said}): free some room there, or set TMPDIR"
        raise BundleError(message, path=str(source))


def _roll_back(copy: Path) -> None:
    """Have SQLite roll the journal back; what it cannot read afterwards is for the reader of the copy to find."""
    if not Path(f"{copy}-journal").exists():
        return
    connection = connect(copy, "rw")
    try:
        with suppress(sqlite3.Error, UnicodeDecodeError):
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    finally:
        connection.close()
