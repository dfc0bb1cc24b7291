"""The README shows what was measured, and each thing that is promised has its row."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

ROWS = {
    "capture": ("cold compile captured / not", "steady call enabled / not"),
    "saves": (
        "save 100 kB into 200 MB: torch / ours",
        "save 100 kB: into 200 MB / into 100 kB",
        "save after a compile: last 100 / first 100",
    ),
    "size": ("bundle of torch's session: torch's bytes / ours", "bundle: 20 saves / one save"),
    "warm_start": ("five: torch's own warm / ours", "five: compilers started", "encoder: cold / our warm"),
    "listing": ("megacache ls of 10,000 artifacts",),
    "explorer": ("explorer, 100,000 nodes: first rows", "explorer, 100,000 nodes: search"),
    "bulk": (
        "save 200 MB: throughput, ours / torch's",
        "load 200 MB: time, ours / torch's",
        "save 200 MB: peak memory / largest pack",
        "load 200 MB: peak memory / largest pack",
    ),
    "growth": ("bytes, per artifact: 100,000 / 1,000",),
    "soak": (
        "soak: save, last 100 / first 100",
        "soak: memory of ours per compile, second half / first",
        "soak: the file / one save of the same",
    ),
}
"""What the project promises of its speed and size, by the benchmark that measures it."""

COUNTED = {
    "tests": ("kill", "crash", "corruption", "many writers", "any order of operations"),
    "fuzz": ("fuzz: pickle", "fuzz: container", "fuzz: bundle"),
}
"""Some of what the tests of reliability and the fuzzer count."""


@pytest.fixture(scope="module")
def tables():
    """The script that writes the tables."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("readme_tables", BENCHMARKS / "readme_tables.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["readme_tables"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("readme_tables", None)


def cells(block: str) -> list[list[str]]:
    lines = [line for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_readme_shows_what_was_measured(tables):
    readme = tables.README.read_text(encoding="utf-8")
    assert tables.replaced(readme, tables.tables()) == readme


def test_each_table_is_well_formed(tables):
    for block in tables.tables().values():
        heading, line, *rows = cells(block)
        assert set(line) == {"---"}
        assert {len(row) for row in rows} == {len(heading)}
        assert all(all(row) for row in rows)
        assert len({row[0] for row in rows}) == len(rows)


@pytest.mark.parametrize(("table", "rows"), [("benchmark", ROWS), ("reliability", COUNTED)])
def test_what_was_run_has_its_rows_and_the_rest_is_named(tables, table, rows):
    text = tables.tables()[table]
    shown = " ".join(row[0] for row in cells(text))
    runs = tables.kept()[table]
    assert set(rows) == set(tables.RUNS[table])
    assert [row for name in runs for row in rows[name] if row not in shown] == []
    _, _, absent = text.partition("Not run yet: ")
    assert {*filter(None, absent.removesuffix(".").split(", "))} == set(rows) - set(runs)


def test_a_run_replaces_what_the_same_run_measured_before(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MEASURED", tmp_path / "measured.json")
    promise = {"what": "a | b", "measured": "1x", "promised": "at most 2x", "is_kept": True}
    tables.keep("benchmark", "saves", [promise, {**promise, "what": "gone tomorrow"}])
    tables.keep("benchmark", "size", [{**promise, "what": "c", "is_kept": False}])
    tables.keep("benchmark", "saves", [promise])
    assert cells(tables.tables()["benchmark"])[2:] == [
        ["a | b", "1x", "at most 2x"],
        ["c", "1x", "at most 2x: **missed**"],
    ]
    assert tables.tables()["reliability"].endswith("Not run yet: tests, fuzz.")
    tables.keep("reliability", "tests", {"kill": {"kills": 1234, "saves_lost": 0}})
    assert cells(tables.tables()["reliability"])[2:] == [["kill", "kills 1,234, saves lost 0"]]


@pytest.mark.parametrize(("name", "code", "is_kept"), [("tests", 0, True), ("tests", 1, False), ("fuzz", 1, True)])
def test_of_tests_that_failed_nothing_is_kept(tables, tmp_path, monkeypatch, name, code, is_kept):
    def run(command, **_):
        counted = [] if name == "fuzz" else {"kill": {"lost": 1}}
        Path(command[-1]).write_text(json.dumps(counted), encoding="utf-8")
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(tables, "MEASURED", tmp_path / "measured.json")
    monkeypatch.setattr(tables.subprocess, "run", run)
    try:
        ended = tables.run_reliability(name, tmp_path / "result.json")
    except SystemExit as error:
        ended = error.code
    assert ended == code
    assert (name in tables.kept().get("reliability", {})) == is_kept


def test_a_readme_without_a_place_for_a_table_is_told(tables):
    with pytest.raises(SystemExit, match="benchmark: begin"):
        tables.replaced("# megacache\n", {"benchmark": "| a |"})


def test_every_benchmark_that_is_named_is_there(tables):
    assert all((BENCHMARKS / f"{name}.py").exists() for name in (*tables.BENCHMARKS, tables.SOAK))
    assert json.loads(tables.MEASURED.read_text(encoding="utf-8")).keys() == {"benchmark", "reliability"}
