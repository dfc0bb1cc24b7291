"""What changed between two recordings: functions by content, graph breaks and recompiles by what they say."""

from dataclasses import replace

import pytest

from megacache.explain.changes import changes, totals
from megacache.recording import Recording
from megacache.views.tree import Tree
from samples import small_recording


@pytest.fixture
def recording():
    return small_recording()[0]


def told(found):
    return [(each.kind, each.change, str(each)) for each in found]


def test_nothing_changed_in_the_same_recording(recording):
    assert changes(recording, recording) == ()
    assert all(each.old == each.new for each in totals(recording, recording))


def test_an_edited_function_has_changed_and_a_moved_one_has_not(recording):
    (first, *others) = recording.codes
    edited = replace(recording, codes=(replace(first, digest="0" * 64), *others))
    moved = replace(recording, codes=tuple(replace(each, first_line=each.first_line + 7) for each in recording.codes))
    ((kind, change, text),) = told(changes(recording, edited))
    assert (kind, change) == ("function", "changed")
    assert text.startswith(f"{first.title} (")
    assert changes(recording, moved) == ()


def test_a_function_of_one_side_comes_with_its_breaks_and_recompiles(recording):
    added = changes(Recording(), recording)
    removed = changes(recording, Recording())
    assert {each.change for each in added} == {"added"}
    assert {each.change for each in removed} == {"removed"}
    assert [(each.kind, each.function) for each in added] == [(each.kind, each.function) for each in removed]
    assert {each.kind for each in added} == {"function", "graph break", "recompile"}
    functions = {code.title for code in recording.codes if code.parent_code_id is None}
    assert {each.function for each in added} == functions  # a resume function's are told of its function


def test_a_break_that_moved_is_the_same_and_one_that_went_is_told(recording):
    moved = replace(
        recording, graph_breaks=tuple(replace(each, line=(each.line or 0) + 3) for each in recording.graph_breaks)
    )
    assert changes(recording, moved) == ()
    gone = changes(recording, replace(recording, graph_breaks=()))
    assert {(each.kind, each.change) for each in gone} == {("graph break", "removed")}
    source_line = recording.graph_breaks[0].source_line.strip()
    assert any(f"`{source_line}`" in each.what for each in gone)


def test_a_new_recompile_is_told_with_its_guard(recording):
    new = changes(replace(recording, recompile_reasons=()), recording)
    assert {(each.kind, each.change) for each in new} == {("recompile", "added")}
    assert any("→" in each.what for each in new)


def test_what_was_served_is_not_compared_since_nobody_saw_its_breaks(recording):
    served = replace(
        recording,
        compiles=tuple(replace(each, status="served") for each in recording.compiles),
        graph_breaks=(),
        recompile_reasons=(),
    )
    assert changes(recording, served) == ()
    assert changes(served, recording) == ()


def test_the_compile_time_is_that_of_the_compiles_in_the_tree(recording):
    def compile_nodes(node):
        is_compile = node.kind in ("compile", "recompile", "guarded_code")
        return [node] if is_compile else [each for child in node.children for each in compile_nodes(child)]

    (time,) = (each.new for each in totals(recording, recording) if each.name == "compile time")
    assert time == sum(each.duration_us or 0 for each in compile_nodes(Tree.of(recording).root))


def test_totals_have_units_for_people(recording):
    half = replace(recording, compiles=recording.compiles[:1], artifacts=recording.artifacts[:1])
    compiles, time, artifacts = totals(recording, half)
    assert str(compiles) == f"1 compile, was {len(recording.compiles)} compiles"
    assert time.unit == "us"
    assert 0 < time.new < time.old
    assert (artifacts.unit, artifacts.new) == ("bytes", recording.artifacts[0].size_bytes)
    assert "was" in str(artifacts)
