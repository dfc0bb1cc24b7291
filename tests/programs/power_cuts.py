"""Cut the power at random moments of a change to a bundle, and print what each cut left, a line of JSON each.

Arguments: the change, how many cuts, a seed, a folder, and a mode of `PRAGMA synchronous` in the place of ours, if any.

The operations of the change, and of a save after it, are noted once. Then each cut takes some of them, from the first
on, and what a disk may make of them is put into files that SQLite opens as after a restart.
"""

import json
import sys
from pathlib import Path
from random import Random

from reliability.changes import CHANGES, EMPTY, save_next, state_of
from reliability.failing_disk import FailingDisk
from reliability.power_cut import Disk

from megacache.bundle import connection


class Rehearsal:
    """One change and the save after it, noted.

    Args:
        name: Of the change.
        folder: Empty.
    """

    def __init__(self, name: str, folder: Path) -> None:
        change, path = CHANGES[name], folder / "bundle.megacache"
        change.prepare(path)
        self.folder = folder
        self.files = self._files()
        self.states = [state_of(path)]
        with FailingDisk() as disk:
            change.apply(path)
            self.first_end = len(disk.operations)
            self.states.append(self._state_beside(path))
            save_next(path)
            self.operations = disk.operations
        self.states.append(state_of(path))
        left = Disk(self.files)
        left.take(self.operations)
        assert left.after_kill() == self._files(), "the operations that were noted are not all that were done"

    def left(self, end: int, random: Random | None) -> str:
        """Return the state after some operations: before or after one of the two changes, or another one.

        Args:
            end: How many operations were asked for.
            random: Chooses what came through; None lets all.
        """
        disk = Disk(self.files)
        disk.take(self.operations[:end])
        for each in self.folder.iterdir():
            each.unlink()
        for name, content in (disk.after_kill() if random is None else disk.after_power_cut(random)).items():
            (self.folder / name).write_bytes(content)
        state = state_of(self.folder / "bundle.megacache")
        names = dict(zip(self.states, ("old", "new", "next"), strict=True)) | {EMPTY: "empty"}
        return names.get(state, state)

    def _files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.folder.iterdir() if each.name.startswith("bundle")}

    def _state_beside(self, path: Path) -> str:
        """Return the state of a copy, so that no operation is noted of the bundle."""
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
        state = state_of(copy)
        copy.unlink()
        return state


def main(name: str, cut_count: str, seed: str, folder: str, durability: str = "") -> None:
    """Print where the first change returned, then each cut."""
    if durability:
        connection._DURABILITY = f"PRAGMA synchronous = {durability}"
    random = Random(seed)  # noqa: S311  No secret.
    rehearsal = Rehearsal(name, Path(folder))
    count, first_end = len(rehearsal.operations), rehearsal.first_end
    print(json.dumps({"operations": count, "first_end": first_end}))
    steps = range(0, count + 1, max(1, count // 200))
    for end in steps:
        print(json.dumps({"end": end, "is_kill": True, "left": rehearsal.left(end, None)}))
    for number in range(int(cut_count)):
        # Every fourth one comes right after a save has returned, when it has to be there.
        end = (first_end, count)[number // 4 % 2] if number % 4 == 0 else random.randrange(count + 1)
        print(json.dumps({"end": end, "is_kill": False, "left": rehearsal.left(end, random)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
