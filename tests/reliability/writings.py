"""The kinds of writing that a process may be killed in: what each does over and over, and what must be there after."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue

from reliability.saves import numbers_in, save_of, session_id_of

from megacache import autosave
from megacache.bundle import Bundle, merge
from megacache.compiler.raw_events import ArtifactRecorded
from megacache.model import Compile
from megacache.recording import Recording
from synthetic import Clock, SyntheticProcess


@dataclass(frozen=True)
class Aftermath:
    """The saves around one kill, by their numbers.

    `before` are those that the bundle held before the process began, `returned` those that had returned when it was
    killed, `cut_off` is the one that may have been at work: all of it is there, or nothing. `held` are there now.
    """

    before: set[int]
    returned: set[int]
    cut_off: int
    held: set[int]


class Writing(ABC):
    """One kind of writing. A save has a number; `saves` yields it when the save has returned.

    Args:
        folder: Of this kind alone.

    Attributes:
        span_saves: A kill comes at a random moment within about so many saves.
        size_bytes: The size of the contents of one save; see `save_of`.
        first_count: How many saves the bundle of each kill holds from the beginning.
        is_grown: Whether one bundle is for all kills; otherwise each has its own.
        has_files: Whether each save makes a file of its own.
    """

    span_saves = 3
    size_bytes = 2_000
    first_count = 0
    is_grown = False
    has_files = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._full = folder / "full.megacache"
        if self.first_count:
            with Bundle.create(self._full) as bundle:
                for number in range(self.first_count):
                    bundle.append(*save_of(number, self.size_bytes))

    def place(self, kill_number: int) -> Path:
        """Return where the process of one kill writes: a bundle, or a folder of bundles."""
        if self.has_files:
            folder = self.folder / f"kill-{kill_number}"
            folder.mkdir()
            return folder
        path = self.folder / ("grown.megacache" if self.is_grown else f"kill-{kill_number}.megacache")
        if self.first_count:
            shutil.copyfile(self._full, path)
        return path

    def file(self, place: Path, number: int) -> Path:
        """Return the file that one save writes into."""
        return place / f"{number}.megacache" if self.has_files else place

    @abstractmethod
    def saves(self, place: Path, first: int) -> Iterator[int]:
        """Save without end, or until there is nothing more to do.

        Args:
            place: Where.
            first: The number of the first save; all that the bundle holds have smaller ones.

        Yields:
            The number of each save, once it has returned.
        """

    def held(self, bundle: Bundle) -> set[int]:
        """Return the numbers of the saves that are in the bundle, each whole, and nothing beside them."""
        return numbers_in(bundle, self.size_bytes)

    def lost(self, after: Aftermath) -> set[int]:
        """Return the saves that have to be there and are not."""
        return (after.before | after.returned) - after.held

    def strange(self, after: Aftermath) -> set[int]:
        """Return the saves that cannot be there and are."""
        return after.held - after.before - after.returned - {after.cut_off}


class Appending(Writing):
    """Small saves into one bundle that grows from kill to kill; they write the small last pack anew."""

    is_grown = True

    def saves(self, place: Path, first: int) -> Iterator[int]:
        with Bundle.open_or_create(place) as bundle:
            for number in count(first):
                bundle.append(*save_of(number, self.size_bytes))
                yield number


class Spilling(Appending):
    """Saves so large that SQLite writes a part of them into the file before the commit: beyond 2 MB, as it is set."""

    span_saves = 2
    size_bytes = 1_200_000
    is_grown = False


class Creating(Writing):
    """First saves, each of which makes a file of its own."""

    has_files = True

    def saves(self, place: Path, first: int) -> Iterator[int]:
        for number in count(first):
            with Bundle.open_or_create(self.file(place, number)) as bundle:
                bundle.append(*save_of(number))
            yield number


class Sessions(Writing):
    """Saves of one session that goes on: each compile is saved as soon as it has ended, by what changed."""

    is_grown = True

    def saves(self, place: Path, first: int) -> Iterator[int]:
        process = SyntheticProcess()
        session = process.session(f"from-{first}")
        for number in count(first):
            process.take(process.clock.compiled(number))
            session.save(place)
            yield number

    def held(self, bundle: Bundle) -> set[int]:
        recording = _sound(bundle)
        numbers = {_number(each) for each in recording.compiles}
        assert all(each.status == "ok" for each in recording.compiles)
        assert _keys(recording) == {key for number in numbers for key in _recorded(number)}
        return numbers


class Autosaving(Writing):
    """Compiles while a thread saves; one counts as saved once a save that began after it has returned."""

    def saves(self, place: Path, first: int) -> Iterator[int]:
        process = SyntheticProcess()
        session = process.session(f"from-{first}")
        session.bundle_path = place
        saved, self._next = SimpleQueue[int](), first

        def save() -> None:
            compiled = self._next
            session._save_what_there_is()
            saved.put(compiled)

        autosave.LARGEST_SHARE = 0.5  # A thread that rests nineteen twentieths of the time would not be killed at work.
        autosave.Autosave(save, session._has_news, interval_s=0.002).start()
        while True:
            process.take(process.clock.compiled(self._next))
            self._next += 1
            with suppress(Empty):
                until = saved.get(timeout=0.002)
                yield from range(first, until)
                first = until

    def held(self, bundle: Bundle) -> set[int]:
        """Return the compiles that had ended; the thread may have saved the beginning of one more."""
        recording = _sound(bundle)
        numbers = {_number(each) for each in recording.compiles if each.status == "ok"}
        lost = {key for number in numbers for key in _recorded(number)} - _keys(recording)
        assert not lost, f"compiles without their artifacts: {sorted(lost)}"
        return numbers

    def strange(self, after: Aftermath) -> set[int]:
        """Return the compiles that are not there while a later one is; beyond what was told the thread may be."""
        return set(range(max(after.held, default=-1) + 1)) - after.held


class Merging(Writing):
    """Merges of one small bundle after the other into a new one; the number is that of the source."""

    span_saves = 6
    source_count = 30

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for number in range(self.source_count):
            with Bundle.create(self._source(number)) as bundle:
                bundle.append(*save_of(number))

    def saves(self, place: Path, first: int) -> Iterator[int]:
        for number in range(first, self.source_count):
            merge(self._source(number), into=place)
            yield number

    def _source(self, number: int) -> Path:
        return self.folder / f"source-{number}.megacache"


class Pruning(Writing):
    """Prunes of one session after the other; what is there must be as before a prune, or as after it.

    The bundle holds the saves below `first_count`, and prunes count on from there.
    """

    span_saves = 8
    size_bytes = 40_000  # Two saves share a pack, so that pruning one leaves a gap.
    first_count = 16

    def saves(self, place: Path, first: int) -> Iterator[int]:
        with Bundle.open(place) as bundle:
            for number in range(self.first_count):
                bundle.prune(session_ids=[session_id_of(number)])
                yield first + number

    def lost(self, after: Aftermath) -> set[int]:
        return after.before - self._pruned(after.returned | {after.cut_off}) - after.held

    def strange(self, after: Aftermath) -> set[int]:
        """Return what was pruned and is there all the same."""
        return after.held - (after.before - self._pruned(after.returned))

    def _pruned(self, numbers: set[int]) -> set[int]:
        return {number - self.first_count for number in numbers}


class Compacting(Writing):
    """Saves that each make a pack of their own; before every second one a compaction, which makes one of all."""

    size_bytes = 45_000
    first_count = 12

    def saves(self, place: Path, first: int) -> Iterator[int]:
        with Bundle.open(place) as bundle:
            for number in count(first):
                if number % 2 == 0:
                    bundle.compact()
                bundle.append(*save_of(number, self.size_bytes))
                yield number


WRITINGS: dict[str, type[Writing]] = {
    "create": Creating,
    "append": Appending,
    "spill": Spilling,
    "session": Sessions,
    "autosave": Autosaving,
    "merge": Merging,
    "prune": Pruning,
    "compact": Compacting,
}


def _sound(bundle: Bundle) -> Recording:
    """Return the rows of a bundle after a check of all of it."""
    report = bundle.verify()
    assert report.is_ok, str(report)
    return bundle.recording()


def _keys(recording: Recording) -> set[tuple[str, str, str]]:
    return {(each.artifact_type, each.cache_key, each.content_sha256) for each in recording.artifacts}


def _recorded(number: int) -> set[tuple[str, str, str]]:
    """Return the artifacts that one made-up compile records, as `_keys` does."""
    recorded = [each for each in Clock().compiled(number) if isinstance(each, ArtifactRecorded)]
    return {(each.artifact_type, each.cache_key, sha256(each.content).hexdigest()) for each in recorded}


def _number(compiled: Compile) -> int:
    return int(compiled.compile_id.split("/")[0])
