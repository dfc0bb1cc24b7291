"""Soak: 2,000 real compiles in one process, with a save into one bundle after each.

    python benchmarks/soak.py [--compiles 2000]

Nearly every compile is of one matrix product, which inductor gives to a library, so that no C++ is compiled; each
fiftieth has a kernel of its own. The same compiles are done in a process without megacache, too. Promised:

1. A save takes as long at the end as at the beginning: the last 100 saves, in turns with the first 100 saves of another
   process, since how long an fsync takes changes from minute to minute. The medians are compared.
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


class Run:
    """Compiles one function after the other.

    Args:
        session: The session that is saved after each; None is a process without megacache.
    """

    def __init__(self, session: Any = None) -> None:
        self._session = session
        self._count = 0
        self.resident_bytes: list[int] = []

    def step(self) -> float:
        """Compile once more, and return the seconds that the save takes."""
        import torch

        function, arguments = function_of(self._count)
        torch.compile(function, dynamic=False)(*arguments)
        save_s = seconds(self._session.save) if self._session is not None else 0.0
        self._count += 1
        if self._count % MEASURED_EACH == 0:
            gc.collect()
            self.resident_bytes.append(resident_bytes())
        if self._count % 100 == 0:
            print(f"  {self._count:,} compiles", file=sys.stderr, flush=True)
        return save_s


def run_plain(compile_count: int) -> None:
    """Compile without megacache, and print the memory in between."""
    run = Run()
    for _ in range(compile_count):
        run.step()
    print(json.dumps(run.resident_bytes))


def run_saved(compile_count: int, path: Path) -> None:
    """Compile and save, then once more for each line that comes in, and answer each with the seconds of the save.

    When no more lines come, print the memory in between, and how many bytes of contents the process holds.
    """
    import megacache
    from megacache.process import process

    with megacache.session("soak", bundle=path) as session:
        run = Run(session)
        for _ in range(compile_count):
            run.step()
        print("ready", flush=True)
        for _ in sys.stdin:
            print(run.step(), flush=True)
        content_bytes = sum(map(len, process.capture.recorder.documents.contents.values()))
    print(json.dumps({"resident_bytes": run.resident_bytes, "content_bytes": content_bytes}))


def function_of(number: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a function that is like no other, with its arguments: a matrix product, or, each fiftieth, a kernel."""
    import torch

    body = f"(torch.sin(x) * {number + 1} + y).relu()" if number % KERNEL_EACH == 0 else "x @ y"
    names: dict[str, Any] = {"torch": torch}
    exec(f"def step_{number}(x, y):\n    return {body}\n", names)  # noqa: S102  The text is our own.
    rows, columns = 2 + number % 50, 2 + number // 50
    shapes = ((rows, columns), (rows, columns)) if number % KERNEL_EACH == 0 else ((rows, columns), (columns, rows))
    return names[f"step_{number}"], tuple(torch.ones(*shape) for shape in shapes)


def seconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def resident_bytes() -> int:
    """Return how much of this process is in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


# -- what is made of them


class Child:
    """A run in a fresh process with empty caches.

    Args:
        folder: For its caches.
        *arguments: What it runs.
    """

    def __init__(self, folder: Path, *arguments: object) -> None:
        command = [sys.executable, __file__, "--run", *map(str, arguments)]
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(folder)}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        """Return its next line."""
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self._process.args} ended with {self._process.wait()}")
        return line

    def save_seconds(self) -> float:
        """Have it compile once more, and return the seconds of the save."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self.line())

    def result(self) -> Any:
        """Let it end, and return what it prints last."""
        self._process.stdin.close()
        return json.loads(self.line())


def soaked(compile_count: int, folder: Path) -> tuple[list[tuple[float, float]], dict[str, Any]]:
    """Compile and save so often, and return the seconds of the last saves beside those of a young process."""
    long = Child(folder / "cache-long", "saved", compile_count - COMPARED, folder / "long.megacache")
    long.line()
    young = Child(folder / "cache-young", "saved", 0, folder / "young.megacache")
    young.line()
    pairs = [(young.save_seconds(), long.save_seconds()) for _ in range(COMPARED)]
    young.result()
    return pairs, long.result()


def save_promise(pairs: Sequence[tuple[float, float]]) -> Promise:
    """Compare the last saves with the first ones of a young process."""
    first, last = (statistics.median(each) for each in zip(*pairs, strict=True))
    beside = f"{last * 1000:.0f} ms and {first * 1000:.0f} ms"
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
        f"{second / 1e3:.0f} and {first / 1e3:.0f} kB per compile, {own_bytes / 1e3:.0f} kB of them contents",
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


def main() -> None:
    """Measure, print what was promised beside what is, and exit with 1 if something is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiles", type=int, default=2000, help="functions to compile; at least 200")
    add_json_option(parser)
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        way, compile_count, *path = options.run
        run_saved(int(compile_count), Path(*path)) if way == "saved" else run_plain(int(compile_count))
        return
    with tempfile.TemporaryDirectory(prefix="megacache-soak-") as name:
        folder = Path(name)
        plain = Child(folder / "cache-plain", "plain", options.compiles).result()
        pairs, saved = soaked(options.compiles, folder)
        path = folder / "long.megacache"
        own_bytes = own_content_bytes(path, saved["content_bytes"]) / options.compiles
        promises = [
            save_promise(pairs),
            memory_promise(plain, saved["resident_bytes"], own_bytes),
            file_promise(path, folder),
        ]
    finish(promises, options.json)


if __name__ == "__main__":
    main()
