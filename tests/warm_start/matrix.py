"""The matrix: all cases at all places, run in processes phase by phase, judged and shown as one table."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warm_start.cases import ITEMS

from forgery import forge

if TYPE_CHECKING:
    from warm_start.case import Item

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]

QUICK = {"TORCHINDUCTOR_VEC_ISA_OK": "1"}
"""Where the vector instructions do not matter, the seconds of finding them out are saved."""

PATIENCE_S = 300
"""A case that takes longer is taken for dead."""

BAD = ("wrong", "crashed", "died", "fault")


@dataclass(frozen=True)
class Row:
    """What became of one case at one place; `got` are the verdicts of its warm runs, or what went wrong."""

    item: Item
    got: str
    is_right: bool
    reason: str
    seconds: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Say whether the user would have got something wrong, or nothing."""
        return self.got.startswith(BAD)

    @property
    def is_hit_wanted(self) -> bool:
        """Say whether every warm run was to be a hit."""
        return set(self.item.expected.split(", ")) == {"hit"}

    @property
    def is_hit(self) -> bool:
        """Say whether every warm run was a hit."""
        return set(self.got.split(", ")) == {"hit"}


@dataclass
class Matrix:
    """One run of the matrix.

    Args:
        items: What to run.
        folder: Where texts, caches and bundles go; empty.
        capture: A name of `captures.CAPTURES`.
        jobs: How many processes may run side by side.
    """

    items: Sequence[Item]
    folder: Path
    capture: str = "megacache"
    jobs: int = 1
    outcomes: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def run(self) -> list[Row]:
        """Run every phase, and judge."""
        for name in ("modules", "bundles", "cache"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for phase in range(max((len(item.case.runs) for item in self.items), default=0)):
            self._run_phase(phase)
        return [self._judged(item) for item in self.items]

    def _run_phase(self, phase: int) -> None:
        groups: dict[tuple[tuple[str, str], ...], list[Item]] = defaultdict(list)
        for item in self.items:
            if phase < len(item.case.runs) and not self._is_over(item, phase):
                groups[tuple(sorted((item.case.runs[phase].env or QUICK).items()))].append(item)
                self._tamper(item, phase)
        waiting = [
            Batch(self, phase, dict(env), [item.id for item in items[at :: self.jobs]], f"{phase}-{number}-{at}")
            for number, (env, items) in enumerate(groups.items())
            for at in range(self.jobs)
            if items[at :: self.jobs]
        ]
        running: list[Batch] = []
        while waiting or running:
            while waiting and len(running) < self.jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.1)
            running = [batch for batch in running if not batch.is_over()]

    def _is_over(self, item: Item, phase: int) -> bool:
        """Say whether an earlier run went so wrong that the next one would tell nothing."""
        return any(self.outcomes[item.id, at]["status"] in ("crashed", "died") for at in range(phase))

    def _tamper(self, item: Item, phase: int) -> None:
        if phase == 1 and item.case.tamper:
            forge(self.folder / "bundles" / f"{item.id}.megacache", item.case.tamper)

    def _judged(self, item: Item) -> Row:
        outcomes = [self.outcomes[key] for at in range(len(item.case.runs)) if (key := (item.id, at)) in self.outcomes]
        seconds = sum(each["seconds"] for each in outcomes)
        for at, outcome in enumerate(outcomes):
            if outcome["status"] != "right":
                when = "cold" if at == 0 else "warm" if len(item.case.runs) == 2 else f"run {at + 1}"
                return Row(item, f"{outcome['status']} ({when})", False, outcome["message"], seconds)
        got = [each["verdict"] for each in outcomes[1:]]
        wanted = [run.expected.split(" or ") for run in item.case.runs[1:]]
        reason = "; ".join(outcomes[-1]["reasons"])
        is_right = all(each in allowed for each, allowed in zip(got, wanted, strict=True))
        if is_right and item.case.reason not in reason and self.capture == "megacache":
            is_right, reason = False, f"no reason names {item.case.reason!r}: {reason}"
        return Row(item, ", ".join(got), is_right, reason, seconds)


class Batch:
    """Some cases in one process; when it dies, the rest goes on in another."""

    def __init__(self, matrix: Matrix, phase: int, env: dict[str, str], ids: list[str], name: str) -> None:
        self.matrix = matrix
        self.phase = phase
        self.env = env
        self.ids = ids
        self.name = name
        self.folder = matrix.folder / "processes" / name
        self._process: subprocess.Popen[bytes] | None = None
        self._attempt = 0

    def start(self) -> None:
        """Start a process for the cases that have no outcome yet."""
        self._attempt += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._outcomes = self.folder / f"{self._attempt}.jsonl"
        self._outcomes.touch()
        variables = {
            **os.environ,
            **self.env,
            "IPYTHONDIR": str(self.matrix.folder / "ipython"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(REPOSITORY))),
            "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "cache"),
        }
        variables.pop("CI", None)  # with it, torch asserts what it only warns of elsewhere
        arguments = (self.matrix.capture, self.phase, self.matrix.folder, self._outcomes, *self.ids)
        with (self.folder / f"{self._attempt}.log").open("wb") as log:
            command = [sys.executable, str(HERE / "kernel_run.py"), *map(str, arguments)]
            self._process = subprocess.Popen(command, env=variables, stdout=log, stderr=subprocess.STDOUT)

    def is_over(self) -> bool:
        """Say whether all cases have an outcome; start another process where one died."""
        code = self._process.poll()
        if code is None and time.time() - self._outcomes.stat().st_mtime < PATIENCE_S:
            return False
        if code is None:
            self._process.kill()
            self._process.wait()
        begun = self._read()
        if code == 0:
            return True
        if begun is None:
            raise RuntimeError(f"the kernel did not start:\n{self._log()[-4000:]}")
        why = f"exit code {code}" if code is not None else f"no answer in {PATIENCE_S} s"
        self._note({"id": begun, "phase": self.phase, "status": "died", "message": f"{why}: {self._log()[-600:]}"})
        if self.ids:
            self.start()
        return not self.ids

    def _read(self) -> str | None:
        """Take over all outcomes, and return the case that has begun and not ended."""
        begun = None
        for line in self._outcomes.read_text().splitlines():
            told = json.loads(line)
            if "begun" in told:
                begun = told["begun"]
            else:
                begun = None
                self._note(told)
        return begun

    def _note(self, outcome: dict[str, Any]) -> None:
        defaults = {"verdict": "", "traced": 0, "reasons": [], "seconds": 0.0}
        self.matrix.outcomes[outcome["id"], self.phase] = defaults | outcome
        self.ids.remove(outcome["id"])

    def _log(self) -> str:
        return (self.folder / f"{self._attempt}.log").read_text(errors="replace").strip()


def selected(capture: str, only: str = "") -> list[Item]:
    """Return the items that a capture can run and whose id holds a text."""
    return [
        item for item in ITEMS.values() if only in item.id and (capture == "megacache" or not item.case.needs_bundle)
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the table as text, with the counts in its last line."""
    head = ("case", "where", "expected", "got", "right", "reason")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(head) - 1)]
    lines = ["  ".join((*map(str.ljust, line, widths), line[-1])).rstrip() for line in cells]
    return "\n".join([*lines, "", counts(rows)])


def counts(rows: Sequence[Row]) -> str:
    """Return the counts in one line."""
    wrong = sum(row.got.startswith("wrong") for row in rows)
    crashed = sum(row.is_bad for row in rows) - wrong
    wanted = [row for row in rows if row.is_hit_wanted]
    hits = sum(row.is_hit for row in wanted)
    others = sum(not row.is_right and not row.is_bad and not row.is_hit_wanted for row in rows)
    told = f"{len(rows)} cases: {wrong} wrong, {crashed} crashed, {hits} hits of {len(wanted)} expected"
    return f"{told}, {others} other verdicts not as expected"


def _cells(row: Row) -> tuple[str, ...]:
    answer = "yes" if row.is_right else "NO"
    return row.item.case.name, row.item.where, row.item.expected, row.got, answer, " ".join(row.reason.split())[:110]


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the matrix from the command line; the exit code is 1 where a case failed."""
    parser = argparse.ArgumentParser(description="The warm-start matrix.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--plain", dest="capture", action="store_const", const="plain", help="torch's caching_precompile")
    mode.add_argument("--bare", dest="capture", action="store_const", const="bare", help="nothing is kept at all")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose id holds this text")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table to a file as well")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--folder", type=Path, help="keep bundles, caches and logs here")
    options = parser.parse_args(arguments)
    capture = options.capture or "megacache"
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="warm-start-", ignore_cleanup_errors=True) as temporary:
        rows = Matrix(selected(capture, options.only), options.folder or Path(temporary), capture, options.jobs).run()
    shown = table(rows)
    sys.stdout.write(f"{shown}\n{(time.monotonic() - started) / 60:.1f} minutes\n")
    if options.table:
        options.table.write_text(shown + "\n")
    return 0 if all(row.is_right for row in rows) else 1
