"""Run: fuzz every target for some minutes each, and tell what was found.

    PYTHONPATH=.:tests python tests/fuzz/run.py [--minutes 10] [--folder .fuzz] [TARGET ...]

Findings stay in the folder, each as the input that leads to it and what was said. Mend it, and keep the input in
`cases/`, where `test_cases.py` replays it. What the fuzzer learned stays there, too: the next run goes on from it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from fuzz.seeds import write_seeds  # noqa: E402  It is found by the path above.
from fuzz.targets import TARGETS  # noqa: E402

HARNESS = Path(__file__).with_name("harness.py")
MOST_FINDINGS = 30
MOST_MB = 1024
LONGEST_S = 60
"""By the wall's clock, for what hangs; `watch.py` measures the time of the processor."""

_EXECUTED = re.compile(r"^#(\d+)\s", re.MULTILINE)
_ENDED = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bft: (\d+)")
_RAISED = re.compile(r"Uncaught Python exception: ===\n(?P<said>.*?)\n==\d+==", re.DOTALL)


@dataclass
class Outcome:
    """What came of one target."""

    target: str
    seconds: float = 0.0
    executions: int = 0
    corpus: int = 0
    features: int = 0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return one line for people."""
        return (
            f"{self.target:10} {self.executions:>9,} executions in {self.seconds:,.0f} s, {self.corpus:,} inputs kept, "
            f"{self.features:,} features, {len(self.findings)} findings"
        )


def fuzz(target: str, seconds: float, folder: Path) -> Outcome:
    """Fuzz one target, again after each finding, until the time is over."""
    outcome = Outcome(target)
    corpus, found = folder / "corpus" / target, folder / "findings" / target
    for each in (corpus, found):
        each.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + seconds
    while (left_s := ends - time.monotonic()) > 5 and len(outcome.findings) < MOST_FINDINGS:
        said = _run(target, left_s, folder, [corpus, folder / target], found)
        executed = _ENDED.findall(said) or _EXECUTED.findall(said)
        outcome.executions += int(executed[-1]) if executed else 0
        outcome.features = max([outcome.features, *map(int, _COVERED.findall(said))])
        if "Done " not in said and (raised := _finding(said, found)):
            outcome.findings.append(raised)
            print(f"{target}: {raised}", flush=True)
    outcome.seconds = seconds - max(ends - time.monotonic(), 0)
    outcome.corpus = sum(1 for _ in corpus.iterdir())
    return outcome


def _run(target: str, seconds: float, folder: Path, corpora: list[Path], found: Path) -> str:
    options = {
        "max_total_time": int(seconds),
        "timeout": LONGEST_S,
        "rss_limit_mb": MOST_MB,
        "max_len": 1 << 18,
        "dict": folder / "dictionary",
        "artifact_prefix": f"{found}/",
        "print_final_stats": 1,
    }
    command = [sys.executable, str(HARNESS), target, *(f"-{name}={value}" for name, value in options.items())]
    done = subprocess.run(
        [*command, *map(str, corpora)],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])},
    )
    return done.stdout + done.stderr


def _finding(said: str, found: Path) -> str:
    """Return what was said in one line, and keep all of it beside the input."""
    latest = max(found.glob("*-*"), key=lambda path: path.stat().st_mtime_ns, default=found / "none")
    latest.with_suffix(".txt").write_text(said, encoding="utf-8")
    raised = _RAISED.search(said)
    lines = raised["said"].strip().splitlines() if raised else said.strip().splitlines()[-3:]
    return f"{latest.name}: {' | '.join(lines[:1] + lines[-2:])[:500]}"


def main() -> None:
    """Fuzz, print what came of each target, and exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="where inputs and findings stay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_seeds(folder)
    outcomes = [fuzz(target, options.minutes * 60, folder) for target in options.targets or TARGETS]
    for each in outcomes:
        print(each)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=2) + "\n", encoding="utf-8")
    sys.exit(any(each.findings for each in outcomes))


if __name__ == "__main__":
    main()
