"""Locks: whether file locks work where a bundle lies, found out by asking before anything is written there.

Layer: bundle.

POSIX locks on the bundle are all that keeps two writers, or a writer and a reader, apart. On some network file systems
they cannot be had, or are granted to everybody. SQLite takes the first for a bundle in use, and waits; the second it
cannot see at all, and two saves at a time destroy the file. So a scratch file beside the bundle is locked first. The
bundle itself must not be opened for this: closing it again would drop the locks that SQLite holds on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from megacache.errors import BundleNotLockableError

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells how each file system is mounted."""

_KEPT_TO_THIS_MACHINE = {
    "nfs": {"nolock", "local_lock=all", "local_lock=posix"},
    "nfs4": {"nolock", "local_lock=all", "local_lock=posix"},
    "cifs": {"nobrl"},
    "smb3": {"nobrl"},
    "lustre": {"localflock"},
}
"""Options of a mount under which a lock is granted by this machine alone, and other machines never hear of it.

Source: nfs(5), mount.cifs(8), mount.lustre(8).
"""

_FIRST_BYTE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
"""A `struct flock` of 64-bit Linux: the write lock that the probe asks for a second time."""

_working_devices: set[int] = set()
"""File systems of which this process knows that locks work."""


def check(path: Path) -> None:
    """Make sure that locks work where a bundle lies, once per process and file system.

    A directory in which no file can be made is not asked: SQLite will say what is wrong with it.

    Args:
        path: The bundle, which need not be there.

    Raises:
        BundleNotLockableError: When they do not.
    """
    directory = _directory_of(path)
    try:
        device = directory.stat().st_dev
        if device in _working_devices:
            return
        reason = _reason_of_mount(device) or _reason_of_probe(directory)
    except OSError:
        return
    if reason is not None:
        raise not_lockable(path, reason)
    _working_devices.add(device)


def reason_against(path: Path) -> str | None:
    """Ask anew why locks do not work where a bundle lies.

    Args:
        path: The bundle.

    Returns:
        The reason; None when they do, or when it cannot be asked there.
    """
    directory = _directory_of(path)
    try:
        return _reason_of_mount(directory.stat().st_dev) or _reason_of_probe(directory)
    except OSError:
        return None


def not_lockable(path: Path, reason: str) -> BundleNotLockableError:
    """Return the error that says why a bundle cannot be used where it lies, and how to go on.

    Args:
        path: The bundle.
        reason: Why locks do not work there.
    """
    message = (
        f"{path} is not safe where it lies, since file locks do not work there ({reason}): save into a bundle on a "
        "local disk, and copy it there when it is finished; to read or merge this one, copy it to a local disk while "
        "nobody saves into it, with its -journal if it has one"
    )
    return BundleNotLockableError(message, path=str(path), reason=reason)


def _directory_of(path: Path) -> Path:
    """Return the directory of the file itself, where SQLite puts the journal, and not that of a link to it."""
    return Path(os.path.realpath(path)).parent


def _reason_of_mount(device: int) -> str | None:
    """Return what the mount of a file system says against its locks."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # Without /proc nothing is known of mounts; the probe still is.
    for line in mounts.splitlines():
        place, _, kind = line.partition(" - ")
        if place.split(" ")[2:3] == [wanted]:
            file_system, _, options = kind.split(" ", 2)
            local = sorted(_KEPT_TO_THIS_MACHINE.get(file_system, set()) & set(options.split(",")))
            return f"{file_system} is mounted with {local[0]}: other machines do not see them" if local else None
    return None


def _reason_of_probe(directory: Path) -> str | None:
    """Lock a byte of a scratch file, then ask for it a second time: locks work where the second one is refused.

    Two kinds of lock are asked for, since a process never conflicts with its own POSIX locks; but one that belongs to
    an open file conflicts with them, even on the same descriptor. Source: fcntl(2).

    Args:
        directory: Where the bundle lies.

    Returns:
        Why locks do not work; None when they do.

    Raises:
        OSError: When no file can be made there.
    """
    descriptor = _scratch(directory)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        os.close(descriptor)
        return _told(error)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FIRST_BYTE)
    except OSError as error:
        # A kernel that has no such locks (older than Linux 3.15, gVisor) cannot be asked; the first one was granted.
        return None if error.errno in (errno.EAGAIN, errno.EACCES, errno.EINVAL) else _told(error)
    finally:
        os.close(descriptor)
    return "a byte that was locked could be locked again"


def _scratch(directory: Path) -> int:
    """Return a descriptor of a new file without a name; where there are none, of one whose name is gone."""
    with suppress(OSError):
        return os.open(directory, os.O_RDWR | os.O_CLOEXEC | os.O_TMPFILE, 0o600)
    descriptor, name = tempfile.mkstemp(prefix=".megacache-locks-", dir=directory)
    Path(name).unlink()
    return descriptor


def _told(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return f"a lock was answered with {name}, {error.strerror}"
