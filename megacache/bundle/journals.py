"""Journals: the files beside a bundle from which SQLite takes pages into it, and whether they may be there.

Layer: bundle.

Whoever may create files in a bundle's directory, as in `/tmp`, can put a `-journal` or a `-wal` beside a bundle that
only its owner may write. SQLite asks nobody: a reader that recovers, or the next save, would write what lies in it into
the bundle. So before SQLite opens a bundle, what lies beside it must be by somebody who may write the bundle itself.

What SQLite does of its own accord passes: it makes a journal with the mode of its database and, run by root, gives it
to the owner of the database; run by another of a team it stays that one's, whose group of the journal may be any. It
notes no address in it, as a browser does in what it puts among the user's own files.

Who is in a group is told by the system's list of users. It tells nothing of a user who may write by an access control
list alone: that one's journal is refused to the others.

The check comes before SQLite's look. Who may create files there can still come in between: keep bundles that you save
into in a directory of your own.

Source: `pagerOpenWalIfPresent` and `hasHotJournal` in `pager.c`, `findCreateFileMode` and `robustFchown` in
`os_unix.c`, SQLite 3.40.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

from megacache.bundle.origin import downloaded_from
from megacache.bundle.sqlite_file import connect, wait
from megacache.errors import ForeignJournalError

SUFFIXES = ("-journal", "-wal")
"""What SQLite adds to the name of a database for the files from which it takes pages."""

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
"""The bits of a mode by which others than its owner may change a file."""

_ROOT = 0


def check_journals(path: Path) -> None:
    """Refuse a bundle beside which lies a journal of somebody who may not write the bundle.

    Args:
        path: The bundle; one that is not there has nothing to protect.

    Raises:
        ForeignJournalError: When there is such a journal.
        OSError: When the directory cannot be looked at.
    """
    if not hasattr(os, "geteuid"):  # Windows does not tell whose a file is
        return
    target = os.path.realpath(path)  # SQLite follows a link, and looks beside what it leads to
    try:
        bundle = os.stat(target)  # noqa: PTH116  Two calls of a microsecond each, on every save.
    except FileNotFoundError:
        return
    for suffix in SUFFIXES:
        journal = target + suffix
        try:
            reason = _objection(journal, bundle)
        except FileNotFoundError:  # as ever; or a writer is done with it just now
            continue
        if reason:
            raise ForeignJournalError(
                f"{path} is not opened, since {journal} {reason}, and SQLite would write what is in it into the "
                "bundle: find out who put it there, then remove it",
                path=str(path),
                journal=journal,
            )


def journal_of(path: Path) -> Path:
    """Return where SQLite puts the journal of a bundle: beside the file itself, and not beside a link to it.

    Args:
        path: The bundle.
    """
    return Path(f"{path.resolve()}{SUFFIXES[0]}")


def roll_back(path: Path, wait_s: float) -> None:
    """Have SQLite put back the last save, where a writer was killed in the middle of the next.

    Args:
        path: The bundle.
        wait_s: How long to wait for others who do the same, in seconds.

    Raises:
        ForeignJournalError: When the journal may be somebody else's.
        sqlite3.Error: When the file cannot be written, or is damaged.
    """
    check_journals(path)  # again: the one that SQLite found may be younger than the first look
    connection = connect(path, "rw")
    try:
        wait(connection, wait_s)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    finally:
        connection.close()


def _objection(path: str, bundle: os.stat_result) -> str | None:
    """Say why a journal may hold what somebody wrote who may not write the bundle, or None."""
    journal = os.lstat(path)
    if not stat.S_ISREG(journal.st_mode):
        return "is no file"
    if address := downloaded_from(path):
        return f"was downloaded from {address}"
    if journal.st_mode & ~bundle.st_mode & OTHERS_MAY_WRITE:
        return "can be written by others, who may not write the bundle"
    if bundle.st_mode & stat.S_IWOTH or journal.st_uid in (bundle.st_uid, _ROOT):
        return None
    if not bundle.st_mode & stat.S_IWGRP:
        return f"belongs to user {journal.st_uid}, who may not write the bundle"
    if bundle.st_gid not in _groups_of(journal.st_uid):
        return f"belongs to user {journal.st_uid}, who is not known to be in the bundle's group {bundle.st_gid}"
    return None


def _groups_of(uid: int) -> Collection[int]:
    """Return the groups of a user; of one whom the system does not list, none are known but this process's own."""
    import pwd

    own = {os.getegid(), *os.getgroups()} if uid == os.geteuid() else set()
    try:
        listed = pwd.getpwuid(uid)
    except KeyError:  # containers list few
        return own
    return own | set(os.getgrouplist(listed.pw_name, listed.pw_gid))
