"""Soak: 2,000 real compiles in one process, with a save into one bundle after each.

    python benchmarks/soak.py [--compiles 2000]

Nearly every compile is of one matrix product, which inductor gives to a library, so that no C++ is compiled; each
fiftieth has a kernel of its own. The same compiles are done in a process without megacache, too. Promised:

1. A save takes as long at the end as at the beginning: the medians of the last and the first 100 saves.
2. Memory is flat: what a compile leaves of ours in memory, beyond what torch itself leaves, is the same in the second
   half as in the first. What it leaves are the contents that torch does not hold, so that a later save into another
   bundle has them, and rows.
3. The file grows by its content: compared with a fresh bundle into which all of it is merged at once.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from promises import Promise, add_json_option, at_most, finish

COMPARED = 100
KERNEL_EACH = 50
MEASURED_EACH = 10
MOST_SAVE_GROWTH = MOST_MEMORY_GROWTH = 1.2
MOST_FILE = 1.1


# -- one run, in a process of its own


def run_here(way: str, compile_count: int, path: Path) -> dict[str, Any]:
    """Compile, and return the seconds of the saves, and the memory in between.

    Args:
        way: `plain`, without megacache, or `saved`.
        compile_count: How many functions are compiled.
        path: The bundle.
    """
    import torch

    found: dict[str, Any] = {"save_s": [], "disk_s": [], "resident_bytes": []}
    if way == "plain":
        for number in range(compile_count):
            function, arguments = function_of(number)
            torch.compile(function, dynamic=False)(*arguments)
            measure(number, found)
        return found
    import megacache
    from megacache.process import process

    with megacache.session("soak", bundle=path) as session:
        for number in range(compile_count):
            function, arguments = function_of(number)
            torch.compile(function, dynamic=False)(*arguments)
            found["save_s"].append(seconds(session.save))
            found["disk_s"].append(seconds(lambda: write(path.with_suffix(".probe"))))
            measure(number, found)
        contents = process.capture.recorder.documents.contents
        return {**found, "content_bytes": sum(map(len, contents.values()))}


def function_of(number: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a function that is like no other, with its arguments: a matrix product, or, each fiftieth, a kernel."""
    import torch

    body = f"(torch.sin(x) * {number + 1} + y).relu()" if number % KERNEL_EACH == 0 else "x @ y"
    names: dict[str, Any] = {"torch": torch}
    exec(f"def step_{number}(x, y):\n    return {body}\n", names)  # noqa: S102  The text is our own.
    rows, columns = 2 + number % 50, 2 + number // 50
    shapes = ((rows, columns), (rows, columns)) if number % KERNEL_EACH == 0 else ((rows, columns), (columns, rows))
    return names[f"step_{number}"], tuple(torch.ones(*shape) for shape in shapes)


def measure(number: int, found: dict[str, Any]) -> None:
    """Note how much of this process is in memory, after some compiles."""
    if number % MEASURED_EACH == MEASURED_EACH - 1:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        found["resident_bytes"].append(pages * os.sysconf("SC_PAGE_SIZE"))
    if number % 100 == 99:
        print(f"  {number + 1:,} compiles", file=sys.stderr, flush=True)


def seconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def write(path: Path) -> None:
    """Write a few pages until they are on the disk, whose pace changes from minute to minute."""
    with path.open("wb") as file:
        file.write(bytes(16384))
        file.flush()
        os.fsync(file.fileno())


# -- what is made of them


def in_fresh_process(way: str, compile_count: int, path: Path) -> dict[str, Any]:
    """Run one way in a fresh process with empty caches, and return what it measured."""
    print(f"{way}:", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--compiles", str(compile_count), "--run", way, str(path)]
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def save_promise(found: dict[str, Any]) -> Promise:
    """Compare the last saves with the first, and tell how the disk's own pace changed."""
    first, last = (statistics.median(found["save_s"][chosen]) for chosen in (FIRST, LAST))
    disk = statistics.median(found["disk_s"][LAST]) / statistics.median(found["disk_s"][FIRST])
    beside = f"{first * 1000:.0f} ms and {last * 1000:.0f} ms; a plain fsync {disk:.2f}x"
    return at_most("soak: save, last 100 / first 100", last / first, MOST_SAVE_GROWTH, beside=beside)


def memory_promise(plain: Sequence[int], saved: Sequence[int], own_bytes: float) -> Promise:
    """Compare what a compile leaves of ours in memory in the second half with the first.

    Args:
        plain: The memory without megacache, after each so many compiles.
        saved: The memory with saves.
        own_bytes: The contents per compile that torch does not hold.
    """
    ours = [with_us - without for with_us, without in zip(saved, plain, strict=True)]
    # The first ones bring modules and pools.
    begin, middle, end = len(ours) // 10, len(ours) * 11 // 20, len(ours) - 1
    first = (ours[middle] - ours[begin]) / (middle - begin) / MEASURED_EACH
    second = (ours[end] - ours[middle]) / (end - middle) / MEASURED_EACH
    torchs = (plain[end] - plain[begin]) / (end - begin) / MEASURED_EACH
    each = (
        f"{first / 1e3:.0f} and {second / 1e3:.0f} kB per compile, {own_bytes / 1e3:.0f} kB of them contents",
        f"torch's own {torchs / 1e3:.0f} kB",
    )
    what = "soak: memory of ours per compile, second half / first"
    return at_most(what, second / first, MOST_MEMORY_GROWTH, beside="; ".join(each))


def file_promise(path: Path, folder: Path) -> Promise:
    """Compare the bundle with a fresh one into which all of it is merged."""
    from megacache.bundle import merge

    merge([path], folder / "once.megacache")
    grown, once = path.stat().st_size, (folder / "once.megacache").stat().st_size
    beside = f"{grown / 1e6:.2f} MB and {once / 1e6:.2f} MB"
    return at_most("soak: the file / one save of the same", grown / once, MOST_FILE, beside=beside)


def own_content_bytes(path: Path, content_bytes: int) -> int:
    """Return the size of the contents that the process holds and torch does not."""
    from megacache.bundle import Bundle
    from megacache.model import ARTIFACT_TYPES

    with Bundle.open(path) as bundle:
        shared = (each.size_bytes for each in bundle.recording().artifacts if each.artifact_type in ARTIFACT_TYPES)
        return content_bytes - sum(shared)


FIRST, LAST = slice(0, COMPARED), slice(-COMPARED, None)


def main() -> None:
    """Measure, print what was promised beside what is, and exit with 1 if something is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiles", type=int, default=2000, help="functions to compile; at least 200")
    add_json_option(parser)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run_here(options.run[0], options.compiles, Path(options.run[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="megacache-soak-") as name:
        folder = Path(name)
        path = folder / "soak.megacache"
        plain, saved = (in_fresh_process(way, options.compiles, path) for way in ("plain", "saved"))
        own_bytes = own_content_bytes(path, saved["content_bytes"]) / options.compiles
        promises = [
            save_promise(saved),
            memory_promise(plain["resident_bytes"], saved["resident_bytes"], own_bytes),
            file_promise(path, folder),
        ]
    finish(promises, options.json)


if __name__ == "__main__":
    main()
