"""Connection: read and write a bundle's file in transactions, and give every foreign error a name of ours.

Layer: bundle. The one seam at which `sqlite3.Error` and `OSError` become errors of `megacache.errors`.

A bundle may come from anywhere, so each connection distrusts what is in it: see `sqlite_file`. Readers open the file
read-only; a writer's connection lives for one transaction. SQLite is the only one that ever opens the file: see
`open_file`.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from megacache.bundle import free_pages, locks, schema, turns
from megacache.bundle.copies import copy_with_journal
from megacache.bundle.journals import check_journals, roll_back
from megacache.bundle.sqlite_errors import code_of, named, named_after_commit
from megacache.bundle.sqlite_file import Connection, connect, wait
from megacache.errors import (
    BundleError,
    BundleNotFoundError,
    BundleNotWritableError,
    CorruptBundleError,
    NotABundleError,
    StorageFullError,
)

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

BUSY_TIMEOUT_S = 30.0
"""How long a reader or writer waits for the others before it gives up."""

PAGE_SIZE_BYTES = 1024
"""Small pages keep a small bundle small: each of the tables takes at least one."""

HOT_JOURNAL = "SQLITE_READONLY_ROLLBACK"
"""What SQLite says to a reader of a bundle that a killed writer left half written."""

_DURABILITY = "PRAGMA synchronous = EXTRA"
"""The end of the journal is synced, too. Without it a power cut may bring the journal back, and so undo a save that
returned. Source: `extraSync` in `pager_end_transaction` of pager.c, SQLite 3.40.1."""


class Reader:
    """A read-only connection that is opened when first needed, shared by threads, and opened anew after a fork.

    A writer that was killed leaves a journal beside the file, and SQLite refuses to read until it is rolled back. Then
    the reader has SQLite do just that, which puts the last good save back: the only time that reading writes. Where the
    reader may not write, it recovers and reads a private copy instead.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._process_id = 0
        self._is_checked = False
        self.format_version = 0
        self._copy: TemporaryDirectory[str] | None = None
        self._is_closed = False
        self._holders = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the connection from one snapshot to the next, also of a bundle that is closed; nobody is locked out.

        Yields:
            None.
        """
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                self._let_go()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read one consistent state of the bundle, whatever others save meanwhile; snapshots may be nested.

        Yields:
            A connection inside a read transaction.

        Raises:
            BundleError: When the file cannot be read; see `errors`.
        """
        with self._lock, translated(self.path):
            outer = self._connection_in_use()
            if outer is not None:
                yield outer
                return
            try:
                connection = self._begun()
                try:
                    yield connection
                finally:
                    connection.end()
            finally:
                self._let_go()

    def close(self) -> None:
        """Let go of the file; a later read opens it for itself alone."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()
            if self._copy is not None:
                self._copy.cleanup()
            self._connection, self._copy = None, None

    def _let_go(self) -> None:
        """Close the connection of a closed bundle, unless somebody holds it for the next read."""
        if self._is_closed and not self._holders:
            self.close()

    def _own_connection(self) -> Connection | None:
        """Return the connection, unless it is another process's: SQLite forbids to use one across a fork."""
        return self._connection if self._process_id == os.getpid() else None

    def _connection_in_use(self) -> Connection | None:
        connection = self._own_connection()
        return connection if connection is not None and connection.in_transaction else None

    def _begun(self) -> Connection:
        """Return a connection in a read transaction, after recovery if a writer was killed."""
        connection = self._own_connection() or self._connect(self.path)
        try:
            return self._begin_or_wait(connection)
        except sqlite3.OperationalError as error:
            if code_of(error) != HOT_JOURNAL:
                raise
        connection.close()
        return self._begin_or_wait(self._connect(self._recovered()))

    def _connect(self, file: Path) -> Connection:
        check_journals(file)
        self._connection, self._process_id, self._is_checked = connect(file, "ro"), os.getpid(), False
        return self._connection

    def _begin_or_wait(self, connection: Connection) -> Connection:
        """Begin at once; where somebody is in the way, wait, unless it is only that locks do not work."""
        try:
            return self._begin(connection)
        except sqlite3.OperationalError as error:
            if not code_of(error).startswith("SQLITE_BUSY"):
                raise
        locks.check(self.path)
        wait(connection, BUSY_TIMEOUT_S)
        return self._begin(connection)

    def _begin(self, connection: Connection) -> Connection:
        """Begin, read once so that SQLite takes its lock, and check the schema of a connection that is new."""
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
            if not self._is_checked:
                self.format_version = schema.check(connection, self.path)
                self._is_checked = True
        except BaseException:
            connection.end()
            raise
        return connection

    def _recovered(self) -> Path:
        """Have SQLite roll the journal back, and return the file to read: the bundle, or the copy of it."""
        try:
            # Where locks have no effect, the journal may be that of a writer at work.
            locks.check(self.path)
            roll_back(self.path, BUSY_TIMEOUT_S)
        except sqlite3.OperationalError as error:
            if not code_of(error).startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise
        else:
            return self.path
        from tempfile import TemporaryDirectory

        self._copy = TemporaryDirectory(prefix="megacache-")
        copy = Path(self._copy.name) / "bundle"
        if not copy_with_journal(self.path, copy):
            # Somebody who may write has rolled it back meanwhile; what was copied may be half of that.
            self._copy.cleanup()
            self._copy = None
            return self.path
        roll_back(copy, BUSY_TIMEOUT_S)
        return copy


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Write to a bundle in one transaction: all of it is saved, or nothing.

    Args:
        path: A bundle that exists.

    Yields:
        A connection that holds the write lock. It may be given to `vacuum` after a `COMMIT` of its own.

    Raises:
        BundleError: When the file cannot be written; see `errors`.
    """
    with translated(path), _locked(path, "rw") as connection:
        schema.check(connection, path)
        free_pages.check(connection, path)
        schema.upgrade(connection, path)
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")


def vacuum(connection: sqlite3.Connection, path: Path) -> None:
    """Have SQLite write the file without its gaps, after what it holds was changed.

    Args:
        connection: As `writing` yields it, after a `COMMIT`.
        path: The bundle, named in messages.

    Raises:
        StorageFullError: When there is no room for that; the change is in the file all the same.
        sqlite3.Error: When the file cannot be written.
    """
    try:
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        ours = named_after_commit(error, path)
        if ours is None:
            raise
        raise ours from error


def create(path: Path, *, is_new: bool) -> None:
    """Write an empty bundle, in one transaction, where there is none yet.

    Args:
        path: The file.
        is_new: Refuse a file that already holds something; otherwise it has to be a bundle.

    Raises:
        BundleError: When the file exists, is no bundle, or cannot be written; see `errors`.
    """
    page_size = f"PRAGMA page_size = {PAGE_SIZE_BYTES}"
    with translated(path, is_creating=True), _locked(path, "rwc", page_size) as connection:
        if path.stat().st_size == 0:
            schema.create(connection)
        elif is_new:
            raise BundleError(f"{path} exists already: open it, or name another file", path=str(path))
        else:
            schema.check(connection, path)
        connection.execute("COMMIT")


def has_begun(path: Path) -> bool:
    """Say whether there is a bundle, or another kind of file, at a path.

    Args:
        path: The file.

    Returns:
        False when there is no file, or an empty one: a process that creates a bundle makes that first, and leaves it
        when it is killed then.

    Raises:
        BundleError: When the file cannot be read; see `errors`.
    """
    reader = Reader(path)
    try:
        with reader.snapshot():
            return True
    except BundleNotFoundError:
        return False
    except NotABundleError:
        if path.is_dir():
            raise
    finally:
        reader.close()
    return path.exists() and path.stat().st_size > 0


@contextmanager
def translated(path: Path, *, is_creating: bool = False) -> Iterator[None]:
    """Raise every foreign error of one bundle as one of ours.

    Args:
        path: The bundle, named in the message.
        is_creating: Whether the file need not be there.

    Yields:
        None.

    Raises:
        BundleError: In the place of `sqlite3.Error`, or of an `OSError` that is not ours.
    """
    try:
        yield
    except BundleError:
        raise
    except UnicodeDecodeError as error:
        # SQLite's own message quotes a schema that is no UTF-8, and Python cannot make an error of it.
        problem = "a text in it is no UTF-8"
        message = f"{path} is damaged: {problem}; take another copy of it, or run `megacache repair`"
        raise CorruptBundleError(message, path=str(path), problems=(problem,)) from error
    except sqlite3.Error as error:
        raise named(error, path, is_creating=is_creating, waited_s=BUSY_TIMEOUT_S) from error
    except PermissionError as error:
        message = f"{path} cannot be opened for this: check the permissions of the file and its directory"
        raise BundleNotWritableError(message, path=str(path)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError(f"no room for {error.filename or path}: free some", path=str(path)) from error
        raise BundleError(f"{path}: {error.strerror or error}; check the file and its disk", path=str(path)) from error


@contextmanager
def _locked(path: Path, mode: str, *settings: str) -> Iterator[Connection]:
    """Yield a connection that holds the write lock, after what has to be sure before SQLite looks at the file."""
    locks.check(path)
    check_journals(path)
    connection = connect(path, mode)
    try:
        for setting in settings:
            connection.execute(setting)
        wait(connection, BUSY_TIMEOUT_S)  # The next line reads, and may have to.
        connection.execute(_DURABILITY)
        turns.begin(connection, BUSY_TIMEOUT_S)
        yield connection
    finally:
        connection.close()
