"""How quickly the explorer shows and searches 100,000 nodes, in a real browser, and how large its front end is.

    python benchmarks/explorer.py [--rounds 5]

Promised: first rows under 1.5 s from the opening of the page, a search under 0.3 s, the front end under 200 kB. The
page is an exported one, with every detail in it, so the browser also has the whole file to read.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from promises import add_json_option, below, finish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from megacache.bundle import Bundle
from megacache.views.tree import Tree
from samples import large_recording

ARTIFACT_COUNT = 44_500
"""With these the tree has a little more than 100,000 nodes."""

FIRST_ROWS_S, SEARCH_S, FRONT_END_BYTES = 1.5, 0.3, 200_000
STATIC = Path(__file__).parents[1] / "megacache" / "explorer" / "static"
CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    """Measure, print, and exit with 1 if a promise is not kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5, help="how often the page is opened")
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        page_path = Path(name) / "large.html"
        node_count = write_page(page_path)
        print(f"{node_count:,} nodes, a page of {page_path.stat().st_size / 1e6:.1f} MB")
        rows, searches = measured(page_path, options.rounds)
    front_end_bytes = max(path.stat().st_size for path in STATIC.glob("*.js"))
    promises = [
        below("explorer, 100,000 nodes: first rows", statistics.median(rows), FIRST_ROWS_S, "s"),
        below("explorer, 100,000 nodes: search", statistics.median(searches), SEARCH_S, "s"),
        below("explorer: its front end", front_end_bytes / 1000, FRONT_END_BYTES / 1000, "kB"),
    ]
    finish(promises, options.json)


def write_page(path: Path) -> int:
    """Write the page, and return how many nodes its tree has."""
    recording, contents = large_recording(ARTIFACT_COUNT)
    with Bundle.create(path.with_suffix(".megacache")) as bundle:
        bundle.append(recording, contents)
        bundle.export_html(path)
    return sum(1 for _ in Tree.of(recording).walk())


def measured(page_path: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds to the first rows, and those of a search, once per round in a browser of its own."""
    rows: list[float] = []
    searches: list[float] = []
    with sync_playwright() as playwright:
        for _ in range(rounds):
            browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            rows.append(timed(lambda: open_page(page, page_path)))  # noqa: B023  called at once
            searches.append(timed(lambda: search(page)))  # noqa: B023
            browser.close()
    return rows, searches


def open_page(page: Page, path: Path) -> None:
    """Open the page and wait for its first row."""
    page.goto(path.as_uri(), wait_until="commit")
    page.get_by_role("treeitem").first.wait_for()


def search(page: Page) -> None:
    """Search for a few functions among all nodes, and wait until they are the first rows."""
    page.get_by_role("searchbox", name="Search the tree").fill("Layer777")
    page.get_by_role("treeitem", name=re.compile("Layer777")).first.wait_for()


def timed(action: Callable[[], None]) -> float:
    """Return how long something took."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
