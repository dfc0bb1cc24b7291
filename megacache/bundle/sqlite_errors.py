"""SQLite errors: the error of ours for each of SQLite's, with what happened, where, and what to do next.

Layer: bundle. `connection.translated` is where they are raised.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from megacache.bundle import locks
from megacache.errors import (
    BundleBusyError,
    BundleError,
    BundleNotFoundError,
    BundleNotWritableError,
    CorruptBundleError,
    NotABundleError,
    StorageFailedError,
    StorageFullError,
)

_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
"""A quota, a limit of the file size and a failing disk come as the second: SQLite tells only ENOSPC from the others.

Source: `unixWrite` of os_unix.c, SQLite 3.40.1.
"""

_NO_LOCK = (
    "SQLITE_IOERR_LOCK",
    "SQLITE_IOERR_RDLOCK",
    "SQLITE_IOERR_UNLOCK",
    "SQLITE_IOERR_CHECKRESERVEDLOCK",
    "SQLITE_PROTOCOL",
)
_NOT_ALLOWED = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")


def code_of(error: sqlite3.Error) -> str:
    """Return SQLite's own name of an error; the errors of Python's module have none.

    Args:
        error: What SQLite said.
    """
    return getattr(error, "sqlite_errorname", None) or ""


def named(error: sqlite3.Error, path: Path, *, is_creating: bool, waited_s: float) -> BundleError:
    """Choose the error of ours that says what happened.

    Args:
        error: What SQLite said.
        path: The bundle.
        is_creating: Whether the file need not be there.
        waited_s: How long SQLite waits for others.

    Returns:
        The error to raise.
    """
    code, file = code_of(error), str(path)
    if path.is_dir():
        return NotABundleError(f"{path} is a directory, not a bundle: name a *.megacache file", path=file)
    if code == "SQLITE_NOTADB":
        return NotABundleError(f"{path} is not a megacache bundle: name a *.megacache file", path=file)
    if code.startswith("SQLITE_CORRUPT") or "decode to UTF-8" in str(error):
        message = f"{path} is damaged or truncated ({error}): take another copy of it, or run `megacache repair`"
        return CorruptBundleError(message, path=file, problems=(str(error),))
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", *_NO_LOCK)):
        return _locked_out(error, path, waited_s)
    if code in _NO_ROOM:
        message = f"no room to save into {path} (disk full, quota or file size limit): free some; nothing was changed"
        return StorageFullError(message, path=file)
    if code.startswith("SQLITE_IOERR"):
        return _failed(error, path)
    if code.startswith("SQLITE_CANTOPEN") and not path.exists() and not (is_creating and path.parent.is_dir()):
        return missing(path)
    if code.startswith(_NOT_ALLOWED):
        message = f"{path} cannot be opened for this: check the permissions of the file and its directory"
        if os.access(path.parent, os.W_OK):
            message += ", and that its disk has room for one more file"
        return BundleNotWritableError(message, path=file)
    return BundleError(f"{path}: SQLite says: {error} ({code or 'no code'})", path=file)


def missing(path: Path) -> BundleNotFoundError:
    """Return the error for a file that is not there.

    Args:
        path: The bundle.
    """
    if not path.parent.is_dir():
        return BundleNotFoundError(f"no directory {path.parent} for {path.name}: make it first", path=str(path))
    return BundleNotFoundError(f"no bundle at {path}: check the path", path=str(path))


def named_after_commit(error: sqlite3.Error, path: Path) -> BundleError | None:
    """Choose the error of ours for a file that could not be made smaller after what it holds was changed.

    Args:
        error: What SQLite said.
        path: The bundle.

    Returns:
        The error to raise; None where it is that of any other writing.
    """
    if code_of(error) not in _NO_ROOM:
        return None
    message = (
        f"what was to go from {path} is gone, but there is no room to make the file smaller: that takes its size once "
        "in the temporary directory and once beside it; free some, then compact the bundle"
    )
    return StorageFullError(message, path=str(path))


def _locked_out(error: sqlite3.Error, path: Path, waited_s: float) -> BundleError:
    """Tell a bundle in use from locks that do not work, both of which SQLite may call busy.

    Source: `sqliteErrorFromPosixError` of os_unix.c, SQLite 3.40.1: ENOLCK is SQLITE_BUSY.
    """
    reason = locks.reason_against(path)
    if reason is not None or code_of(error).startswith(_NO_LOCK):
        return locks.not_lockable(path, reason or f"SQLite says: {error}, {code_of(error)}")
    message = f"{path} was in use by another process for {waited_s:g} s: try again when it has finished"
    return BundleBusyError(message, path=str(path))


def _failed(error: sqlite3.Error, path: Path) -> BundleError:
    message = (
        f"the disk of {path} failed ({error}, {code_of(error)}): check it, then try again; a save that did not finish "
        "is undone when the bundle is opened"
    )
    return StorageFailedError(message, path=str(path))
