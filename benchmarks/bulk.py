"""What a first save and a load of 200 MB take, in time and in memory, against torch's own.

    python benchmarks/bulk.py [--rounds 5]

The contents are real artifacts, multiplied as `varied.py` tells; the same number of random bytes is measured beside
them once, as the worst case, of which nothing is promised. Every measurement is a fresh process, torch's and ours in
turns.

1. A first save, until it is on the disk. Torch's: `save_cache_artifacts`, a write of the file and an fsync. Promised:
   at least half of torch's throughput. The time without torch's fsync is printed as well; ours always has its own.
2. A load into an empty cache directory. Torch's: a read of the file and `load_cache_artifacts`. Promised: at most
   torch's time.
3. The peak of the resident memory while saving and loading above what was resident before, when torch holds its own
   contents, as the kernel counts it (`VmHWM`). Promised: at most 1.5 times the largest pack.

A small save or load goes before each, so that nobody's imports count.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import varied
from promises import Promise, add_json_option, at_least, at_most, finish

SIZE_BYTES = 200_000_000
LEAST_THROUGHPUT = 0.5
MOST_LOAD_TIME = 1.0
MOST_MEMORY = 1.5
MEBIBYTE = 1 << 20

KINDS = {"real": "real artifacts, varied", "random": "random bytes, the worst case"}


# -- one measurement, in a process of its own


class Meter:
    """Measures one action.

    Attributes:
        seconds: What it took.
        peak_bytes: How far the resident memory rose above what it was before.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_bytes = 0

    def run(self, action: Callable[[], object]) -> None:
        """Do it, once."""
        gc.collect()
        # Source: `/proc/PID/clear_refs` in proc(5): 5 makes the peak begin anew.
        Path("/proc/self/clear_refs").write_text("5")
        resident_bytes = _status_bytes("VmRSS")
        started = time.perf_counter()
        action()
        self.seconds = time.perf_counter() - started
        self.peak_bytes = _status_bytes("VmHWM") - resident_bytes


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def torch_save(contents: Path, folder: Path) -> dict[str, float]:
    """Save as torch does."""
    import torch

    file, meter = folder / "torch", Meter()

    def save() -> None:
        saved = torch.compiler.save_cache_artifacts()
        if saved is None:
            raise RuntimeError("torch saved nothing")
        file.write_bytes(saved[0])

    _record(contents)
    meter.run(save)
    started = time.perf_counter()
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return {"seconds": meter.seconds, "fsync_s": time.perf_counter() - started, "peak_bytes": meter.peak_bytes}


def our_save(contents: Path, folder: Path) -> dict[str, float]:
    """Save into a new bundle."""
    import megacache

    path, meter = folder / "bulk.megacache", Meter()
    path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as before, megacache.session("bulk") as session:
        session.save(Path(before) / "small.megacache")
        _record(contents)
        meter.run(lambda: session.save(path))
    connection = sqlite3.connect(path)
    (pack_bytes,) = connection.execute("SELECT max(raw_size_bytes) FROM pack").fetchone()
    connection.close()
    sizes = {"pack_bytes": pack_bytes, "size_bytes": path.stat().st_size}
    return {"seconds": meter.seconds, "peak_bytes": meter.peak_bytes, **sizes}


def our_small_save(contents: Path, folder: Path) -> dict[str, float]:
    """Save the few artifacts that were compiled, which `our_load` loads first."""
    import megacache

    with megacache.session("small", bundle=folder / "small.megacache"):
        _record(contents)
    return {}


def torch_load(contents: Path, folder: Path) -> dict[str, float]:
    """Load as torch does."""
    import torch

    meter = Meter()
    torch.compiler.load_cache_artifacts((folder / "compiled").read_bytes())
    meter.run(lambda: torch.compiler.load_cache_artifacts(contents.read_bytes()))
    return {"seconds": meter.seconds, "peak_bytes": meter.peak_bytes}


def our_load(contents: Path, folder: Path) -> dict[str, float]:
    """Load the bundle that `our_save` wrote."""
    import megacache

    meter, reports = Meter(), []
    megacache.load(folder / "small.megacache")
    meter.run(lambda: reports.append(megacache.load(folder / "bulk.megacache")))
    loaded_count = sum(each.verdict == "loaded" for each in reports[0].verdicts)
    if loaded_count < len(varied.read_artifacts(contents.read_bytes())):
        raise RuntimeError(f"only {loaded_count} artifacts were loaded")
    return {"seconds": meter.seconds, "peak_bytes": meter.peak_bytes}


def _record(contents: Path) -> None:
    """Let torch record the artifacts, as it does when it compiles; where megacache listens, it hears of each."""
    from torch.compiler._cache import CacheArtifactManager

    CacheArtifactManager._ensure_cache_artifacts_registered()  # noqa: SLF001  It has no other name.
    for each in varied.read_artifacts(contents.read_bytes()):
        CacheArtifactManager.record_artifact(each.artifact_type, each.cache_key, each.content)


STEPS: dict[str, Callable[[Path, Path], dict[str, float]]] = {
    "our_small_save": our_small_save,
    "torch_save": torch_save,
    "our_save": our_save,
    "torch_load": torch_load,
    "our_load": our_load,
}


# -- all of them


def run(step: str, contents: Path, folder: Path) -> dict[str, float]:
    """Run one step in a fresh process with an empty cache directory, and return what it measured."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, __file__, "--step", step, str(contents), str(folder)]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def rounds_of(contents: Path, folder: Path, round_count: int) -> dict[str, list[dict[str, float]]]:
    """Measure each step as often as there are rounds; what was written goes to the disk before the next begins."""
    found: dict[str, list[dict[str, float]]] = {}
    for at in range(round_count):
        for pair in (("torch_save", "our_save"), ("torch_load", "our_load")):
            for step in pair if at % 2 else reversed(pair):
                os.sync()
                found.setdefault(step, []).append(run(step, contents, folder))
    return found


class Findings:
    """What was measured of one kind of contents.

    Args:
        found: Of each step, each of its runs.
    """

    def __init__(self, found: dict[str, list[dict[str, float]]]) -> None:
        self._found = found
        self._saves, self._loads = (
            list(zip(found[f"torch_{verb}"], found[f"our_{verb}"], strict=True)) for verb in ("save", "load")
        )

    @property
    def throughput(self) -> float:
        """The throughput of our save against torch's, both until it is on the disk."""
        return statistics.median(
            (theirs["seconds"] + theirs["fsync_s"]) / ours["seconds"] for theirs, ours in self._saves
        )

    @property
    def throughput_unsynced(self) -> float:
        """The same with torch's file not on the disk yet."""
        return statistics.median(theirs["seconds"] / ours["seconds"] for theirs, ours in self._saves)

    @property
    def load_time(self) -> float:
        """The time of our load against torch's."""
        return statistics.median(ours["seconds"] / theirs["seconds"] for theirs, ours in self._loads)

    def peak_bytes(self, step: str) -> float:
        """Return the highest peak of a step."""
        return max(each["peak_bytes"] for each in self._found[step])

    def packs(self, verb: str) -> float:
        """Return how many of the largest packs our peak is."""
        return self.peak_bytes(f"our_{verb}") / self._found["our_save"][0]["pack_bytes"]

    def tell(self) -> None:
        """Print all of it."""
        print(f"    {self._found['our_save'][0]['size_bytes'] / 1e6:.1f} MB of bundle")
        for step, runs in self._found.items():
            middle = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
            more = f" + {middle['fsync_s']:.2f} s of fsync" if "fsync_s" in middle else ""
            peak = f"peak {self.peak_bytes(step) / MEBIBYTE:.1f} MiB"
            print(f"    {step.replace('_', ' '):12} {middle['seconds']:.2f} s{more}, {peak}")
        ratios = f"{self.throughput:.2f}x of torch's ({self.throughput_unsynced:.2f}x without its fsync)"
        print(f"    throughput of a save {ratios}, time of a load {self.load_time:.2f}x", flush=True)

    def promises(self) -> list[Promise]:
        """Return what is promised, beside it."""
        unsynced = f"{self.throughput_unsynced:.2f}x without its fsync"
        return [
            at_least("save 200 MB: throughput, ours / torch's", self.throughput, LEAST_THROUGHPUT, beside=unsynced),
            at_most("load 200 MB: time, ours / torch's", self.load_time, MOST_LOAD_TIME),
            *(self._memory(verb) for verb in ("save", "load")),
        ]

    def _memory(self, verb: str) -> Promise:
        ours, theirs = (self.peak_bytes(f"{whose}_{verb}") / MEBIBYTE for whose in ("our", "torch"))
        beside = f"{ours:.0f} MiB, torch's {theirs:.0f}"
        return at_most(f"{verb} 200 MB: peak memory / largest pack", self.packs(verb), MOST_MEMORY, beside=beside)


def measure(options: argparse.Namespace, folder: Path) -> list[Promise]:
    """Make the contents, measure, and return the promises."""
    compile_in_fresh_process(folder / "compiled")
    run("our_small_save", folder / "compiled", folder)
    varied.multiply(folder / "compiled", folder / "real", options.size)
    varied.random_like(folder / "real", folder / "random")
    promises = []
    for kind, name in KINDS.items():
        print(f"  {name}", flush=True)
        findings = Findings(rounds_of(folder / kind, folder, options.rounds if kind == "real" else 1))
        findings.tell()
        promises += findings.promises() if kind == "real" else []
    return promises


def compile_in_fresh_process(file: Path) -> None:
    """Compile with an empty cache directory, so that torch records every artifact."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        subprocess.run([sys.executable, __file__, "--compile", str(file)], env=environment, check=True)


def main() -> None:
    """Measure, print what was promised beside what is, and exit with 1 if something is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each step is measured")
    parser.add_argument("--size", type=int, default=SIZE_BYTES, help="bytes of contents")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--compile", type=Path, help=argparse.SUPPRESS)
    add_json_option(parser)
    options = parser.parse_args()
    if options.compile:
        varied.compile_some(options.compile)
    elif options.step:
        step, contents, folder = options.step
        print(json.dumps(STEPS[step](Path(contents), Path(folder))))
    else:
        with tempfile.TemporaryDirectory(prefix="megacache-benchmark-") as name:
            promises = measure(options, Path(name))
        finish(promises, options.json)


if __name__ == "__main__":
    main()
