"""Power cut: what may be on a disk when its power fails, for a disk that does no more than it was told to.

What was written to a file is safe once the file was synced, and a name that was given or taken once the directory was.
Of what came later, each may be on the disk, or not, or in parts: single sectors, or nonsense in the place of some. Of
the names each is as it was at some moment since. SQLite counts on no more than this, and that a write does not touch
bytes outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from reliability.failing_disk import Operation

SECTOR_SIZE_BYTES = 512


@dataclass
class _File:
    """Bytes that are safe, and what was done since."""

    safe: bytearray = field(default_factory=bytearray)
    since: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        for each in self.since:
            _apply(self.safe, each)
        self.since.clear()

    def after(self, random: Random, likelihood: float) -> bytes:
        """Return what is left, when each operation since the sync came through with some likelihood."""
        left = bytearray(self.safe)
        for each in self.since:
            chance = random.random()
            if chance < likelihood:
                _apply(left, each)
            elif each.kind == "write" and chance < likelihood + (1 - likelihood) / 3:
                _tear(left, each, random)
        return bytes(left)


class Disk:
    """The files of one directory, as a disk holds them.

    Args:
        files: What is on it, safe, by name.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._names = {name: _File(bytearray(content)) for name, content in files.items()}
        self._past: dict[str, list[_File | None]] = {name: [file] for name, file in self._names.items()}

    def take(self, operations: Sequence[Operation]) -> None:
        """Do what SQLite asked for, in order; what it did with temporary files is no matter.

        Args:
            operations: As a `FailingDisk` noted them.
        """
        for each in operations:
            name = Path(each.path).name
            if each.kind == "sync directory":
                self._past = {name: [file] for name, file in self._names.items()}
            elif not name:
                continue
            elif each.kind == "create":
                self._name(name, _File())
            elif each.kind == "delete":
                self._name(name, None)
            elif each.kind == "sync":
                self._names[name].sync()
            else:
                self._names[name].since.append(each)

    def after_power_cut(self, random: Random) -> dict[str, bytes]:
        """Return what one power cut may leave, by name.

        Args:
            random: Chooses.
        """
        likelihood = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        chosen = {name: random.choice(past) for name, past in self._past.items()}
        return {name: file.after(random, likelihood) for name, file in chosen.items() if file is not None}

    def after_kill(self) -> dict[str, bytes]:
        """Return what is there when only the process ends: everything that it asked for."""
        return {name: file.after(Random(0), 1.0) for name, file in self._names.items()}  # noqa: S311  no secret

    def _name(self, name: str, file: _File | None) -> None:
        self._past.setdefault(name, [self._names.get(name)]).append(file)
        self._names.pop(name, None)
        if file is not None:
            self._names[name] = file


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        del content[operation.offset :]
        content.extend(bytes(operation.offset - len(content)))
        return
    content.extend(bytes(max(0, operation.offset - len(content))))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data


def _tear(content: bytearray, operation: Operation, random: Random) -> None:
    """Let some sectors of a write come through, and nonsense be in some of the others."""
    first = operation.offset // SECTOR_SIZE_BYTES
    last = (operation.offset + len(operation.data) - 1) // SECTOR_SIZE_BYTES
    for sector in range(first, last + 1):
        start = max(operation.offset, sector * SECTOR_SIZE_BYTES)
        end = min(operation.offset + len(operation.data), (sector + 1) * SECTOR_SIZE_BYTES)
        new = operation.data[start - operation.offset : end - operation.offset]
        fate = random.random()
        if fate < 0.6:
            _apply(
                content, Operation("write", operation.path, start, new if fate < 0.4 else random.randbytes(len(new)))
            )
