"""What a save costs after each batch: it must follow what is new, not what is there.

    python benchmarks/saves.py [--compiles 2000]

1. A session of 2,000 compiles that is saved after each: the median of its last 100 saves against that of the first 100
   saves of another one, in turns, fsync included. Promised: at most 1.2.
2. One new artifact of 100 kB into a recording of 200 MB, against torch's own way to keep it: `save_cache_artifacts` and
   a write of the whole file, both until they are on the disk. Promised: 100 times faster, and flat in the size of the
   bundle. The time that torch takes until the system has its file, on the disk or not, is printed as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from promises import Promise, add_json_option, at_least, at_most, finish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from synthetic import SyntheticProcess

COMPARED = 100
ARTIFACT_SIZE_BYTES = 100_000
RECORDED_SIZE_BYTES = 200_000_000
ROUNDS = 15
MOST_GROWTH = 1.2
LEAST_SPEEDUP = 100


class Session:
    """A session whose compiles are made up, and which is saved after each.

    Args:
        path: Its bundle.
    """

    def __init__(self, path: Path) -> None:
        self._process = SyntheticProcess()
        self._session = self._process.session(path.stem)
        self._path = path
        self._count = 0

    def compile_and_save(self) -> float:
        """Compile once more, and return the seconds that the save takes."""
        self._process.take(self._process.clock.compiled(self._count))
        self._count += 1
        return seconds(lambda: self._session.save(self._path))

    def record_and_save(self, content_count: int = 1) -> float:
        """Record artifacts of 100 kB, and return the seconds that the save takes."""
        for _ in range(content_count):
            key, content = f"key-{self._count}", os.urandom(ARTIFACT_SIZE_BYTES)
            self._process.take([self._process.clock.record(f"{self._count}/0", "inductor", key, content)])
            self._count += 1
        return seconds(lambda: self._session.save(self._path))


def growth(folder: Path, compile_count: int) -> float:
    """Return how much longer the last saves of a long session take than the first ones of another."""
    long, young = Session(folder / "long.megacache"), Session(folder / "young.megacache")
    for _ in range(compile_count - COMPARED):
        long.compile_and_save()
    # In turns, since how long an fsync takes changes from minute to minute.
    pairs = [(young.compile_and_save(), long.compile_and_save()) for _ in range(COMPARED)]
    first, last = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"  save after one compile: first {first * 1000:.2f} ms, after {compile_count:,} {last * 1000:.2f} ms")
    return last / first


def against_torch(folder: Path) -> list[Promise]:
    """Compare the save of one new artifact with torch's, and with one into a small bundle."""
    import torch.compiler
    from torch._inductor.codecache import InductorCacheArtifact  # noqa: F401  Only so does torch know the type.
    from torch.compiler._cache import CacheArtifactManager

    count = RECORDED_SIZE_BYTES // ARTIFACT_SIZE_BYTES
    large, small, file = Session(folder / "large.megacache"), Session(folder / "small.megacache"), folder / "torch"

    def record(number: int) -> None:
        CacheArtifactManager.record_artifact("inductor", f"key-{number}", os.urandom(ARTIFACT_SIZE_BYTES))

    def torch_save() -> None:
        saved = torch.compiler.save_cache_artifacts()
        if saved is None:
            raise RuntimeError("torch saved nothing")
        file.write_bytes(saved[0])

    def wait_for_disk() -> None:
        with file.open("rb") as written:
            os.fsync(written.fileno())

    taken: dict[str, list[float]] = {"torch, not on disk": [], "torch": [], "large": [], "small": []}
    for number in range(count):
        record(number)
    torch_save()
    for number in range(count, count + ROUNDS):
        record(number)
        taken["torch, not on disk"].append(seconds(torch_save))
        taken["torch"].append(taken["torch, not on disk"][-1] + seconds(wait_for_disk))
    large.record_and_save(count)
    small.record_and_save()
    os.sync()  # what was written until now must not be waited for by a small save
    for _ in range(2 * ROUNDS):
        taken["large"].append(large.record_and_save())
        taken["small"].append(small.record_and_save())
    middle = {name: statistics.median(each) for name, each in taken.items()}
    for name, each in middle.items():
        print(f"  one new artifact of 100 kB, {name:18} {each * 1000:8.2f} ms")
    return [
        at_least("save 100 kB into 200 MB: torch / ours", middle["torch"] / middle["large"], LEAST_SPEEDUP),
        at_most("save 100 kB: into 200 MB / into 100 kB", middle["large"] / middle["small"], MOST_GROWTH),
    ]


def seconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Measure, print the ratios beside what is promised, and exit with 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiles", type=int, default=2000, help="compiles of the long session")
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        grown = growth(Path(name), options.compiles)
        promises = [at_most("save after a compile: last 100 / first 100", grown, MOST_GROWTH)]
        promises += against_torch(Path(name))
    finish(promises, options.json)


if __name__ == "__main__":
    main()
