"""Let many processes save into one bundle at once while others read it, and print what each of them saw.

Arguments: a folder; how many rounds, each with a bundle of its own that all of them make at once; how many writers and
readers; for how long they go on, in seconds, where 0 means for one save. A writer saves in turns what all others save,
too, and what it alone has. Prints a line of JSON per round. This process never imports torch, so it may fork.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from reliability.saves import numbers_in, save_of

from megacache.bundle import Bundle
from megacache.errors import MegacacheError

OWN_NUMBERS = 10_000
"""From this number times that of the writer on, counted from 1, the saves of a writer are its own."""

NO_ANSWER = json.dumps(
    {"numbers": [], "new_count": 0, "read_count": 0, "gone": [], "errors": ["it ended without an answer"]}
)
"""Of a writer or a reader that ended by itself."""


def write(path: Path, writer: int, duration_s: float) -> dict[str, object]:
    """Save over and over, and return the numbers that were saved, and what was new."""
    numbers, new_count, errors, turn = [], 0, [], 0
    end = time.monotonic() + duration_s
    while not turn or time.monotonic() < end:
        number = turn // 2 + (OWN_NUMBERS * writer if turn % 2 else 0)
        try:
            with Bundle.open_or_create(path) as bundle:
                new_count += bundle.append(*save_of(number)).new_artifact_count
            numbers.append(number)
        except MegacacheError as error:
            errors.append(f"{type(error).__name__}: {error}")
        turn += 1
    return {"numbers": numbers, "new_count": new_count, "errors": errors}


def read(path: Path, duration_s: float) -> dict[str, object]:
    """Read and check over and over, and return how often, and whether ever anything was gone."""
    held, gone, read_count = set(), set(), 0
    end = time.monotonic() + duration_s
    while not read_count or time.monotonic() < end:
        with Bundle.open_or_create(path) as bundle:
            now = numbers_in(bundle)
        held, gone, read_count = now, gone | (held - now), read_count + 1
    return {"read_count": read_count, "gone": sorted(gone), "errors": []}


def at_once(works: list[Callable[[], dict[str, object]]]) -> list[dict[str, object]]:
    """Run each in a process of its own, all from one moment on, and return what they returned."""
    starting, start = os.pipe()
    started = [begin(work, starting, start) for work in works]
    os.close(start)
    told = []
    for process_id, listening in started:
        with os.fdopen(listening, "rb") as answer:
            told.append(json.loads(answer.read() or NO_ANSWER))
        os.waitpid(process_id, 0)
    return told


def begin(work: Callable[[], dict[str, object]], starting: int, start: int) -> tuple[int, int]:
    """Fork one that works as soon as nobody can write to `start` any more, and return its id and where it answers."""
    listening, answering = os.pipe()
    if process_id := os.fork():
        os.close(answering)
        return process_id, listening
    try:
        os.close(start)
        os.read(starting, 1)
        with os.fdopen(answering, "wb") as answer:
            answer.write(json.dumps(work()).encode())
    except BaseException:  # noqa: BLE001  Whatever it is, the program must not go on twice.
        traceback.print_exc()
    finally:
        os._exit(0)


def main(folder: Path, rounds: int, writer_count: int, reader_count: int, duration_s: float) -> None:
    """Run them all, and print what each saw."""
    for each in range(rounds):
        path = folder / f"round-{each}.megacache"
        writers = [partial(write, path, writer, duration_s) for writer in range(1, writer_count + 1)]
        told = at_once([*writers, *[partial(read, path, duration_s)] * reader_count])
        print(json.dumps({"path": str(path), "writers": told[:writer_count], "readers": told[writer_count:]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), float(sys.argv[5]))
