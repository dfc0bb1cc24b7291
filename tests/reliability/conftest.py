"""What the tests of reliability count is gathered, shown at the end, and written as JSON where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Figures = dict[str, dict[str, float]]
FIGURES = pytest.StashKey[Figures]()
OPTION = "--reliability-figures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the file of figures; name this folder on the command line too, for pytest reads it too late otherwise."""
    parser.addoption(OPTION, metavar="FILE", default=None, help="write what the tests of reliability counted, as JSON")


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Take the figures of one test: `figures("kill", kills=200, lost=0)`; those of one name and label add up."""
    gathered = request.config.stash.setdefault(FIGURES, {})

    def add(name: str, **numbers: float) -> None:
        known = gathered.setdefault(name, {})
        for label, number in numbers.items():
            known[label] = known.get(label, 0) + number

    return add


def table(figures: Figures) -> str:
    """Return one line per name, each with its figures."""
    width = max(map(len, figures))
    return "\n".join(f"{name:{width}}  {told(numbers)}" for name, numbers in figures.items())


def told(numbers: dict[str, float]) -> str:
    """Return the figures of one name, as people read them."""
    return ", ".join(f"{label.replace('_', ' ')} {number:,}" for label, number in numbers.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures, and write them."""
    figures = config.stash.get(FIGURES, {})
    if not figures:
        return
    terminalreporter.section("reliability")
    terminalreporter.write_line(table(figures))
    file = config.getoption(OPTION, default=None)
    if file is not None:
        Path(file).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
