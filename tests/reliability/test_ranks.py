"""Ranks: four processes of one job share a bundle; each is told apart, keeps all that is its own, and starts warm."""

import json

import pytest

from megacache.bundle import Bundle
from megacache.bundle.listing import list_bundle
from megacache.cli.listing import listing_lines

RANKS = [0, 1, 2, 3]

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(scope="module")
def path(programs):
    return programs.folder / "job.megacache"


@pytest.fixture(scope="module")
def launches(programs, path):
    """What each rank saw in a first and a second launch; torch's own caches are empty before each."""

    def launch(name):
        (folder := programs.folder / name).mkdir()
        programs.run("ranked", path, folder, TORCHINDUCTOR_COMPILE_THREADS="1")
        return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in RANKS]

    return launch("cold"), launch("warm")


@pytest.fixture(scope="module")
def recording(launches, path):
    with Bundle.open(path) as bundle:
        assert bundle.verify().is_ok
        return bundle.recording()


def test_every_rank_computes_what_it_should(launches):
    assert {each["total"] for launch in launches for each in launch} == {480.0}


def test_all_ranks_are_in_one_bundle_and_are_told_apart(launches, recording):
    ranks = {each.session_id: each.rank for each in recording.sessions}
    assert ranks == {each["session_id"]: each["rank"] for launch in launches for each in launch}
    assert sorted(ranks.values()) == sorted(RANKS * 2)


def test_no_artifact_of_any_rank_is_lost(launches, recording, path, figures):
    """Each rank compiled a graph of its own, whose artifacts no other one has, and one that all have."""
    held = {each.content_sha256 for each in recording.artifacts}
    used = {
        each["rank"]: {
            use.content_sha256
            for use in recording.artifact_uses
            if use.session_id == each["session_id"] and use.content_sha256
        }
        for each in launches[0]
    }
    own = {rank: used[rank] - set().union(*(used[other] for other in RANKS if other != rank)) for rank in RANKS}
    types = {each.content_sha256: each.artifact_type for each in recording.artifacts}
    for rank in RANKS:
        assert used[rank] <= held
        assert {types[each] for each in own[rank]} >= {"aot_autograd", "guarded_code", "inductor", "kernel"}
    figures("ranks", ranks=len(RANKS), artifacts=len(held), lost=sum(len(used[rank] - held) for rank in RANKS))


def test_a_second_launch_starts_warm_on_each_rank(launches):
    cold, warm = launches
    assert [each["statuses"] for each in cold] == [["ok", "ok"]] * len(RANKS)
    assert [each["verdicts"] for each in cold] == [[]] * len(RANKS)
    assert [each["statuses"] for each in warm] == [["served", "served"]] * len(RANKS)
    for each in warm:
        assert set(each["verdicts"]) == {"hit", "unused"}, "nothing is refused or rejected"


def test_the_list_and_the_tree_tell_the_ranks(launches, path):
    lines = [line for line in listing_lines(list_bundle(path)) if line.startswith("  train, rank ")]
    assert sorted(int(line.split()[2]) for line in lines) == sorted(RANKS * 2)
    with Bundle.open(path) as bundle:
        titles = [each.name for each in bundle.tree().root.children]
    assert sorted(titles) == sorted(f"train, rank {rank}" for rank in RANKS * 2)
