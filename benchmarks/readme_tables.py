"""The two tables of the README: what the benchmarks measured, and what the tests of reliability counted.

    python benchmarks/readme_tables.py benchmark [NAME ...]
    python benchmarks/readme_tables.py reliability [NAME ...]

The first runs benchmarks, all but the soak by default; the second runs the tests of `tests/reliability`, by default, or
the fuzzer. Each result is kept in `measured.json` under its name, where it replaces the one before, and both tables are
written anew from that, between their comments in README.md. It ends with 1 if a promise is missed or the fuzzer finds
something, which the tables then say. If a test fails, nothing is kept of that run, and it ends with pytest's code.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from promises import Promise, read

BENCHMARKS = ("capture", "saves", "size", "warm_start", "listing", "explorer", "bulk", "growth")
SOAK, TESTS, FUZZ = "soak", "tests", "fuzz"
RUNS = {"benchmark": (*BENCHMARKS, SOAK), "reliability": (TESTS, FUZZ)}
"""What each table is made of, in its order."""

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MEASURED = HERE / "measured.json"

Figures = dict[str, dict[str, float]]
"""What was counted, by the name of the test and by the label of the number."""


@dataclass(frozen=True)
class Place:
    """Where and when something was measured."""

    torch_version: str
    cpu: str
    cores: int
    date: str

    @classmethod
    def here(cls) -> Place:
        """Return this machine, now."""
        named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        cpu = named[1] if named else platform.machine()
        cores = len(os.sched_getaffinity(0))
        return cls(version("torch").partition("+")[0], cpu, cores, datetime.now(UTC).date().isoformat())

    def __str__(self) -> str:
        """Return one line for people."""
        return f"torch {self.torch_version}, {self.cpu}, {self.cores} cores, {self.date}"


# -- what is kept


def kept() -> dict[str, dict[str, dict]]:
    """Return what was measured until now, by the name of the table and of the run."""
    return json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}


def keep(table: str, name: str, result: object) -> None:
    """Keep what one run measured here and now, in the place of what it measured before."""
    measured = kept()
    measured.setdefault(table, {})[name] = {"place": asdict(Place.here()), "result": result}
    MEASURED.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# -- what is run


def run_benchmark(name: str, file: Path) -> int:
    """Run one benchmark, keep its promises, and return its exit code."""
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), "--json", str(file)], check=False)
    if not file.exists():
        sys.exit(f"benchmarks/{name}.py ended with {done.returncode} and measured nothing")
    keep("benchmark", name, [asdict(each) for each in read(file)])
    return done.returncode


def run_reliability(name: str, file: Path) -> int:
    """Run the tests of reliability, or the fuzzer, keep what they counted, and return the exit code.

    The fuzzer counts its findings, so that its figures are kept whatever it found. Tests that failed count for nothing:
    a test that ended early has no figures, or those of another run.
    """
    tests = HERE.parent / "tests"
    if name == FUZZ:
        minutes = os.environ.get("FUZZ_MINUTES", "10")
        command = [str(tests / "fuzz" / "run.py"), "--minutes", minutes, "--json", str(file)]
    else:
        command = ["-m", "pytest", "-q", str(tests / "reliability"), "--reliability-figures", str(file)]
    done = subprocess.run([sys.executable, *command], check=False, cwd=HERE.parent)
    if name == TESTS and done.returncode:
        print(f"the {name} ended with {done.returncode}: nothing of this run is kept", file=sys.stderr)
        sys.exit(done.returncode)
    if not file.exists():
        sys.exit(f"the {name} ended with {done.returncode} and counted nothing")
    found = json.loads(file.read_text(encoding="utf-8"))
    keep("reliability", name, figures_of_fuzz(found) if name == FUZZ else found)
    return done.returncode


def figures_of_fuzz(outcomes: list[dict]) -> Figures:
    """Return what the fuzzer did to each target, as the tests of reliability tell what they counted."""
    return {
        f"fuzz: {each['target']}": {
            "minutes": round(each["seconds"] / 60),
            "executions": each["executions"],
            "inputs kept": each["corpus"],
            "findings": len(each["findings"]),
        }
        for each in outcomes
    }


# -- what is shown


def tables() -> dict[str, str]:
    """Return both tables as the README has them, each with its caption."""
    measured = kept()
    promises = [Promise(**each) for result in results(measured, "benchmark") for each in result]
    rows = [(each.what, each.measured, f"{each.promised}{'' if each.is_kept else ': **missed**'}") for each in promises]
    counted = [
        (name, told(numbers)) for figures in results(measured, "reliability") for name, numbers in figures.items()
    ]
    return {
        "benchmark": written(("what", "measured", "promised"), rows, captions(measured, "benchmark")),
        "reliability": written(("what", "figures"), counted, captions(measured, "reliability")),
    }


def results(measured: dict[str, dict[str, dict]], table: str) -> list:
    """Return the results of the runs that there were."""
    runs = measured.get(table, {})
    return [runs[name]["result"] for name in RUNS[table] if name in runs]


def told(numbers: dict[str, float]) -> str:
    """Return the figures of one test in words."""
    return ", ".join(f"{label.replace('_', ' ')} {number:,}" for label, number in numbers.items())


def captions(measured: dict[str, dict[str, dict]], table: str) -> str:
    """Return where and when the rows were measured, once for all that have it in common, and what was not run."""
    names: dict[str, list[str]] = {}
    for name, run in measured.get(table, {}).items():
        names.setdefault(str(Place(**run["place"])), []).append(name)
    lines = [place if len(names) == 1 else f"{', '.join(each)}: {place}" for place, each in names.items()]
    absent = ", ".join(name for name in RUNS[table] if name not in measured.get(table, {}))
    told = [f"Measured with `make {table}`: {'; '.join(lines)}."] if lines else []
    return "\n".join([*told, f"Not run yet: {absent}."] if absent else told)


def written(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]], caption: str) -> str:
    """Write a table in Markdown."""
    escaped = [[cell.replace("|", r"\|") for cell in each] for each in (heading, ("---",) * len(heading), *rows)]
    return "\n".join([*(f"| {' | '.join(each)} |" for each in escaped), "", caption])


def replaced(text: str, blocks: dict[str, str]) -> str:
    """Return the README with each table in its place.

    Args:
        text: The README.
        blocks: The tables by name.
    """
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            sys.exit(
                f"README.md must have {begin} and {end} once each: put them where the table of `make {name}` belongs"
            )
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{block}\n{end}{rest.split(end)[1]}"
    return text


def write() -> None:
    """Write both tables anew into the README."""
    README.write_text(replaced(README.read_text(encoding="utf-8"), tables()), encoding="utf-8")


def main() -> None:
    """Run what was chosen, write the tables, and exit with 1 if anything was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=[*RUNS, "write"], help="`write` runs nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(sum(RUNS.values(), ()))}")
    options = parser.parse_args()
    run = run_benchmark if options.table == "benchmark" else run_reliability
    names = {"benchmark": BENCHMARKS, "reliability": (TESTS,), "write": ()}[options.table]
    codes = []
    for name in options.names or names:
        print(f"-- {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            codes.append(run(name, Path(folder) / "result.json"))
        write()
    if options.table == "write":
        write()
    sys.exit(any(codes))


if __name__ == "__main__":
    main()
