"""Promises: what the project promises, beside what a benchmark measured.

Every benchmark ends in the same way: it prints its promises, writes them where `--json` says, and exits with 1 if one
is missed. `readme_tables.py` makes the table of the README of these files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True)
class Promise:
    """One promise beside what was measured.

    Attributes:
        what: What was measured; the same in each run, since the README's rows go by it.
        measured: The number for people, with its unit, and with other numbers in brackets: those of a ratio
            in its order.
        promised: The bound, for people.
        is_kept: Whether what was measured is within it.
    """

    what: str
    measured: str
    promised: str
    is_kept: bool

    def __str__(self) -> str:
        """Return one line for people."""
        missed = "" if self.is_kept else "   MISSED"
        return f"{self.what:47} {self.measured:43} promised: {self.promised}{missed}"


def at_most(what: str, found: float, limit: float, unit: str = "x", *, beside: str = "") -> Promise:
    """Return the promise that a number is no larger than a limit.

    Args:
        what: What was measured.
        found: The number; not a number is no kept promise.
        limit: The largest that is promised.
        unit: Of both.
        beside: What else was measured, for people.
    """
    return Promise(what, _number(found, unit, beside), f"at most {_number(limit, unit)}", found <= limit)


def at_least(what: str, found: float, limit: float, unit: str = "x", *, beside: str = "") -> Promise:
    """Return the promise that a number is no smaller than a limit.

    Args:
        what: What was measured.
        found: The number; not a number is no kept promise.
        limit: The smallest that is promised.
        unit: Of both.
        beside: What else was measured, for people.
    """
    return Promise(what, _number(found, unit, beside), f"at least {_number(limit, unit)}", found >= limit)


def below(what: str, found: float, limit: float, unit: str, *, beside: str = "") -> Promise:
    """Return the promise that a number is smaller than a limit.

    Args:
        what: What was measured.
        found: The number; not a number is no kept promise.
        limit: What it stays under.
        unit: Of both.
        beside: What else was measured, for people.
    """
    return Promise(what, _number(found, unit, beside), f"under {_number(limit, unit)}", found < limit)


def none(what: str, count: int) -> Promise:
    """Return the promise that nothing of a kind happens.

    Args:
        what: What was counted.
        count: How often it happened.
    """
    return Promise(what, f"{count:,}", "none", count == 0)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option `--json FILE`, which `finish` takes."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the promises there, too")


def finish(promises: Sequence[Promise], json_path: Path | None = None) -> NoReturn:
    """Print what was promised beside what is, write it, and end with 1 if a promise is missed.

    Args:
        promises: All of a benchmark; without one it ends with 1, too.
        json_path: What the option `--json` was given.
    """
    for each in promises:
        print(each, flush=True)
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(each) for each in promises], indent=2) + "\n", encoding="utf-8")
    sys.exit(not (promises and all(each.is_kept for each in promises)))


def read(json_path: Path) -> list[Promise]:
    """Return the promises that a benchmark wrote.

    Args:
        json_path: The file.
    """
    return [Promise(**each) for each in json.loads(json_path.read_text(encoding="utf-8"))]


def _number(value: float, unit: str, beside: str = "") -> str:
    """Return a number of three or four digits with its unit, after which other numbers stand in brackets."""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}" if unit == "x" else f"{value:.3g}"
    return f"{digits}{'' if unit == 'x' else ' '}{unit}{f' ({beside})' if beside else ''}"
