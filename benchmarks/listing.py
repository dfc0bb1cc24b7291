"""How long `megacache ls` of 10,000 artifacts takes, as a whole process. Promised: under 0.5 s, torch not imported.

Run it with `make benchmark`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from megacache.bundle import Bundle
from samples import large_recording

ARTIFACT_COUNT = 10_000
ROUNDS = 9
PROMISED_S = 0.5


def main() -> None:
    """Measure, print, and exit with 1 if the promise is not kept."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.megacache"
        recording, contents = large_recording(ARTIFACT_COUNT)
        with Bundle.create(path) as bundle:
            bundle.append(recording, contents)
        seconds = [listing_seconds(path) for _ in range(ROUNDS)]
    median_s = statistics.median(seconds)
    print(f"megacache ls, {ARTIFACT_COUNT:,} artifacts: median {median_s:.3f} s, best {min(seconds):.3f} s")
    sys.exit(median_s >= PROMISED_S)


def listing_seconds(path: Path) -> float:
    """Return how long one listing took, from start to end of its process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "megacache", "ls", str(path)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
