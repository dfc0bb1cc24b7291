"""Open file: the bytes of a bundle, read by a descriptor through which SQLite itself has it open.

Layer: bundle.

POSIX locks belong to a process and a file: to open and close a bundle a second time would drop the locks that SQLite
holds on it, for everybody in this process. So its bytes are read by a descriptor that is open anyway. What such a
descriptor tells of the owner is of the file that is read, too, wherever the path leads by then.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

_DESCRIPTORS = Path("/dev/fd")
_NONE = -1

Answer = TypeVar("Answer")


class OpenFile:
    """A file that some connection of this process has open, for as long as it is read.

    Args:
        path: The file.

    Raises:
        OSError: When it cannot be looked at.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path.stat())
        self._descriptor = _NONE

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Read some of its bytes.

        Args:
            offset: Where they begin.
            size_bytes: How many they are.

        Returns:
            The bytes; fewer of them where the file ends.

        Raises:
            OSError: When nobody has it open, or it cannot be read.
        """
        return self.ask(lambda descriptor: os.pread(descriptor, size_bytes, offset))

    def ask(self, question: Callable[[int], Answer]) -> Answer:
        """Ask something of a descriptor through which the file is open.

        Args:
            question: Is given the descriptor, and only looks; it may be asked again, of another one.

        Returns:
            The answer.

        Raises:
            OSError: When nobody has it open, or the question raises it.
        """
        for descriptor in chain((self._descriptor,), _descriptors()):
            try:
                if not self._is_at(descriptor):
                    continue
                answer = question(descriptor)
                # It may be another thread's, who closed it just now, and its number that of another file.
                if self._is_at(descriptor):
                    self._descriptor = descriptor
                    return answer
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
        raise FileNotFoundError(f"{self._path} is not open in this process")

    def _is_at(self, descriptor: int) -> bool:
        return _identity(os.fstat(descriptor)) == self._identity


def can_list() -> bool:
    """Say whether the system lists what this process has open."""
    return _DESCRIPTORS.is_dir()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _descriptors() -> Iterator[int]:
    for each in _DESCRIPTORS.iterdir():
        yield int(each.name)
