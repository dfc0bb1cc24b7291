"""Doubts: what about a file speaks against running what is in it.

Layer: trust. A file of the user's own, which nobody else may write and which tells of no download, raises none.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from megacache.bundle.origin import downloaded_from

_MOST_IN_FOLDER = 3
"""How many doubts about what is in a folder are told; one is enough."""


def doubts(path: Path, descriptor: int | None = None) -> tuple[str, ...]:
    """Say why a file may not be the user's own work.

    Args:
        path: A file, or a folder with all that is in it. Of a symbolic link its target counts.
        descriptor: Of the file that is read, where it is open: then that one counts, wherever the path leads by now.

    Returns:
        A sentence for each doubt; none where the file is the user's own.

    Raises:
        OSError: When it cannot be looked at.
    """
    if not hasattr(os, "geteuid"):
        return ("this system does not tell whose a file is",)
    found = [*_of_one(path if descriptor is None else descriptor), *_of_place(path.resolve().parent)]
    if path.is_dir():
        within = (f"{each.relative_to(path)}: {doubt}" for each in sorted(path.rglob("*")) for doubt in _of_one(each))
        found += [doubt for _, doubt in zip(range(_MOST_IN_FOLDER), within, strict=False)]
    return tuple(found)


def _of_one(file: Path | int) -> list[str]:
    status = os.stat(file)  # noqa: PTH116  A path cannot be asked of a descriptor.
    found = []
    if status.st_uid != os.geteuid():
        found.append(f"it belongs to {user(status.st_uid)}, and you are {user(os.geteuid())}")
    if status.st_mode & stat.S_IWOTH:
        found.append("everyone may write it")
    elif status.st_mode & stat.S_IWGRP:
        found.append("its group may write it")
    if address := downloaded_from(file):
        found.append(f"it was downloaded from {address}")
    return found


def _of_place(folder: Path) -> list[str]:
    """Say whether anyone may exchange a file of this folder; with the sticky bit, as on /tmp, only its owner may."""
    mode = folder.stat().st_mode
    is_open = mode & stat.S_IWOTH and not mode & stat.S_ISVTX
    return [f"everyone may put another file in its place, since everyone may write {folder}"] if is_open else []


def user(uid: int) -> str:
    """Return what a user is called, with the number.

    Args:
        uid: The number.
    """
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (user {uid})"
    except KeyError:  # files may outlive their users, and containers have few
        return f"user {uid}"
