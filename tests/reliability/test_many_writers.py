"""Many writers: 8 processes save into one bundle at once, and 2 read it; nothing is lost, nothing is there twice."""

import json
from pathlib import Path
from statistics import mean

import pytest
from reliability.saves import numbers_in, save_of, whole_in

from megacache.bundle import Bundle

TESTS = Path(__file__).parents[1]
WRITER_COUNT, READER_COUNT = 8, 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def together(programs):
    """Let them write and read at once, and return what each saw in each round."""

    def run(name, rounds, duration_s):
        (folder := programs.folder / name).mkdir()
        counts = (rounds, WRITER_COUNT, READER_COUNT, duration_s)
        printed = programs.run("many_writers", folder, *counts, PYTHONPATH=f"{TESTS.parent}:{TESTS}")
        return [json.loads(line) for line in printed.splitlines()]

    return run


@pytest.fixture(scope="module")
def long(together):
    return together("long", 1, 8)[0]


@pytest.fixture(scope="module")
def first_saves(together):
    return together("first", 30, 0)


def errors_in(seen):
    return [error for each in (*seen["writers"], *seen["readers"]) for error in each["errors"]]


def test_nothing_is_lost_nothing_doubled_and_nobody_is_refused(long, figures):
    saved = {number for each in long["writers"] for number in each["numbers"]}
    save_count = sum(len(each["numbers"]) for each in long["writers"])
    lost = saved - whole_in(Path(long["path"]))
    artifact_count = len({artifact for number in saved for artifact in save_of(number)[0].artifacts})
    doubled = sum(each["new_count"] for each in long["writers"]) - artifact_count
    refusals = errors_in(long)
    figures(
        "many writers",
        writers=WRITER_COUNT,
        readers=READER_COUNT,
        saves=save_count,
        reads=sum(each["read_count"] for each in long["readers"]),
        lost=len(lost),
        doubled=doubled,
        refused=len(refusals),
    )
    assert refusals == []
    assert not lost, f"saves that had returned are gone: {sorted(lost)}"
    assert doubled == 0, "what is new is so for one writer alone"
    assert save_count > len(saved) > WRITER_COUNT, "some saves are equal, some are not"
    with Bundle.open(long["path"]) as bundle:
        assert numbers_in(bundle) == saved


def test_readers_never_miss_what_they_saw_before(long):
    assert [each["gone"] for each in long["readers"]] == [[]] * READER_COUNT
    assert all(each["read_count"] > 1 for each in long["readers"])


def test_no_writer_starves(long):
    counts = [len(each["numbers"]) for each in long["writers"]]
    # Left to SQLite's own wait, one of them saved a hundred times while others saved once.
    assert min(counts) >= mean(counts) / 5, counts


def test_all_may_make_the_bundle_at_once(first_saves, figures):
    """Each saves the same; so one of them finds it new, and to all others nothing is."""
    refusals = [error for seen in first_saves for error in errors_in(seen)]
    figures("made at once", bundles=len(first_saves), writers=WRITER_COUNT, refused=len(refusals))
    assert refusals == []
    for seen in first_saves:
        assert sorted(each["new_count"] for each in seen["writers"]) == [*[0] * (WRITER_COUNT - 1), 4]
        with Bundle.open(seen["path"]) as bundle:
            assert numbers_in(bundle) == {0}
