from dataclasses import replace

import pytest

from megacache.model import Verdict
from megacache.views.findings import failure, findings, graph_break, recompile, refusals
from megacache.views.index import Index
from samples import RUN, small_recording


@pytest.fixture(scope="module")
def recording():
    return small_recording()[0]


@pytest.fixture(scope="module")
def index(recording):
    return Index(recording)


def compile_of(recording, compile_id):
    return next(row for row in recording.compiles if (row.run_id, row.compile_id) == (RUN, compile_id))


def test_findings_are_failures_then_breaks_then_recompiles(index):
    found = findings(index, index.compiles)
    assert [each.title for each in found] == ["Failed", *["Graph break"] * 2, *["Recompiled"] * 3]


def test_a_break_that_several_compiles_met_is_one(index):
    (found,) = [each for each in findings(index, index.compiles) if "line 16" in each.text]
    assert found.text.startswith("at line 16, in `0/0`, `0/1`, `0/2`: Failed to trace builtin operator. ")
    assert found.advice.startswith("Avoid calling builtin `print`.")
    assert "User stack:\n<cell 4f1c2a>:31 <module>" in found.more


def test_a_break_of_which_torch_says_little_is_a_finding(recording):
    row = replace(recording.graph_breaks[0], line=None, explanation=None, hints=(), context=None, user_stack=())
    found = graph_break([replace(row, gb_type=None, reason="call to foo\nand its stack")])
    assert found.text == "at a line that torch did not name, in `0/0`: call to foo."
    assert found.more == "call to foo\nand its stack"


def test_a_recompile_says_which_guard_failed_and_what_to_do(index, recording):
    size = recompile(index, compile_of(recording, "0/1"))
    assert size.text.startswith("as `0/1` because a guard of `0/0` failed: `input_ids.size(1) 13 → 24`. Dynamic from")
    assert size.advice == "To compile once for all sizes: `torch._dynamo.mark_dynamic(input_ids, 1)`"
    value = recompile(index, compile_of(recording, "0/2"))
    assert "each value of `scale`" in value.advice
    assert value.more == "Earlier guarded codes did not fit either:\n0/0 input_ids.size(1) 13 → 24"


def test_a_recompile_without_a_reason_says_so(recording):
    index = Index(replace(recording, recompile_reasons=(), dimensions=()))
    assert recompile(index, compile_of(recording, "0/1")).text == "as `0/1`; torch gave no reason."


@pytest.mark.parametrize(
    ("status", "title", "tone"),
    [("failed", "Failed", "problem"), ("skipped", "Skipped", "caution"), ("limit", "Recompile limit", "problem")],
)
def test_what_left_nothing_has_a_name(recording, status, title, tone):
    found = failure(replace(compile_of(recording, "3/0"), status=status))
    assert (found.title, found.tone) == (title, tone)
    assert found.text == "Compile `3/0`: Unsupported: Attempted to call function marked as skipped"
    assert "from user code" in found.more
    bare = failure(replace(compile_of(recording, "3/0"), status=status, error=None, error_type=None))
    assert bare.text == "Compile `3/0`: torch gave no error text"


def test_a_compile_that_is_not_over_is_no_finding(recording):
    row = replace(compile_of(recording, "0/0"), status="open")
    index = Index(replace(recording, compiles=(row,), graph_breaks=()))
    assert findings(index, index.compiles) == []


def test_refusals_are_one_finding_per_reason():
    rows = [
        Verdict(
            artifact_type="inductor", cache_key=str(at), content_sha256=None, size_bytes=1, verdict=verdict, reason=why
        )
        for at, (verdict, why) in enumerate([("refused", "CPU"), ("refused", "CPU"), ("rejected", None), ("hit", None)])
    ]
    assert [(each.title, each.text) for each in refusals(rows)] == [
        ("Refused", "2 artifacts: CPU"),
        ("Rejected", "1 artifact: no reason was recorded"),
    ]
