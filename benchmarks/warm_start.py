"""What a warm start costs, beside torch's own: three of the ratios that megacache promises.

    python benchmarks/warm_start.py [--pairs 3] [--only five|encoder|steady] [--hide-compiler]

1. A function of five graphs, and a sentence encoder in three shapes: the seconds from load to the third call. Torch's
   compiler is imported before the clock starts; the ratios with that import are shown in brackets. Each way compiles
   cold once and keeps what it has; then fresh processes start warm from that, in turns, each with an empty cache
   directory. Promised: for the five graphs 15 times faster than torch's own warm start, the faster of its two; for the
   encoder under 1/20 of cold; and no compiler is started.
2. A call in steady state of a function that was served, against torch's own precompile and against a plain compile; see
   `steady.py`. Promised: at most 1.05 of torch's own.

A compiler is counted when it compiles or links, and as `asked` when it only says its version or preprocesses. Torch
keeps precompiled headers outside of its cache directory, so here its warm starts find them made.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from compilers import CompilerLog, without_compilers
from promises import Promise, add_json_option, at_least, at_most, finish, none
from rich.console import Console
from rich.table import Table
from ways import WAYS, keeping

PROGRAMS = {"five": "a function of five graphs", "encoder": "all-MiniLM-L6-v2 in three shapes"}
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Run:
    """What one process did: `seconds` from load to the third call, or the error with which it `died`.

    `import_s` is what the import of torch's compiler took before, `difference` the largest from eager.
    """

    compiled: int
    asked: int
    import_s: float = float("nan")
    seconds: float = float("nan")
    traced: int = 0
    difference: float = float("nan")
    died: str = ""

    @property
    def whole_s(self) -> float:
        """The seconds with the import of torch's compiler."""
        return self.import_s + self.seconds


@dataclass(frozen=True)
class Way:
    """One way to keep what was compiled: its cold run, its warm ones, and the size of what it kept."""

    cold: Run
    warm: list[Run]
    size_bytes: int

    @property
    def seconds(self) -> float:
        """The median of the warm starts; not a number when they died."""
        return statistics.median(run.seconds for run in self.warm)


# -- one run, in a process of its own


def run_here(program: str, way: str, kept: Path) -> dict[str, Any]:
    """Start from what is kept, if anything is, make three calls, and return the numbers of `Run`."""
    import torch

    started = time.perf_counter()
    import torch._inductor.compile_fx
    from torch._dynamo.utils import counters

    import_s = time.perf_counter() - started
    function, calls = {"five": five, "encoder": encoder}[program]()
    with torch.inference_mode():
        expected = [function(*args, **kwargs) for args, kwargs in calls]
        started = time.perf_counter()
        try:
            with keeping(way, kept):
                compiled = torch.compile(function)
                results = [compiled(*args, **kwargs) for args, kwargs in calls]
                seconds = time.perf_counter() - started
        except Exception as error:  # noqa: BLE001  How a warm start dies is a result.
            return {"died": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    return {
        "import_s": import_s,
        "seconds": seconds,
        "traced": counters["stats"]["unique_graphs"],
        "difference": max(map(difference, expected, results)),
    }


def five() -> tuple[Callable, list]:
    """Return the function of five graphs with the arguments of its calls."""
    from five_graphs import five_graphs, five_graphs_calls

    return five_graphs, [(args, {}) for args in five_graphs_calls()]


def encoder() -> tuple[Callable, list]:
    """Return the encoder with the arguments of its calls."""
    from encoder import encoded_batches, load_encoder

    model, tokenizer = load_encoder()
    return model, [((), dict(tensors)) for _, tensors in encoded_batches(tokenizer)]


def difference(one: Any, other: Any) -> float:
    """Return how far two results are apart at most: tensors, or what the encoder returns."""
    one, other = (getattr(each, "last_hidden_state", each) for each in (one, other))
    return float((one - other).abs().max())


def steady_here(step: str, folder: Path) -> dict[str, float]:
    """Do one step of the steady state: keep what it compares, or measure."""
    import steady

    return steady.measure(folder) if step == "measure" else steady.keep(folder) or {}


# -- fresh processes


class Fresh:
    """Starts processes, each with an empty cache directory and its compilers watched.

    Args:
        folder: Where they meet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def run(self, step: str, *arguments: object, has_compiler: bool = True) -> dict[str, Any]:
        """Run a step of this file and return its numbers, with those of its compilers.

        Args:
            step: The name of a hidden option.
            *arguments: Its values.
            has_compiler: Whether a compiler is on PATH.
        """
        place = self.folder / f"process-{next(self._numbers)}"
        log = CompilerLog(place / "bin")
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(place / "cache")}
        environment = log.watched(environment) if has_compiler else without_compilers(environment, place / "empty")
        command = [sys.executable, __file__, f"--{step}", *map(str, arguments)]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
        return {**json.loads(done.stdout.splitlines()[-1]), **asdict(log.started())}

    def start(self, program: str, way: str, kept: Path, *, is_warm: bool, has_compiler: bool = True) -> Run:
        """Run a program once; a warm run works on a copy, so that each finds the same."""
        if is_warm:
            kept = Path(shutil.copy(kept, self.folder / f"{next(self._numbers)}-{kept.name}"))
        found = Run(**self.run("run", program, way, kept, has_compiler=has_compiler))
        say(f"{WAYS[way]}, {'warm' if is_warm else 'cold'}: {found.died or f'{found.seconds:.2f} s'}")
        return found


def ways_of(program: str, pairs: int, fresh: Fresh) -> dict[str, Way]:
    """Run a program cold once in each way, then warm in turns."""
    kept = {way: fresh.folder / f"{program}.{way}" for way in WAYS}
    cold = {way: fresh.start(program, way, kept[way], is_warm=False) for way in WAYS}
    warm: dict[str, list[Run]] = {way: [] for way in WAYS}
    for at in range(pairs):
        for way in WAYS if at % 2 else reversed(WAYS):
            if not any(run.died for run in warm[way]):
                warm[way].append(fresh.start(program, way, kept[way], is_warm=True))
    return {way: Way(cold[way], warm[way], kept[way].stat().st_size) for way in WAYS}


# -- what is shown


def table(program: str, ways: dict[str, Way]) -> Table:
    """Lay out what each way took and started; of two numbers the first is cold, the other warm."""
    from megacache.views.units import format_bytes

    shown = Table(title=f"{PROGRAMS[program]}; counts: cold, warm", title_justify="left")
    shown.add_column("way")
    for heading in ("cold", "warm", "graphs traced", "compilers", "asked", "difference", "kept"):
        shown.add_column(heading, justify="right")
    for name, way in ways.items():
        has_died = bool(way.warm[-1].died)
        shown.add_row(
            WAYS[name],
            f"{way.cold.seconds:.1f} s",
            "died" if has_died else f"{way.seconds:.2f} s",
            *(f"{getattr(way.cold, each)}, {most(way, each)}" for each in ("traced", "compiled", "asked")),
            "" if has_died else f"{most(way, 'difference'):.1e}",
            format_bytes(way.size_bytes),
        )
    return shown


def most(way: Way, name: str) -> Any:
    """Return the largest number of this name among the warm runs."""
    return max(getattr(run, name) for run in way.warm)


def promises_of(program: str, ways: dict[str, Way]) -> list[Promise]:
    """Return what is promised of a program beside what was measured."""
    ours = ways["ours"]
    compiled, traced, apart = (most(ours, name) for name in ("compiled", "traced", "difference"))
    return [
        against_torch(ways) if program == "five" else against_cold(ways),
        none(f"{program}: compilers started", compiled),
        none(f"{program}: graphs traced", traced),
        Promise(f"{program}: difference from eager", f"{apart:.1e}", f"at most {TOLERANCE:.0e}", apart <= TOLERANCE),
    ]


def against_torch(ways: dict[str, Way]) -> Promise:
    """Compare our warm starts with torch's, pair by pair."""
    torchs = [ways[way].warm for way in ("mega", "precompile") if not ways[way].warm[-1].died]
    best = [min(runs, key=lambda run: run.seconds) for runs in zip(*torchs, strict=True)]
    return faster("five: torch's own warm / ours", best, ways["ours"].warm, 15)


def against_cold(ways: dict[str, Way]) -> Promise:
    """Compare our warm starts with torch's cold one."""
    ours = ways["ours"].warm
    return faster("encoder: cold / our warm", [ways["mega"].cold] * len(ours), ours, 20)


def faster(name: str, theirs: list[Run], ours: list[Run], wanted: float) -> Promise:
    """Return the median of the pairs' ratios beside what is promised."""
    pairs = list(zip(theirs, ours, strict=True))
    ratio = statistics.median(one.seconds / other.seconds for one, other in pairs)
    whole = statistics.median(one.whole_s / other.whole_s for one, other in pairs)
    return at_least(name, ratio, wanted, beside=f"{whole:.1f}x with imports")


def steady_promise(pairs: int, fresh: Fresh) -> Promise:
    """Compare calls in steady state, in several processes: each lays its memory out in its own way."""
    fresh.run("steady", "keep", fresh.folder)
    found = [fresh.run("steady", "measure", fresh.folder) for _ in range(pairs)]
    for ratios in found:
        say(f"a served call takes {ratios['precompile']:.3f} of torch's own, {ratios['plain']:.3f} of a plain one")
    torchs, plain = (statistics.median(ratios[way] for ratios in found) for way in ("precompile", "plain"))
    return at_most("steady: served / torch's own", torchs, 1.05, beside=f"{plain:.3f}x of a plain compile's")


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"  {text}", flush=True)


def main() -> None:
    """Measure, print what was promised beside what is, and exit with 1 if something is missed."""
    options = parsed()
    if options.run or options.steady:
        step, *rest = options.run or options.steady
        print(json.dumps(run_here(step, rest[0], Path(rest[1])) if options.run else steady_here(step, Path(*rest))))
        return
    with tempfile.TemporaryDirectory(prefix="megacache-benchmark-") as name:
        promises = measure(options, Fresh(Path(name)))
    finish(promises, options.json)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="warm starts of each way, and processes in steady state")
    parser.add_argument("--only", choices=[*PROGRAMS, "steady"], help="measure one thing")
    parser.add_argument("--hide-compiler", action="store_true", help="start warm once more with no compiler on PATH")
    add_json_option(parser)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--steady", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace, fresh: Fresh) -> list[Promise]:
    """Measure what was chosen, show the tables, and return the promises."""
    console = Console(width=None if sys.stdout.isatty() else 130)
    promises = []
    for program, title in PROGRAMS.items():
        if options.only in (None, program):
            print(title, flush=True)
            ways = ways_of(program, options.pairs, fresh)
            console.print(table(program, ways))
            promises += promises_of(program, ways)
            if options.hide_compiler:
                promises.append(hidden_promise(program, fresh))
    if options.only in (None, "steady"):
        print("steady state", flush=True)
        promises.append(steady_promise(options.pairs, fresh))
    return promises


def hidden_promise(program: str, fresh: Fresh) -> Promise:
    """Start warm where there is no compiler at all."""
    run = fresh.start(program, "ours", fresh.folder / f"{program}.ours", is_warm=True, has_compiler=False)
    is_right = not run.died and not run.traced and run.difference <= TOLERANCE
    measured = run.died or f"{run.seconds:.2f} s, {run.traced} graphs traced, difference {run.difference:.1e}"
    return Promise(f"{program}: no compiler on PATH", measured, "it works", is_right)


if __name__ == "__main__":
    main()
