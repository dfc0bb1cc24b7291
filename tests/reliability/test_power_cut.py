"""Power cut: whatever a disk makes of what it was not told to sync, a bundle is as before a save, or as after it."""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from reliability.changes import CHANGES

TESTS = Path(__file__).parents[1]
CUT_COUNT = 200
SEED = 20261124

pytestmark = pytest.mark.slow


@pytest.fixture
def cut(programs):
    """Cut the power in one kind of change, and tell what each cut left."""

    def cut(change, *durability):
        with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="megacache-") as folder:
            path = f"{TESTS.parent}:{TESTS}"
            printed = programs.run("power_cuts", change, CUT_COUNT, SEED, folder, *durability, PYTHONPATH=path)
        begun, *found = map(json.loads, printed.splitlines())
        return begun["first_end"], begun["operations"], found

    return cut


@pytest.mark.parametrize("change", CHANGES)
def test_a_power_cut_leaves_the_state_before_a_save_or_after_it_and_every_save_that_returned(cut, change, figures):
    first_end, count, found = cut(change)
    before = {"old", "new"} | ({"empty"} if change == "first save" else set())

    def is_lost(each):
        """Say whether what a cut left is without a save that had returned by then."""
        allowed = before if each["end"] < first_end else {"new", "next"} if each["end"] < count else {"next"}
        return each["left"] not in allowed

    lost = [each for each in found if is_lost(each)]
    cuts = [each for each in found if not each["is_kill"]]
    returned = sum(each["end"] in (first_end, count) for each in cuts)
    figures(
        "power cut",
        cuts=len(cuts),
        right_after_a_save=returned,
        kills=len(found) - len(cuts),
        lost=len(lost),
    )
    assert not lost, f"seed {SEED}: {lost[:3]}"
    assert len(cuts) == CUT_COUNT
    assert {each["left"] for each in found} >= {"new", "next"}
    assert returned >= CUT_COUNT // 4


def test_without_a_sync_of_the_directory_a_save_that_returned_may_be_undone_and_nothing_worse(cut, figures):
    first_end, _, found = cut("save", "FULL")
    after = Counter(each["left"] for each in found if not each["is_kill"] and each["end"] == first_end)
    figures("power cut with synchronous = FULL", right_after_a_save=after.total(), undone=after["old"])
    assert set(after) == {"old", "new"}, f"seed {SEED}"
    assert {each["left"] for each in found} == {"old", "new", "next"}, f"seed {SEED}"


def test_without_any_sync_the_same_cuts_destroy_a_bundle(cut):
    _, _, found = cut("save", "OFF")
    assert any(each["left"].startswith("damaged") for each in found), f"seed {SEED}"
