"""A call in steady state, of one function that was started in three ways: one process, in turns.

The function is copied into three modules, so that torch takes it for three.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import torch
from torch._dynamo.utils import counters
from ways import WAYS, keeping

KEPT = ("precompile", "ours")
SOURCE = Path(__file__).with_name("small.py")


def keep(folder: Path) -> None:
    """Compile the function by torch's own precompile and by ours, and keep both."""
    for way in KEPT:
        started(way, folder)


def measure(folder: Path, rounds: int = 31, calls: int = 3000) -> dict[str, float]:
    """Return how a served call's time compares with that of torch's own precompile and of a plain compile.

    Args:
        folder: Where `keep` has kept.
        rounds: The medians are taken over these.
        calls: In each turn.
    """
    compiled = {"plain": started("plain", folder)}
    traced = counters["stats"]["unique_graphs"]
    for way in KEPT:
        compiled[way] = started(way, folder)
        if counters["stats"]["unique_graphs"] != traced:
            sys.exit(f"{WAYS[way]} traced what it had kept: there is nothing to compare")
    ratios = {way: [] for way in compiled}
    for at in range(rounds):
        order = list(compiled) if at % 2 else list(reversed(compiled))
        times = {way: seconds(compiled[way], calls) for way in order}
        for way in compiled:
            ratios[way].append(times["ours"] / times[way])
    return {way: statistics.median(ratios[way]) for way in compiled if way != "ours"}


def started(way: str, folder: Path) -> Callable[[], torch.Tensor]:
    """Return the compiled function, started in one way, with its arguments; it has run once."""
    function = function_named(f"small_{way}", folder)
    torch.manual_seed(0)
    arguments = [torch.randn(8, 8) for _ in range(3)]
    with keeping(way, folder / f"small.{way}") if way in KEPT else nullcontext():
        compiled = torch.compile(function)  # torch's own looks for what was kept here
        compiled(*arguments)
    return lambda: compiled(*arguments)


def function_named(name: str, folder: Path) -> Callable[..., torch.Tensor]:
    """Return the small function of a module of this name, whose file is a copy in the folder."""
    path = folder / f"{name}.py"
    path.write_bytes(SOURCE.read_bytes())
    spec = spec_from_file_location(name, path)
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.small


def seconds(call: Callable[[], torch.Tensor], calls: int) -> float:
    """Return how long so many calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start
