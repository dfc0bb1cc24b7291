"""How long `megacache ls` of 10,000 artifacts takes, as a whole process. Promised: under 0.5 s, torch not imported.

Run it with `python benchmarks/listing.py [--json FILE]`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from promises import add_json_option, below, finish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from megacache.bundle import Bundle
from samples import large_recording

ARTIFACT_COUNT = 10_000
ROUNDS = 9
PROMISED_S = 0.5


def main() -> None:
    """Measure, print, and exit with 1 if the promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.megacache"
        recording, contents = large_recording(ARTIFACT_COUNT)
        with Bundle.create(path) as bundle:
            bundle.append(recording, contents)
        seconds = [listing_seconds(path) for _ in range(ROUNDS)]
    what = f"megacache ls of {ARTIFACT_COUNT:,} artifacts"
    beside = f"best {min(seconds):.3f} s"
    finish([below(what, statistics.median(seconds), PROMISED_S, "s", beside=beside)], options.json)


def listing_seconds(path: Path) -> float:
    """Return how long one listing took, from start to end of its process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "megacache", "ls", str(path)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
