"""How large a bundle is, against torch's own bytes for the same session, and after many saves.

    python benchmarks/size.py

1. A function of five graphs is compiled with `caching_precompile` and saved by torch, and what torch saved becomes a
   bundle. Promised: a tenth of torch's bytes, although the bundle also has rows that tell what the artifacts hold. A
   session of megacache with the same function holds more than torch saves, above all the compiled kernels, which do not
   repeat each other; how it compares is shown in brackets.
2. That session of megacache is saved after each of twenty calls, while its five graphs come to be. Promised: at most
   1.1 times the bytes of one save at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from promises import Promise, add_json_option, at_least, at_most, finish
from ways import keeping

SAVE_COUNT = 20
LEAST_SMALLER = 10
MOST_GROWTH = 1.1
WAYS = ("precompile", "ours", "often")


def run_here(way: str, kept: Path) -> int:
    """Compile five graphs in this process, keep them in one way, and return how many bytes that took.

    Args:
        way: One of `WAYS`: torch's own, one save of ours, or one after each call.
        kept: The file.
    """
    import torch
    from five_graphs import five_graphs, five_graphs_calls

    import megacache

    calls = five_graphs_calls()
    calls += [calls[number % len(calls)] for number in range(SAVE_COUNT - len(calls))]
    with torch.inference_mode():
        if way == "often":
            with megacache.session("often", bundle=kept) as session:
                compiled = torch.compile(five_graphs)
                for arguments in calls:
                    compiled(*arguments)
                    session.save()
        else:
            with keeping(way, kept):
                compiled = torch.compile(five_graphs)
                for arguments in calls:
                    compiled(*arguments)
    return kept.stat().st_size


def in_fresh_process(way: str, folder: Path) -> int:
    """Run one way in a fresh process with empty caches, and return the bytes that it kept."""
    command = [sys.executable, __file__, "--run", way, str(folder / f"five.{way}")]
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(folder / f"cache-{way}")}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


def imported_size(saved: Path) -> int:
    """Put what torch saved into a bundle, and return the size of that."""
    from megacache.bundle import Bundle

    with Bundle.from_torch(saved.read_bytes(), saved.with_suffix(".megacache")) as bundle:
        return bundle.size_bytes


def promises_of(sizes: dict[str, int], imported_bytes: int) -> list[Promise]:
    """Return what is promised beside what the ways kept."""
    torchs, ours, often = (sizes[way] for way in WAYS)
    beside = (
        f"{torchs / 1e6:.2f} MB and {imported_bytes / 1e3:.0f} kB",
        f"a session with its kernels {ours / 1e3:.0f} kB, {torchs / ours:.1f}x",
    )
    return [
        at_least(
            "bundle of torch's session: torch's bytes / ours",
            torchs / imported_bytes,
            LEAST_SMALLER,
            beside="; ".join(beside),
        ),
        at_most(f"bundle: {SAVE_COUNT} saves / one save", often / ours, MOST_GROWTH, beside=f"{often / 1e3:.0f} kB"),
    ]


def main() -> None:
    """Measure, print what was promised beside what is, and exit with 1 if something is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_json_option(parser)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run_here(options.run[0], Path(options.run[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="megacache-size-") as name:
        sizes = {way: in_fresh_process(way, Path(name)) for way in WAYS}
        promises = promises_of(sizes, imported_size(Path(name) / "five.precompile"))
    finish(promises, options.json)


if __name__ == "__main__":
    main()
