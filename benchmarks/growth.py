"""What an artifact costs as artifacts grow from 100 to 100,000: time to save and to list, and bytes of file.

    python benchmarks/growth.py [--rounds 3] [--picture docs/growth.svg]

The artifacts are those of one made-up session whose contents are small, so that rows and digests are what counts: two
artifacts to a compiled graph, two compiles to a function, each artifact with one use. Each number of them is saved into
a new bundle in one save, fsync included; then one more artifact is saved into it, as a session does that goes on; and
then it is opened and all of its rows are read. Of each time the best of the rounds, since what else the machine does
only adds to it. Promised: the cost of an artifact, and of one more, at 100,000 is at most twice that at 1,000. At 100 a
save is mostly its fixed cost.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from log_plot import Line, Panel, log_plot
from promises import Promise, add_json_option, at_most, finish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from megacache.bundle import Bundle
from megacache.bundle.progress import Progress
from megacache.recording import Recording
from samples import Contents, large_recording

COUNTS = (100, 1_000, 10_000, 100_000)
COMPARED = (1_000, 100_000)
MOST_GROWTH = 2
SAVES_OF_ONE = 15
PICTURE = Path(__file__).parents[1] / "docs" / "growth.svg"


@dataclass(frozen=True)
class Cost:
    """What artifacts cost: per artifact, but for one more artifact as a whole."""

    save_us: float
    one_more_us: float
    list_us: float
    size_bytes: float


def cost_of(artifact_count: int, folder: Path) -> Cost:
    """Save, add to and list a bundle of so many artifacts."""
    path = folder / f"{artifact_count}.megacache"
    path.unlink(missing_ok=True)
    save_us, size_bytes, one_more_us = saving(artifact_count, path)
    list_us = microseconds(lambda: read_rows(path))
    return Cost(save_us / artifact_count, one_more_us, list_us / artifact_count, size_bytes / artifact_count)


def saving(artifact_count: int, path: Path) -> tuple[float, int, float]:
    """Save so many artifacts, and one more some times, as a session does that goes on.

    Returns:
        The microseconds of the first save, the size of the file after it, and the microseconds of one more.
    """
    progress = Progress()

    def save(recording: Recording, contents: Contents) -> float:
        reached = {session.session_id: 1 for session in whole.sessions}
        return microseconds(lambda: progress.append(path, list(reached), lambda _: (recording, reached), contents))

    whole, contents = large_recording(artifact_count)
    Bundle.create(path).close()
    save_us = save(whole, contents)
    size_bytes = path.stat().st_size
    one_more_us = statistics.median(save(*one_more(whole, number)) for number in range(SAVES_OF_ONE))
    return save_us, size_bytes, one_more_us


def one_more(recording: Recording, number: int) -> tuple[Recording, Contents]:
    """Return a recording of one artifact that no other has, with its use and its content."""
    contents = Contents()
    content = f"one more, {number}".encode() * 20
    artifact = replace(
        recording.artifacts[-1],
        cache_key=f"one-more-{number}",
        content_sha256=contents.add(content),
        size_bytes=len(content),
    )
    last = recording.artifact_uses[-1]
    use = replace(
        last,
        ordinal=last.ordinal + 1 + number,
        cache_key=artifact.cache_key,
        content_sha256=artifact.content_sha256,
        components_sha256=None,
    )
    return Recording(artifacts=(artifact,), artifact_uses=(use,)), contents


def read_rows(path: Path) -> Recording:
    """Open a bundle and read all of its rows."""
    with Bundle.open(path) as bundle:
        return bundle.recording()


def microseconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    gc.collect()
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1e6


def best(costs: list[Cost]) -> Cost:
    """Return the best of several rounds."""
    return Cost(*map(min, zip(*map(astuple, costs), strict=True)))


def promises_of(costs: dict[int, Cost]) -> list[Promise]:
    """Compare the cost of an artifact among many with that among few."""
    few, many = (costs[count] for count in COMPARED)
    names = {
        "save_us": "save, per artifact",
        "one_more_us": "save of one more artifact",
        "list_us": "listing, per artifact",
        "size_bytes": "bytes, per artifact",
    }
    promises = []
    for field, name in names.items():
        unit = " B" if field == "size_bytes" else " us"
        at_few, at_many = getattr(few, field), getattr(many, field)
        beside = f"{at_many:,.0f}{unit} and {at_few:,.0f}{unit}"
        promises.append(at_most(f"{name}: 100,000 / 1,000", at_many / at_few, MOST_GROWTH, beside=beside))
    return promises


def picture_of(costs: dict[int, Cost]) -> str:
    """Draw the costs over the numbers of artifacts."""

    def line(name: str, field: str) -> Line:
        return Line(name, [getattr(cost, field) for cost in costs.values()])

    times = [
        line("one more artifact", "one_more_us"),
        line("first save, each", "save_us"),
        line("listing, each", "list_us"),
    ]
    title = "Time in microseconds and bytes of file per artifact, from 100 to 100,000 artifacts"
    panels = [
        Panel("Microseconds", times, 1, 5),
        Panel("Bytes of file", [line("each artifact", "size_bytes")], 2, 4),
    ]
    return log_plot(title, "artifacts in the bundle", list(costs), panels)


def main() -> None:
    """Measure, draw, and end with what was promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each number is measured")
    parser.add_argument("--picture", type=Path, default=PICTURE, metavar="FILE", help="write the picture there, as SVG")
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="megacache-benchmark-") as name:
        rounds = [{count: cost_of(count, Path(name)) for count in COUNTS} for _ in range(options.rounds)]
    costs = {count: best([each[count] for each in rounds]) for count in COUNTS}
    for count, cost in costs.items():
        print(
            f"  {count:7,} artifacts: save {cost.save_us:.0f} us each, one more {cost.one_more_us:.0f} us, "
            f"listing {cost.list_us:.0f} us each, {cost.size_bytes:.0f} bytes each"
        )
    options.picture.write_text(picture_of(costs), encoding="utf-8")
    finish(promises_of(costs), options.json)


if __name__ == "__main__":
    main()
