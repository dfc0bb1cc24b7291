"""The part of a distributed job that this process is."""

import pytest

pytestmark = pytest.mark.torch


@pytest.fixture
def join():
    """Make this process a member of a job that does not exist."""
    import torch.distributed as dist
    from torch.testing._internal.distributed.fake_pg import FakeStore

    def joined(rank, size, *groups):
        if dist.is_initialized():
            dist.destroy_process_group()
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=size)
        for ranks in groups:
            dist.new_group(ranks)

    yield joined
    if dist.is_initialized():
        dist.destroy_process_group()


def test_without_a_job_nothing_is_told():
    from megacache.compiler.process_groups import process_groups

    assert process_groups() == {}


def test_rank_size_and_members_are_told(join):
    from megacache.compiler.process_groups import process_groups

    told = []
    for rank, size, *groups in [(0, 2), (1, 2), (0, 4), (0, 4, [0, 1]), (0, 4, [0, 2]), (0, 4, [1, 2])]:
        join(rank, size, *groups)
        told.append(process_groups())
        join(rank, size, *groups)
        assert process_groups() == told[-1]
    assert told[0]["rank"] == "0 of 2"
    assert len({repr(each) for each in told}) == 5  # of a group that it is no member of, a process knows nothing
    assert told[2] == told[5]


def test_each_difference_is_a_sentence():
    from megacache.compiler.process_groups import changes_of_groups

    stored = {"process group `0`": "gloo of 2 ranks, a,", "rank": "0 of 2"}
    live = {"rank": "1 of 4", "process group `0`": "gloo of 4 ranks, b,"}
    assert list(changes_of_groups(stored, live)) == [
        "rank is 1 of 4 now, was 0 of 2",
        "process group `0` is gloo of 4 ranks, b, now, was gloo of 2 ranks, a,",
    ]
    assert next(changes_of_groups(live, {})) == "rank is absent now, was 1 of 4"
    assert list(changes_of_groups(live, live)) == []
