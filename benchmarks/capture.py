"""What capture costs: the first two ratios that megacache promises.

    python benchmarks/capture.py [--pairs 5]

1. A cold compile of a 12-layer transformer, forward and backward, with capture against without: fresh processes with
   empty caches, in pairs whose order alternates; the median of the pairs' ratios. Promised: at most 1.05.
2. A compiled call in steady state, with megacache enabled against without: one process, in turns. At most 1.02.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from promises import add_json_option, at_most, finish

MOST_COLD, MOST_STEADY = 1.05, 1.02


def cold(is_captured: bool) -> float:
    """Return the seconds that the first forward and backward take in this process."""
    import torch
    import torch._inductor.compile_fx  # in both cases the compiler's modules are there before the clock starts
    from torch._dynamo.utils import get_compilation_metrics
    from transformer import transformer

    model, x = transformer(), torch.randn(2, 32, 128)
    if is_captured:
        import megacache

        megacache.enable()
    start = time.perf_counter()
    torch.compile(model)(x).sum().backward()
    seconds = time.perf_counter() - start
    if is_captured:
        accounted_s = sum(each.structured_logging_overhead_us or 0 for each in get_compilation_metrics()) / 1e6
        print(f"    torch accounts {accounted_s:.2f} s of {seconds:.1f} s to being listened to", file=sys.stderr)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            report = megacache.save(Path(folder) / "cold.megacache")
        print(f"    saved in {time.perf_counter() - start:.2f} s: {report}", file=sys.stderr)
    return seconds


def steady(rounds: int = 41, calls: int = 3000) -> float:
    """Return the ratio of a compiled call's time with megacache enabled against without, the median of rounds."""
    import torch

    import megacache

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x) * 2 + 1

    x = torch.randn(64)
    step(x)

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(calls):
            step(x)
        return time.perf_counter() - start

    ratios = []
    for at in range(rounds):
        times = {}
        for is_on in (True, False) if at % 2 else (False, True):
            (megacache.enable if is_on else megacache.disable)()
            times[is_on] = seconds()
        ratios.append(times[True] / times[False])
    return statistics.median(ratios)


def in_fresh_process(what: str) -> float:
    """Run one measurement of this file in a fresh process with empty caches, and return its number."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        command = [sys.executable, __file__, "--only", what]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, print the ratios beside what is promised, and exit with 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of cold compiles")
    parser.add_argument("--only", choices=["captured", "plain", "steady"], help=argparse.SUPPRESS)
    add_json_option(parser)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(steady() if options.only == "steady" else cold(options.only == "captured")))
        return
    ratios = []
    for at in range(options.pairs):
        order = ("captured", "plain") if at % 2 else ("plain", "captured")
        seconds = {what: in_fresh_process(what) for what in order}
        ratios.append(seconds["captured"] / seconds["plain"])
        print(
            f"  pair {at + 1}: plain {seconds['plain']:.1f} s, captured {seconds['captured']:.1f} s, "
            f"ratio {ratios[-1]:.3f}",
            flush=True,
        )
    promises = [
        at_most("cold compile captured / not", statistics.median(ratios), MOST_COLD),
        at_most("steady call enabled / not", in_fresh_process("steady"), MOST_STEADY),
    ]
    finish(promises, options.json)


if __name__ == "__main__":
    main()
