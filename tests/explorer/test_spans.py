from dataclasses import replace

import pytest

from megacache.explorer import spans
from megacache.explorer.spans import timeline_part
from samples import large_recording


@pytest.fixture
def part(snapshot):
    return snapshot.part("timeline", "")


def test_columns_are_equally_long_and_by_start(part):
    columns = part["spans"]
    assert len({len(column) for column in columns.values()}) == 1
    assert columns["startUs"] == sorted(columns["startUs"])
    assert columns["startUs"][0] == 0
    assert part["durationUs"] == max(map(sum, zip(columns["startUs"], columns["us"], strict=True)))


def test_lanes_lead_to_their_nodes(part, snapshot):
    nodes = {line.id: line.node for line in snapshot.function_lines}
    kinds = {lane["label"]: nodes[lane["id"]].kind for lane in part["lanes"]}
    assert kinds["encoder · 0/0 forward"] == "guarded_code"
    assert kinds["encoder · 0/1 forward"] == "recompile"
    assert kinds["encoder · 2/0 backward"] == "backend"
    assert kinds["encoder · 3/0 forward"] == "compile"
    assert kinds["encoder, warm · 0/0 forward"] == "guarded_code"


def test_sessions_follow_each_other_without_the_hours_between(part):
    warm = len(part["lanes"]) - 1
    at = part["spans"]["lane"].index(warm)
    assert part["durationUs"] < 70_000_000
    before = [
        start + us
        for start, us, lane in zip(part["spans"]["startUs"], part["spans"]["us"], part["spans"]["lane"], strict=True)
        if lane != warm
    ]
    assert part["spans"]["startUs"][at] == max(before)


def test_spans_nest_as_torch_told_them(part):
    lane = [at for at, each in enumerate(part["spans"]["lane"]) if each == 0]
    phases = [part["phases"][part["spans"]["phase"][at]]["phase"] for at in lane]
    assert phases == ["dynamo", "other", "aot", "inductor", "codegen", "compiler"]
    assert [part["spans"]["depth"][at] for at in lane] == [0, 1, 2, 3, 4, 5]


def test_without_events_the_phases_are_the_spans(snapshot, recording):
    bare = replace(recording, documents=())
    names = set(timeline_part(bare, snapshot.function_lines)["spans"]["name"])
    assert names == {"dynamo", "AOT", "inductor", "codegen", "C++ / Triton"}


def test_one_session_needs_no_name_in_its_lanes():
    part = timeline_part(large_recording(10)[0], [])
    assert part["lanes"][0]["label"] == "0/0 forward"
    assert part["lanes"][0]["id"] is None


def test_of_many_spans_the_longest_are_kept(monkeypatch, snapshot, recording):
    monkeypatch.setattr(spans, "SPAN_LIMIT", 2)
    part = timeline_part(recording, snapshot.function_lines)
    assert sorted(part["spans"]["us"]) == [22_000_000, 25_600_000]
    assert len(part["lanes"]) == 9
