"""Corruption: whatever is flipped or cut, nobody reads what was not written, and all that is untouched can be saved."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from megacache.bundle import Bundle

pytestmark = [pytest.mark.torch, pytest.mark.slow]

SEED = 20_241_128
FLIPS, CUTS = 2000, 500
PROCESSES = 2
LIMIT_S = 5.0
"""Of the processor."""

TESTS = Path(__file__).parents[1]
PROGRAM = Path(__file__).with_name("corruption.py")


@pytest.fixture(scope="module")
def real(programs):
    """A bundle of real compiles: functions with a graph break, a recompile and a backward, in several packs."""
    path = programs.folder / "real.megacache"
    programs.run("several_packs", path)
    with Bundle.open(path) as bundle:
        assert {"guarded_code", "kernel", "inductor", "aot_autograd"} <= {
            each.artifact_type for each in bundle.recording().artifacts
        }
        assert bundle.verify().pack_count >= 3
    return path


@pytest.fixture(scope="module")
def processes(real, tmp_path_factory):
    """Processes that try every damage and told what became of it: their exit codes, and what each wrote."""
    folder = tmp_path_factory.mktemp("trials")
    files = [(folder / f"{first}.out", folder / f"{first}.err") for first in range(PROCESSES)]
    memory = Path("/dev/shm")  # noqa: S108  # Each process makes a directory of its own there.
    variables = {**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
    if os.access(memory, os.W_OK):
        variables["TMPDIR"] = str(memory)
    started = []
    for first, (output, error) in enumerate(files):
        command = [sys.executable, PROGRAM, *map(str, (real, SEED, first, PROCESSES, FLIPS, CUTS))]
        with output.open("w") as out, error.open("w") as err:
            started.append(subprocess.Popen(command, stdout=out, stderr=err, env=variables))
    return [(each.wait(timeout=3600), *file) for each, file in zip(started, files, strict=True)]


@pytest.fixture(scope="module")
def trials(processes):
    """What became of each damage."""
    return [json.loads(line) for _, output, _ in processes for line in output.read_text().splitlines()]


def of(trials, kind):
    return [each for each in trials if each["kind"] == kind]


def test_no_process_dies_of_any(processes, figures):
    crashed = [error.read_text()[-3000:] for code, _, error in processes if code]
    figures("corruption", crashes=len(crashed))
    assert not crashed, f"seed {SEED}:\n{crashed[0]}"


def test_nothing_is_read_that_was_not_written(trials, figures):
    flips, cuts = of(trials, "flip"), of(trials, "cut")
    assert len(flips) >= FLIPS
    assert len(cuts) == CUTS
    wrong = [each for each in trials if each["wrong"]]
    figures("corruption", flips=len(flips), cuts=len(cuts), wrong_artifacts=len(wrong))
    assert not wrong, f"seed {SEED}: {wrong[:3]}"


def test_nothing_takes_more_than_five_seconds(trials):
    slowest = max(trials, key=lambda each: each["slowest_s"])
    assert slowest["slowest_s"] < LIMIT_S, f"seed {SEED}: {slowest}"


def test_damage_is_told_by_errors_of_ours(trials):
    """A fair share of the damages is seen at once; otherwise the flips hit nothing, and this file proves nothing."""
    assert sum(bool(each["errors"]) for each in trials) > len(trials) / 2
    assert all(each["errors"] for each in of(trials, "cut"))


def test_verify_finds_whatever_a_reader_can_see_and_names_what_is_lost(trials, figures):
    found = [each for each in trials if each["is_found"]]
    figures("verify", damages_found=len(found), harmless=len(trials) - len(found))
    assert not [each for each in trials if each["errors"] and not each["is_found"]]
    unnamed = [each for each in of(trials, "flip") if each["lost"] != each.get("named", each["lost"])]
    assert not unnamed, f"seed {SEED}: {unnamed[:3]}"


def test_all_that_is_untouched_is_saved(trials, figures):
    count = sum(each["untouched"] for each in trials)
    saved = sum(each["untouched_saved"] for each in trials)
    touched = sum(each["artifacts"] - each["untouched"] for each in trials)
    rescued = sum(each["saved"] - each["untouched_saved"] for each in trials)
    figures("repair", untouched_artifacts=count, of_them_lost=count - saved, touched=touched, of_them_saved=rescued)
    assert count > 10_000
    assert saved == count
    assert sum(each.get("is_repaired", False) for each in trials) > 50


def test_a_save_into_a_damaged_bundle_loses_nothing(trials, figures):
    tried = [each for each in trials if "is_saved" in each or any(error.startswith("save") for error in each["errors"])]
    saved = [each for each in tried if "is_saved" in each]
    figures("save into damage", tried=len(tried), saved=len(saved), refused=len(tried) - len(saved))
    assert len(saved) > 100
