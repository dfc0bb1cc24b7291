"""Ranks: four processes of one job share a bundle; each is told apart, keeps all that is its own, and starts warm."""

import json

import pytest

from megacache.bundle import Bundle
from megacache.bundle.listing import list_bundle
from megacache.cli.listing import listing_lines

RANKS = [0, 1, 2, 3]
OWN_TYPES = {"aot_autograd", "guarded_code", "inductor", "kernel"}
"""What the graph of each rank leaves that no other rank has."""

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
        return bundle.recording()


def test_every_rank_computes_what_it_should(launches):
    assert {each["total"] for launch in launches for each in launch} == {480.0}


def test_all_ranks_are_in_one_bundle_and_are_told_apart(launches, recording):
    ranks = {each.session_id: each.rank for each in recording.sessions}
    assert ranks == {each["session_id"]: each["rank"] for launch in launches for each in launch}
    assert sorted(ranks.values()) == sorted(RANKS * 2)


def test_no_artifact_of_any_rank_is_lost(launches, recording, path, figures):
    """Each rank compiled a graph of its own, whose artifacts no other one has, and one that all have."""
    with Bundle.open(path) as bundle:
        report = bundle.verify()
    types = {each.content_sha256: each.artifact_type for each in recording.artifacts}
    held = types.keys() - {each.content_sha256 for each in report.lost_artifacts}
    used = {
        each["rank"]: {
            use.content_sha256
            for use in recording.artifact_uses
            if use.session_id == each["session_id"] and use.content_sha256
        }
        for each in launches[0]
    }
    own = {rank: used[rank] - set().union(*(used[other] for other in RANKS if other != rank)) for rank in RANKS}
    own_types = {rank: {types.get(each) for each in own[rank]} for rank in RANKS}
    # An artifact whose use is gone, too, is missed by its type.
    lost = [(rank, each) for rank in RANKS for each in (used[rank] - held) or (OWN_TYPES - own_types[rank])]
    figures("ranks", ranks=len(RANKS), artifacts=len(held), lost=len(lost))
    assert not lost, f"what is gone, by the rank: {lost}"
    assert report.is_ok, str(report)


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
