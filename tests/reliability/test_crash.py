"""Crash in the write path: every operation of the disk fails in turn; nothing is lost, and the next save works."""

import json
import tempfile
from pathlib import Path

import pytest
from reliability.changes import CHANGES

TESTS = Path(__file__).parents[1]

FAILED_OPERATIONS = dict.fromkeys(CHANGES, 50) | {"large save": 16}
"""How many at most, of each change: a large save has thousands of writes, and takes its time."""

FULL, FAILED, NOT_WRITABLE = "StorageFullError", "StorageFailedError", "BundleNotWritableError"
ERRORS = {
    "no file": NOT_WRITABLE,
    "write error": FULL,
    "full": FULL,
    "short write": FULL,
    "truncate error": FAILED,
    "sync error": FAILED,
    "delete error": FAILED,
    "directory sync error": FAILED,
}
NEXT_STEPS = {FULL: "free some", FAILED: "check it, then try again", NOT_WRITABLE: "check the permissions"}

pytestmark = pytest.mark.slow


@pytest.fixture
def failures(request, programs):
    """What each failure of the disk left, in one kind of change; in memory, since nobody cuts the power."""
    change = request.param
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="megacache-") as folder:
        path = f"{TESTS.parent}:{TESTS}"
        printed = programs.run("failing_saves", change, FAILED_OPERATIONS[change], folder, PYTHONPATH=path)
    begun, *found = map(json.loads, printed.splitlines())
    return change, begun, found


@pytest.mark.parametrize("failures", CHANGES, indirect=True)
def test_what_was_saved_is_there_after_every_failure_and_the_next_save_works(failures, figures):
    change, begun, found = failures
    intact = {"old", "new"} | ({"empty"} if change == "first save" else set())
    lost = [each for each in found if each["left"] not in intact]
    unsaved = [each for each in found if not each["is_next_in"]]
    figures(
        "crash",
        operations_failed=len({each["at"] for each in found}),
        failures=len(found),
        lost=len(lost),
        next_saves=len(found) - len(unsaved),
    )
    assert not lost, f"what was saved before is not as it was: {lost[:3]}"
    assert not unsaved, f"the next save is not in: {unsaved[:3]}"
    assert len(found) >= 3 * min(FAILED_OPERATIONS[change], begun["operations"] // 2)
    assert {each["fault"] for each in found} >= set(ERRORS) - {"truncate error"}
    for each in found:
        assert each["has_failed"], each
        assert each["error"] == ERRORS[each["fault"]], each
        assert begun["path"] in each["message"], each
        assert NEXT_STEPS[each["error"]] in each["message"], each
        # A sync of the directory that fails is the only way in which a save can be in the file and not be promised.
        may_be_new = each["fault"] == "directory sync error" or CHANGES[change].is_in_two_steps
        allowed = {"old", "empty"} if change == "first save" else {"old"}
        assert each["left"] in allowed | ({"new"} if may_be_new else set()), each
        assert each["is_again_new"], each


@pytest.mark.parametrize("failures", ["prune"], indirect=True)
def test_a_prune_that_only_lacks_room_to_shrink_the_file_says_so(failures):
    _, _, found = failures
    told = {each["message"] for each in found if each["left"] == "new" and each["error"] == FULL}
    (message,) = told
    assert "is gone, but there is no room to make the file smaller" in message
    assert all(
        "nothing was changed" in each["message"] for each in found if each["left"] == "old" and each["error"] == FULL
    )
