from dataclasses import replace

import pytest
from made_rows import document_of

from megacache.model import PHASES, BackendEntry
from megacache.recording import Recording, encode_rows
from megacache.views.timeline import LANE_LIMIT, PHASE_COLOURS, PHASE_TITLES, Bar, lanes, longest
from samples import COLD, RUN, START, event, large_recording, small_recording


@pytest.fixture(scope="module")
def recording():
    return small_recording()[0]


def with_events(recording, *events):
    content = encode_rows(events)
    document = document_of(content, COLD, "events", run_id=RUN)
    compiles = tuple(row for row in recording.compiles if row.compile_id == "0/0" and row.run_id == RUN)
    return Recording(
        sessions=recording.sessions[:1],
        codes=recording.codes,
        compiles=compiles,
        documents=(document,),
        read={document.content_sha256: content}.__getitem__,
    )


def test_every_phase_has_a_title_and_a_colour():
    assert tuple(PHASE_TITLES) == tuple(PHASE_COLOURS) == PHASES


def test_a_lane_per_compile_and_per_backward(recording):
    assert [lane.label for lane in lanes(recording)] == [
        "0/0 forward",
        "1/0 resume",
        "0/1 forward",
        "1/1 resume",
        "0/2 forward",
        "2/0 forward",
        "2/0 backward",
        "3/0 forward",
        "0/0 forward",
    ]


def test_bars_of_a_lane_never_overlap_and_add_up(recording):
    for lane in lanes(recording):
        for first, second in zip(lane.bars, lane.bars[1:], strict=False):
            assert first.started_us + first.duration_us <= second.started_us
    first = lanes(recording)[0]
    assert first.duration_us == 25_600_000
    assert [bar.phase for bar in first.bars] == ["dynamo", "other", "aot", "inductor", "codegen", "compiler"]


def test_the_innermost_phase_wins_and_the_outer_goes_on_after_it(recording):
    spans = (
        event("outer", "dynamo", START, 100, "0/0", 0),
        event("inner", "aot", START + 20, 30, "0/0", 1),
        event("innermost", "inductor", START + 30, 10, "0/0", 2),
        event("instant", "cache", START + 60, 0, "0/0", 1),
        event("again", "dynamo", START + 100, 5, "0/0", 0),
    )
    (lane,) = lanes(with_events(recording, *spans))
    assert lane.bars == (
        Bar("dynamo", 0, 20),
        Bar("aot", 20, 10),
        Bar("inductor", 30, 10),
        Bar("aot", 40, 10),
        Bar("dynamo", 50, 55),
    )


def test_without_events_the_phases_of_the_compile_are_laid_end_to_end(recording):
    bare = replace(recording, documents=())
    first = lanes(bare)[0]
    assert [bar.phase for bar in first.bars] == ["dynamo", "aot", "inductor", "codegen", "compiler"]
    assert first.bars[-1].duration_us == 9_800_000
    assert [lane.label for lane in lanes(bare)].count("2/0 backward") == 1


def test_the_shortest_lanes_are_summed_up():
    found = lanes(large_recording(400)[0])
    kept, left = longest(found, 1500)
    assert len(found) == 200
    assert (len(kept), left) == (LANE_LIMIT + 1, 200 - LANE_LIMIT)
    assert kept[-1].label == f"other ({left})"
    assert sum(lane.duration_us for lane in kept) == sum(lane.duration_us for lane in found)
    assert sum(len(lane.bars) for lane in kept) <= 1500


def test_a_lane_of_many_bars_keeps_the_longest(recording):
    spans = [event("span", ("dynamo", "aot")[at % 2], START + 10_000 * at, 1 + at, "0/0", 0) for at in range(3000)]
    kept, left = longest(lanes(with_events(recording, *spans)), 1500)
    assert left == 0
    assert len(kept[0].bars) == 1500 - len(PHASE_TITLES)
    assert min(bar.duration_us for bar in kept[0].bars) > 1000


def test_a_backward_within_its_compile_is_cut_out_of_the_forward(recording):
    spans = (
        event("outer", "aot", START, 100, "0/0", 0),
        event("backward", "inductor", START + 40, 30, "0/0", 1),
    )
    entry = BackendEntry(
        run_id=RUN,
        backend_id="b",
        kind="backward",
        session_id=COLD,
        compile_id="0/0",
        started_us=START + 40,
        duration_us=30,
    )
    forward, backward = lanes(replace(with_events(recording, *spans), backend_entries=(entry,)))
    assert forward.bars == (Bar("aot", 0, 40), Bar("aot", 70, 30))
    assert backward.bars == (Bar("inductor", 40, 30),)
