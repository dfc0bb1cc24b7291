import pytest

from megacache.recording import Recording
from megacache.views.figures import MARK_LIMIT, Figures
from megacache.views.marks import Mark, largest, mark_totals, size_marks, time_marks
from megacache.views.tree import Tree
from samples import large_recording, small_recording


def mark_count(figure):
    return sum(len(trace.x) if trace.type == "bar" else len(trace.ids) for trace in figure.data)


@pytest.fixture(scope="module")
def figures():
    return Figures(small_recording()[0])


@pytest.fixture(scope="module")
def large_figures():
    return Figures(large_recording(10_000)[0])


@pytest.mark.parametrize("name", ["timeline", "sizes", "icicle"])
def test_a_figure_has_at_most_1500_marks_and_says_what_it_left(large_figures, name):
    figure = getattr(large_figures, name)()
    assert 60 < mark_count(figure) <= MARK_LIMIT
    labels = [label for trace in figure.data for label in (trace.y if trace.type == "bar" else trace.labels)]
    assert any(label.startswith("other (") for label in labels)


@pytest.mark.parametrize("name", ["timeline", "sizes", "icicle"])
def test_a_figure_of_nothing_is_a_figure(name):
    assert mark_count(getattr(Figures(Recording()), name)()) <= 1


def test_the_timeline_has_a_row_per_compile_and_seconds(figures):
    figure = figures.timeline()
    assert figure.layout.title.text == "Compile time by phase"
    assert figure.layout.xaxis.title.text == "seconds since the session began"
    rows = list(figure.layout.yaxis.categoryarray)
    assert rows[-1] == "encoder · 0/0 forward"
    assert rows[0] == "encoder, warm · 0/0 forward"
    compiler = next(trace for trace in figure.data if trace.name == "C++ / Triton")
    assert compiler.x[0] == pytest.approx(9.8)
    assert tuple(compiler.customdata[0]) == ("TextEncoder.forward", "9.8 s")


def test_one_session_needs_no_name_in_the_rows():
    figure = Figures(large_recording(4)[0]).timeline()
    assert list(figure.layout.yaxis.categoryarray) == ["0/1 forward", "0/0 forward"]


def test_sizes_count_each_content_once(figures):
    figure = figures.sizes()
    recording = figures.recording
    assert sum(figure.data[0]["values"]) == sum(row.size_bytes for row in recording.artifacts)
    assert figure.data[0].labels[:3] == ("all", "inductor", "TextEncoder.forward")


def test_the_icicle_is_by_time_or_by_bytes(figures):
    by_time, by_bytes = figures.icicle(), figures.icicle("bytes")
    assert sum(by_time.data[0]["values"]) == Tree.of(figures.recording).root.duration_us
    assert sum(by_bytes.data[0]["values"]) == sum(row.size_bytes for row in figures.recording.artifacts)
    with pytest.raises(ValueError, match="by 'time' or by 'bytes', not by 'colour'"):
        figures.icicle("colour")


def test_every_parent_is_there_and_stands_before_its_children():
    for marks in (size_marks(Tree.of(small_recording()[0]).root), time_marks(Tree.of(small_recording()[0]).root)):
        seen = {""}
        for mark in marks:
            assert mark.parent in seen
            seen.add(mark.key)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10, 50])
def test_summing_up_loses_nothing(limit):
    marks = [Mark(f"f{at}", "", f"f{at}", 0, "", "") for at in range(10)]
    marks += [Mark(f"f{at}/{leaf}", f"f{at}", "leaf", at + leaf, "", "") for at in range(10) for leaf in range(4)]
    kept = largest(marks, limit)
    assert len(kept) <= limit
    assert mark_totals(kept)[""] == mark_totals(marks)[""]
    assert {mark.parent for mark in kept} <= {"", *(mark.key for mark in kept)}
