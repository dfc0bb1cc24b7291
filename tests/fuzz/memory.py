"""Memory: folders that are in memory, so that nobody waits for a disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  Each has a directory of its own there.


def folder_in_memory() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder, which is gone with the process; on the disk where a machine has no such memory."""
    return tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
