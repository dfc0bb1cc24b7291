"""Kill processes that write, at random moments, and check after each what the bundle holds.

Arguments: the kind of writing, how many kills, a seed, a folder. Prints a line of JSON per kill. The seed gives the
moments; which byte a kill meets then also depends on the machine. This process never imports torch, so it may fork.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from random import Random

from reliability.writings import WRITINGS, Aftermath, Writing

from megacache.bundle import Bundle, connection
from megacache.errors import MegacacheError

JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""How a journal begins that has to be rolled back; before, it is zeros. Source: sqlite.org/fileformat2.html, 3."""

CALIBRATION_SAVES = 5
CHANGING_SHARE = 0.4
"""For at most about this share of a save SQLite changes the file."""

PATIENCE_SAVES = 10
POLL_S = 0.0001


class Killed:
    """A process that saves until it is killed, and what it told before that."""

    def __init__(self, writing: Writing, place: Path, first: int) -> None:
        self._listening, telling = os.pipe()
        self._place = place
        self._process_id = os.fork()
        if not self._process_id:
            _save_until_killed(writing, place, first, telling)
        os.close(telling)
        self._said = os.read(self._listening, 1)  # It has begun.

    def wait(self, save_count: int) -> None:
        """Wait until it has told of so many saves."""
        while self._said.count(b"\n") < save_count:
            more = os.read(self._listening, 1)
            assert more, "the writer ended by itself"
            self._said += more

    def wait_for_journal(self, patience_s: float) -> None:
        """Wait until a file is about to be changed, or as long as is said."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end and not any(map(_is_hot, self._journals())):
            time.sleep(POLL_S)

    def _journals(self) -> Iterable[Path]:
        return self._place.glob("*-journal") if self._place.is_dir() else (Path(f"{self._place}-journal"),)

    def kill(self) -> set[int]:
        """Kill it, and return the numbers of the saves that had returned."""
        os.kill(self._process_id, signal.SIGKILL)
        _, status = os.waitpid(self._process_id, 0)
        while more := os.read(self._listening, 1 << 16):
            self._said += more
        os.close(self._listening)
        assert os.WIFSIGNALED(status), "the writer ended by itself"
        return set(map(int, self._said[1:].split()))


def _save_until_killed(writing: Writing, place: Path, first: int, telling: int) -> None:
    """Be the child: tell each save in one unbuffered write, once it has returned."""
    try:
        os.write(telling, b">")
        for number in writing.saves(place, first):
            os.write(telling, b"%d\n" % number)
        signal.pause()
    except BaseException:  # noqa: BLE001  Whatever it is, the program must not go on twice.
        traceback.print_exc()
    finally:
        os._exit(1)


class Campaign:
    """Kills of one kind of writing, each at a random moment within the next few saves."""

    def __init__(self, writing: Writing, seed: int) -> None:
        self._writing = writing
        self._random = Random(seed)  # noqa: S311  no secret
        self._held: dict[Path, set[int]] = {}
        self._save_s = 0.0

    def calibrate(self) -> None:
        """Measure how long a save takes."""
        begun = time.monotonic()
        self._kill(0, lambda killed: killed.wait(CALIBRATION_SAVES))
        self._save_s = (time.monotonic() - begun) / CALIBRATION_SAVES

    def kill(self, kill_number: int) -> dict[str, object]:
        """Kill once, and return what was found.

        Every second kill waits until SQLite is about to change the file, which is the last part of a save, so that this
        part is met as often as all that goes before it.
        """
        at_s = self._random.uniform(0, self._writing.span_saves * self._save_s)
        later_s = self._random.uniform(0, CHANGING_SHARE * self._save_s) if kill_number % 4 >= 2 else None

        def wait(killed: Killed) -> None:
            time.sleep(at_s)
            if later_s is not None:
                killed.wait_for_journal(PATIENCE_SAVES * self._save_s)
                time.sleep(later_s)

        return self._kill(kill_number, wait)

    def _kill(self, kill_number: int, wait: Callable[[Killed], object]) -> dict[str, object]:
        place = self._writing.place(kill_number)
        before = self._before(place)
        first = max(before, default=-1) + 1
        killed = Killed(self._writing, place, first)
        wait(killed)
        returned = killed.kill()
        cut_off = max(returned, default=first - 1) + 1
        found = self._looked_into(place, returned, cut_off, by_writer=kill_number % 2 == 1)
        after = Aftermath(before, returned, cut_off, self._held[place])
        lost, strange = self._writing.lost(after), self._writing.strange(after)
        return {"returned": len(returned), "lost": sorted(lost), "strange": sorted(strange), **found}

    def _looked_into(self, place: Path, returned: set[int], cut_off: int, *, by_writer: bool) -> dict[str, object]:
        """Put right what a killed process left, and note what it holds; what is not whole holds nothing."""
        found: dict[str, object] = {"is_hot": False, "is_rolled_back": False, "broken": None}
        self._held[place] = set()
        try:
            found |= self._put_right(self._writing.file(place, cut_off), by_writer=by_writer)
            self._held[place] = self._all_held(place, {*returned, cut_off})
        except (AssertionError, MegacacheError) as error:
            found["broken"] = f"{type(error).__name__}: {error}"
        return found

    def _before(self, place: Path) -> set[int]:
        """Return what the bundle holds: from the last look at it, if there was one."""
        return self._held[place] if place in self._held else self._all_held(place, set())

    def _all_held(self, place: Path, numbers: set[int]) -> set[int]:
        """Return the saves in the files that some wrote into; a file that was not begun holds none."""
        files = {place, *(self._writing.file(place, number) for number in numbers)}
        held: set[int] = set()
        for file in filter(Path.is_file, files):
            with Bundle.open(file) as bundle:
                held |= self._writing.held(bundle)
        return held

    def _put_right(self, file: Path, *, by_writer: bool) -> dict[str, object]:
        """Let a writer or a reader be the first to open what a killed process left, and say what that did."""
        if not file.exists():
            return {}
        journal = Path(f"{file}-journal")
        is_hot, digest = _is_hot(journal), _digest(file)
        if by_writer:
            connection.create(file, is_new=False)  # As every save begins that may have to make the file.
        else:
            Bundle.open_or_create(file).close()
        assert not _is_hot(journal), "the journal is still there"
        return {"is_hot": is_hot, "is_rolled_back": is_hot and _digest(file) != digest}


def _is_hot(journal: Path) -> bool:
    """Say whether a journal has to be rolled back; it may vanish meanwhile."""
    try:
        with journal.open("rb") as file:
            return file.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC
    except FileNotFoundError:
        return False


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def main(kind: str, kill_count: int, seed: int, folder: Path) -> None:
    """Kill so many times, and print what was found after each; nobody can write into what is broken."""
    campaign = Campaign(WRITINGS[kind](folder), seed)
    campaign.calibrate()
    for kill_number in range(1, kill_count + 1):
        found = campaign.kill(kill_number)
        print(json.dumps(found), flush=True)
        if found["broken"]:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
