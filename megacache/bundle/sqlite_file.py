"""SQLite file: a bundle's file, opened with every protection that we use, and let go of when it is closed.

Layer: bundle. What is raised here is SQLite's own; `connection.translated` names it.

A bundle may come from anywhere, so a connection distrusts its schema, checks the sizes of cells and caps the length of
values.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from megacache.bundle import row_digests
from megacache.bundle.sqlite_errors import code_of, missing

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 64 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class Connection(sqlite3.Connection):
    """A connection that lets go of the file when it is closed, whoever still has a cursor of it.

    SQLite keeps a connection, its locks and its transaction until the last statement is gone. The traceback of an error
    keeps the cursors of every frame, and a notebook keeps the last error: without this, a save that failed would lock
    everybody out until the kernel ends.

    Source: `sqlite3_close_v2`, sqlite.org/c3ref/close.html.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """Run one statement, as `sqlite3.Connection` does."""
        cursor = super().execute(*given)
        self._cursors.add(cursor)
        return cursor

    def executemany(self, *given: Any) -> sqlite3.Cursor:
        """Run one statement for each of many parameters, as `sqlite3.Connection` does."""
        cursor = super().executemany(*given)
        self._cursors.add(cursor)
        return cursor

    def end(self) -> None:
        """Undo what was not committed, and let go of the locks."""
        self._close_cursors()
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Undo what was not committed, and close the file."""
        self._close_cursors()
        super().close()

    def _close_cursors(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()


def connect(path: Path, mode: str) -> Connection:
    """Open a SQLite file; nothing is read yet.

    Args:
        path: The file.
        mode: `ro`, `rw`, or `rwc` to create it.

    Returns:
        A connection without a transaction, which waits for nobody; the caller begins and ends each.

    Raises:
        BundleNotFoundError: When there is no file, and it is not to be created.
        sqlite3.Error: When SQLite cannot open the file.
    """
    connection = _opened(path, mode)
    for category, limit in _LIMITS.items():
        connection.setlimit(category, limit)
    # What is deleted is written over with zeros, or `repair` would find it again.
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")
    row_digests.register(connection)
    return connection


def wait(connection: sqlite3.Connection, wait_s: float) -> None:
    """Let a connection wait for the others from now on.

    Args:
        connection: Any.
        wait_s: How long, in seconds.

    Raises:
        sqlite3.Error: When it is closed.
    """
    connection.execute(f"PRAGMA busy_timeout = {wait_s * 1000:.0f}")


def _opened(path: Path, mode: str) -> Connection:
    """Open a file. One that another process makes just then is missing, or is there, and nobody lacks a permission."""
    open_file = partial(
        Connection,
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        return open_file()
    except sqlite3.OperationalError as error:
        if mode == "rwc" or not code_of(error).startswith("SQLITE_CANTOPEN"):
            raise
        if not path.exists():
            raise missing(path) from error
    return open_file()
