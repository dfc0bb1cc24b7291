"""Let the disk fail in every operation of a change to a bundle, and print what each failure left, a line of JSON each.

Arguments: the change, how many operations at most, a folder. Where there are more, all but writes fail, and writes at
even distances, the first and the last among them.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from reliability.changes import CHANGES, EMPTY, Change, save_next, state_of
from reliability.failing_disk import FAULTS, FailingDisk, Fault, Operation

from megacache.errors import MegacacheError


class Trial:
    """One change, made anew for each failure.

    Args:
        change: The change.
        disk: Fails.
        folder: Empty.
    """

    def __init__(self, change: Change, disk: FailingDisk, folder: Path) -> None:
        self.change, self._disk = change, disk
        self._kept, self.path = folder / "kept.megacache", folder / "bundle.megacache"
        change.prepare(self._kept)
        self.reset()
        self.old = state_of(self.path)
        disk.begin()
        change.apply(self.path)
        self.operations = disk.operations
        disk.begin()
        self.new = state_of(self.path)
        save_next(self.path)
        self.both = state_of(self.path)

    def reset(self) -> None:
        """Put the bundle there as it is before the change."""
        for each in (self.path, Path(f"{self.path}-journal")):
            each.unlink(missing_ok=True)
        if self._kept.exists():
            shutil.copyfile(self._kept, self.path)

    def failed(self, at: int, fault: Fault, *, is_lasting: bool) -> dict[str, object]:
        """Make the change while one operation fails, or all from there on; tell what is left, and what works then."""
        self.reset()
        self._disk.begin(fault, at, is_lasting=is_lasting)
        error: MegacacheError | None = None
        try:
            self.change.apply(self.path)
        except MegacacheError as raised:
            error = raised
        has_failed = self._disk.has_failed
        self._disk.begin()
        left = state_of(self.path)
        self.change.apply(self.path)
        again = state_of(self.path)
        save_next(self.path)
        return {
            "at": at,
            "fault": fault.name,
            "is_lasting": is_lasting,
            "has_failed": has_failed,
            "error": type(error).__name__ if error else None,
            "message": str(error) if error else None,
            "left": {self.old: "old", self.new: "new", EMPTY: "empty"}.get(left, left),
            "is_again_new": again == self.new,
            "is_next_in": state_of(self.path) == self.both,
        }


def chosen(operations: list[Operation], most: int) -> Iterator[int]:
    """Yield the numbers of the operations that fail."""
    numbers = [number for number, each in enumerate(operations) if each.kind != "sync directory"]
    writes = [number for number in numbers if operations[number].kind == "write"]
    room = max(2, most - (len(numbers) - len(writes)))
    step = max(1.0, (len(writes) - 1) / (room - 1))
    kept = {writes[min(round(step * place), len(writes) - 1)] for place in range(room)}
    yield from (number for number in numbers if number in kept or operations[number].kind != "write")


def main(name: str, most: str, folder: str) -> None:
    """Print the numbers of operations, then what each failure left."""
    with FailingDisk() as disk:
        trial = Trial(CHANGES[name], disk, Path(folder))
        print(json.dumps({"operations": len(trial.operations), "path": str(trial.path)}))
        for at in chosen(trial.operations, int(most)):
            faults = [each for each in FAULTS if each.kind == trial.operations[at].kind]
            for fault in faults:
                print(json.dumps(trial.failed(at, fault, is_lasting=False)))
            print(json.dumps(trial.failed(at, faults[0], is_lasting=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
