from dataclasses import replace

import pytest

from megacache.model import Code
from megacache.recording import Recording
from megacache.views.index import Index
from megacache.views.source import marked_source
from samples import small_recording


@pytest.fixture(scope="module")
def recording():
    return small_recording()[0]


def marks(recording, code_id):
    index = Index(recording)
    return {line.number: (line.mark, line.notes) for line in marked_source(index, index.codes[code_id])}


def test_each_line_of_the_method_is_marked_from_its_own_and_its_resume_graphs(recording):
    found = marks(recording, "code-forward")
    assert {number: mark for number, (mark, _) in found.items()} == {
        12: "",
        13: "guard",
        14: "graph",
        15: "graph",
        16: "break",
        17: "guard",
        18: "graph",
    }
    assert found[13][1] == ["guard failed: input_ids.size(1) 13 → 24", "guard failed: scale == 1.0"]
    assert found[16][1] == ["graph break: Failed to trace builtin operator"]


def test_a_docstring_and_the_header_run_nothing(recording):
    found = marks(recording, "code-loss")
    assert [found[number][0] for number in (41, 42, 43)] == ["", "", "graph"]


def test_lines_that_no_graph_names_run_in_python(recording):
    bare = replace(recording, documents=())
    assert marks(bare, "code-loss")[43] == ("eager", [])


def test_a_line_number_of_another_text_marks_nothing(recording):
    edited = replace(recording.codes[2], source=recording.codes[2].source.replace("left @", "left  @"))
    assert marks(replace(recording, codes=(edited,)), "code-loss")[43][0] == "eager"


def test_a_statement_over_lines_is_marked_as_a_whole():
    source = "def f(x):\n    if x:\n        return g(\n            x,\n        )\n"
    code = Code(code_id="c", module="m", qualname="f", filename="m.py", first_line=1, digest=None, source=source)
    lines = marked_source(Index(Recording(codes=(code,))), code)
    assert [line.mark for line in lines] == ["", "eager", "eager", "eager", "eager"]


@pytest.mark.parametrize("source", [None, "", "    def f(:\n  broken"])
def test_source_that_is_absent_or_unreadable_is_no_error(source):
    code = Code(code_id="c", module="m", qualname="f", filename="m.py", first_line=1, digest=None, source=source)
    lines = marked_source(Index(Recording(codes=(code,))), code)
    assert all(line.mark == "" for line in lines)
    assert len(lines) == len((source or "").splitlines())


def test_a_size_guard_of_which_torch_names_no_line_is_at_the_first_that_reads_the_tensor(recording):
    bare = tuple(replace(row, source_line=None, location=None) for row in recording.recompile_reasons)
    found = marks(replace(recording, recompile_reasons=bare), "code-forward")
    assert {number: notes for number, (mark, notes) in found.items() if mark == "guard"} == {
        13: ["guard failed: input_ids.size(1) 13 → 24"],
        17: ["guard failed: hidden.size(1) 13 → 24"],
    }
