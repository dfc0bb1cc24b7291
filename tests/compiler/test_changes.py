"""What changed since a revision: all rows of a compile that changed, and nothing of the others."""

import pytest

from megacache.compiler.changes import Changes
from synthetic import SyntheticProcess

SESSION = "session-train"


@pytest.fixture
def process():
    process = SyntheticProcess()
    process.session("train")
    return process


@pytest.fixture
def clock(process):
    return process.clock


@pytest.fixture
def changed(process):
    """What changed since it was asked before."""
    reached = {SESSION: 0}

    def changed():
        found = process.capture.recorder.changed(reached)
        reached.update(found.reached)
        return found.recording

    return changed


def compile_ids(rows):
    return {each.compile_id for each in rows}


def test_marks_are_found_from_the_end_in_the_order_of_the_changes():
    changes = Changes()
    for revision, key in enumerate(("a", "b", "c", "a"), start=1):
        changes.revision = revision
        changes.compiles.mark((key, ""))
    assert [key for key, _ in changes.compiles.since(0)] == ["b", "c", "a"]
    assert [key for key, _ in changes.compiles.since(2)] == ["c", "a"]
    assert changes.compiles.since(4) == []


def test_nothing_is_new_twice(process, clock, changed):
    process.take(clock.compiled(0))
    assert compile_ids(changed().compiles) == {"0/0"}
    again = changed()
    assert (again.codes, again.compiles, again.artifacts, again.artifact_uses, again.documents) == ((),) * 5


def test_only_the_compile_that_is_new_with_all_that_belongs_to_it(process, clock, changed):
    process.take(clock.compiled(0))
    changed()
    process.take(clock.compiled(1))
    found = changed()
    tables = (found.compiles, found.dimensions, found.backend_entries, found.artifact_uses)
    assert [compile_ids(rows) for rows in tables] == [{"1/0"}] * 4
    assert [each.qualname for each in found.codes] == ["step_1"]
    assert len(found.artifacts) == 2
    assert {each.name for each in found.documents} == {
        "dynamo_graph", "inference_graph", "output_code", "guards", "events"
    }  # fmt: skip


def test_a_lazy_backward_brings_its_compile_back(process, clock, changed):
    process.take(clock.compiled(0))
    process.take(clock.compiled(1))
    changed()
    process.take([clock.graph("0/0", "aot_backward_graph", "backward")])
    found = changed()
    assert compile_ids(found.compiles) == {"0/0"}
    assert {each.kind for each in found.backend_entries} == {"inference", "backward"}
    assert [each.qualname for each in found.codes] == ["step_0"]


def test_a_span_counts_for_the_compile_under_which_it_began(process, clock, changed):
    process.take(clock.started("0/0", "step"))
    process.take([clock.span("0/0", "bytecode_tracing", "B"), clock.graph("0/0", "dynamo_output_graph", "graph")])
    changed()
    process.take([clock.span(None, "bytecode_tracing", "E")])
    (compiled,) = changed().compiles
    assert compiled.tracing_us == 3000


def test_an_artifact_that_another_session_records_later_comes_with_its_use(process, clock, changed):
    process.take([clock.served("0/0", "inductor", "key", b"content"), clock.graph("1/0", "dynamo_output_graph", "")])
    assert changed().artifacts == ()
    process.session("inner")
    process.take([clock.record("5/0", "inductor", "key", b"content")])
    found = changed()
    assert [each.cache_key for each in found.artifacts] == ["key"]
    assert compile_ids(found.artifact_uses) == {"0/0"}


def test_outside_of_any_compile_only_what_is_new(process, clock, changed):
    process.take(clock.outside("first", "a", b"1"))
    changed()
    process.take(clock.outside("second", "b", b"2"))
    found = changed()
    assert [each.backend_id for each in found.backend_entries] == ["second"]
    assert [each.inductor_us for each in found.backend_entries] == [5000]
    assert [each.cache_key for each in found.artifact_uses] == ["b"]


def test_a_span_that_is_told_late_counts_outside_too(process, clock, changed):
    events = clock.outside("first", "a", b"1")
    late = events.pop(-2)
    process.take([*events, *clock.outside("second", "b", b"2")])
    changed()
    process.take([late])
    assert {each.backend_id: each.inductor_us for each in changed().backend_entries}["first"] == 5000


def test_a_session_is_whole_from_where_it_began(process, clock):
    process.take(clock.compiled(0))
    process.session("inner")
    process.take(clock.compiled(1))
    found = process.capture.recorder.changed({"session-inner": 0})
    assert compile_ids(found.recording.compiles) == {"1/0"}


def test_what_fails_half_way_is_marked_too(process, clock, changed):
    process.take(clock.compiled(0))
    changed()
    process.take([clock.graph("0/0", "create_symbol", "")])  # without a symbol in it
    process.capture.recorder.fold()
    assert len(process.capture.recorder.faults) == 1
    assert compile_ids(changed().compiles) == {"0/0"}


def test_whether_a_session_captured_anything(process, clock):
    recorder = process.capture.recorder
    assert not recorder.has_captured([SESSION])
    process.take(clock.compiled(0))
    assert recorder.has_captured([SESSION])
    assert not recorder.has_captured(["another"])
    process.session("inner")
    process.take([clock.graph("0/0", "aot_backward_graph", "backward")])
    assert recorder.has_captured(["session-inner"])
