from megacache.explorer.facts import facts
from megacache.explorer.scope import Scope
from megacache.views.index import Index
from megacache.views.tree import Node
from samples import COLD


def told(snapshot, kind, name=None):
    node = next(
        line.node for line in snapshot.function_lines if line.node.kind == kind and name in (None, line.node.name)
    )
    return dict(facts(Scope(Index(snapshot.recording), node)))


def test_a_session_tells_when_where_and_with_which_options(snapshot):
    found = told(snapshot, "session", "encoder")
    assert found["took"] == "62.0 s"
    assert found["started"] == "2026-11-24 03:00:51 UTC"
    assert found["CPU"] == "Intel(R) Xeon(R) Gold 6338 · avx512"
    assert found["inductor.epilogue_fusion"] == "False (not torch's default)"
    assert (found["status"], found["megacache"]) == ("failed", "0.1.0")
    assert found["error"] == "Unsupported: Attempted to call function marked as skipped"
    assert found["notebook"] == "/home/ada/search/encoder.ipynb"


def test_a_compile_tells_its_graph_guards_and_attempts(snapshot):
    found = told(snapshot, "recompile", "0/1")
    assert found["function"] == "TextEncoder.forward"
    assert found["operators"] == "214"
    assert found["guards"] == "3 guards, 1 dropped"
    assert found["dynamic"] == "s43 = input_ids.size(1) in [2, ∞]"
    assert found["attempts"] == "2 · Failed to trace builtin operator"


def test_a_function_tells_where_it_is(snapshot):
    found = told(snapshot, "function", "contrastive_loss")
    assert (found["file"], found["first line"]) == ("/home/ada/search/train.py", "41")
    assert found["compiles"] == "1 (0 recompiles)"


def test_a_backend_entry_outside_of_any_compile_says_so(snapshot):
    assert told(snapshot, "backend", "standalone_1")["compile"] == "outside any compile"


def test_a_session_without_a_row_has_no_facts(snapshot):
    from dataclasses import replace

    from megacache.explorer.snapshot import Snapshot

    bare = Snapshot(replace(snapshot.recording, sessions=()), snapshot.about)
    assert told(bare, "session", COLD) == {}


def test_artifacts_of_unknown_size_are_only_counted(snapshot):
    served = Node(kind="artifact", key="a/b", name="b", state="hit", artifact_type="inductor")
    group = Node(kind="offered", key="a", name="offered", children=(served,))
    assert dict(facts(Scope(Index(snapshot.recording), group))) == {"artifacts": "1"}
