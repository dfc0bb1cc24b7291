"""Full disk: where there is no room, or no way to write, what was saved stays, and a save works when there is."""

import json
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

ERRORS = {
    "no room": ("StorageFullError", "free some; nothing was changed"),
    "no room at all": ("StorageFullError", "free some; nothing was changed"),
    "file size": ("StorageFullError", "free some; nothing was changed"),
    "no file": ("BundleNotWritableError", "that its disk has room for one more file"),
    "read-only": ("BundleNotWritableError", "check the permissions of the file and its directory"),
}


@pytest.fixture
def found(request, programs, tmp_path):
    """What came of the saves onto one kind of disk."""
    return json.loads(programs.run("full_disks", request.param, tmp_path, PYTHONPATH=f"{TESTS.parent}:{TESTS}"))


@pytest.mark.parametrize(("found", "expected"), ERRORS.items(), ids=ERRORS, indirect=["found"])
def test_what_was_saved_stays_and_the_next_save_works_when_there_is_room(found, expected, figures):
    returned = {*found["returned"]}
    lost = sorted(returned - ({*found["left"]} & {*found["again"]}))
    figures("full disk", disks=1, saves_that_had_returned=len(returned), lost=len(lost))
    assert not lost, f"saves that had returned are gone: {lost}"
    assert found["error"] == expected[0]
    assert found["message"].endswith(expected[1])
    assert found["left"] == found["returned"]
    assert found["again"] == [*found["returned"], len(found["returned"])]


@pytest.mark.parametrize("found", ["no room", "file size"], indirect=True)
def test_a_disk_fills_up_while_saves_come_and_not_with_the_first(found):
    assert len(found["returned"]) >= 3


@pytest.mark.parametrize("found", ["read-only"], indirect=True)
def test_no_bundle_is_begun_on_a_disk_for_reading(found):
    assert found["new"]["error"] == "BundleNotWritableError"


@pytest.mark.parametrize("found", ["no room to shrink"], indirect=True)
def test_a_prune_without_room_to_shrink_the_file_has_pruned_and_says_so(found):
    assert found["error"] == "StorageFullError"
    assert "is gone, but there is no room to make the file smaller" in found["message"]
    assert found["left"] == found["again"] == [0, 2, 3, 4, 5, 6]
    assert found["freed_bytes"] > 60_000  # by the compaction that the message asks for
