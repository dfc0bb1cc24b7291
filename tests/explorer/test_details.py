from dataclasses import replace

import pytest

from megacache.explorer import details
from megacache.explorer.snapshot import Snapshot
from megacache.views.index import Index
from megacache.views.tree import Node
from samples import COLD, RUN, WARM


@pytest.fixture
def detail(snapshot, numbered):
    return lambda kind, name=None, session=None: snapshot.part("node", numbered(kind, name, session))


def test_a_function_has_all_its_tabs(detail):
    node = detail("function", "TextEncoder.forward", COLD)
    assert (node["source"], node["line"]) == ("code-forward", None)
    assert [each["compileId"] for each in node["guards"]] == ["0/0", "0/1", "0/2", "1/0", "1/1"]
    assert node["guards"][0] == {"name": f"{RUN}:0/0", "compileId": "0/0", "kept": 3, "dropped": 1}
    assert {each["title"] for each in node["graphs"]} == {"Dynamo graph", "post-grad graph"}
    assert len(node["code"]) == 5
    assert {each["type"] for each in node["artifacts"]} == {"inductor", "aot_autograd", "pgo"}


def test_findings_say_what_to_do_next(detail):
    findings = detail("function", "TextEncoder.forward", COLD)["overview"]["findings"]
    assert [each["title"] for each in findings] == ["Graph break", "Recompiled", "Recompiled", "Recompiled"]
    assert findings[0]["tone"] == "problem"
    assert "`torch._dynamo.config.reorderable_logging_functions`" in findings[0]["advice"]
    assert findings[1]["advice"] == "To compile once for all sizes: `torch._dynamo.mark_dynamic(input_ids, 1)`"
    assert "`scale`" in findings[2]["advice"]
    (failed,) = detail("compile", "3/0")["overview"]["findings"][:1]
    assert (failed["title"], failed["tone"]) == ("Failed", "problem")
    assert "torch.load" in failed["more"]


def test_phases_of_a_compile_add_up_to_its_time(detail, recording):
    row = next(each for each in recording.compiles if (each.run_id, each.compile_id) == (RUN, "0/0"))
    phases = detail("guarded_code", "0/0", COLD)["overview"]["phases"]
    assert [each["phase"] for each in phases] == ["dynamo", "aot", "inductor", "codegen", "compiler"]
    between = row.backend_us - row.aot_us
    assert sum(each["us"] for each in phases) == row.duration_us - between


def test_a_lazy_backward_counts_in_its_compile(detail):
    with_backward = sum(each["us"] for each in detail("guarded_code", "2/0")["overview"]["phases"])
    alone = sum(each["us"] for each in detail("backend", "__compiled_fn_11")["overview"]["phases"])
    assert with_backward == 2_300_000 + 1_100_000
    assert alone == 2_000_000


def test_a_graph_break_shows_its_line_and_who_met_it(detail):
    node = detail("graph_break", "Failed to trace builtin operator")
    assert (node["source"], node["line"]) == ("code-forward", 16)
    assert dict(node["overview"]["facts"])["met by"] == "0/0, 0/1, 0/2"
    assert [each["title"] for each in node["overview"]["findings"]] == ["Graph break"]
    assert [each["compileId"] for each in node["guards"]] == ["0/0", "0/1", "0/2"]


def test_a_resume_function_is_shown_in_the_source_of_its_parent(detail):
    assert detail("resume")["source"] == "code-forward"


def test_the_source_of_a_session_is_its_cell(detail, snapshot, recording):
    part = snapshot.part("source", detail("session", "encoder, warm")["source"])
    assert part["qualname"] == "encoder, warm"
    assert part["file"] == "<cell 77aa01>"
    assert [(each["number"], each["text"], each["mark"]) for each in part["lines"]] == [(1, "encoder(ids, mask)", "")]
    sessions = tuple(replace(each, cell=None) for each in recording.sessions)
    bare = Snapshot(replace(recording, sessions=sessions), snapshot.about)
    number = next(line.id for line in bare.function_lines if line.node.kind == "session")
    assert bare.part("node", str(number))["source"] is None


def test_an_artifact_has_its_key_and_its_components(detail, recording):
    node = detail("artifact", session=COLD)
    (row,) = node["artifacts"]
    assert row["type"] == "inductor"
    assert row["components"] == recording.artifact_uses[0].components_sha256
    assert dict(node["overview"]["facts"])["cache key"] == row["key"]
    assert node["overview"]["phases"] == []


def test_a_refusal_is_a_finding_of_the_session_that_offered(detail):
    titles = {each["title"]: each for each in detail("session", "encoder, warm")["overview"]["findings"]}
    assert titles["Refused"]["text"] == "2 artifacts: cpu_isa: recorded avx512, live avx2"
    assert "Rejected" in titles


def test_states_are_counted_worst_first(detail):
    states = detail("session", "encoder, warm", WARM)["overview"]["states"]
    assert [each["state"] for each in states] == ["refused", "rejected", "missed", "hit", "unused"]
    assert sum(each["count"] for each in states) == 9


def test_bytes_that_nobody_knows_are_not_none_at_all(recording):
    served = Node(kind="artifact", key="a/b", name="b", state="hit", artifact_type="inductor")
    function = Node(kind="function", key="a", name="f", children=(served,))
    overview = details.Details(Index(recording)).of(1, function)["overview"]
    assert overview["states"] == [{"state": "hit", "count": 1, "bytes": None}]
    known = replace(served, key="a/c", size_bytes=7, content_sha256="c")
    function = replace(function, children=(served, known))
    assert details.Details(Index(recording)).of(1, function)["overview"]["states"][0]["bytes"] == 7


def test_every_fact_has_a_name_of_its_own_and_a_value(snapshot):
    for line in (*snapshot.function_lines, *snapshot.stack_lines):
        facts = snapshot.part("node", str(line.id))["overview"]["facts"]
        names = [name for name, _ in facts]
        assert len(set(names)) == len(names)
        assert all(value for _, value in facts)


def test_a_node_of_the_stacks_has_details_too(snapshot):
    frame = next(line for line in snapshot.stack_lines if line.node.kind == "frame")
    node = snapshot.part("node", str(frame.id))
    assert node["name"] == "TextEncoder.forward"
    assert len(node["guards"]) == 6


def test_a_long_tab_is_cut_and_the_overview_says_so(monkeypatch, detail):
    monkeypatch.setattr(details, "ROW_LIMIT", 3)
    node = detail("session", "encoder")
    assert len(node["artifacts"]) == len(node["guards"]) == 3
    assert ("listed", "the first 3 artifacts") in node["overview"]["facts"]
