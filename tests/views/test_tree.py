import time
from dataclasses import replace

import pytest

from megacache.errors import ArtifactNotFoundError
from megacache.model import ArtifactUse, BackendEntry
from megacache.recording import Recording
from megacache.views.tree import KINDS, STATES, Node, Tree
from samples import COLD, RUN, WARM, WARM_RUN, key, large_recording, small_recording


@pytest.fixture(scope="module")
def recording():
    return small_recording()[0]


@pytest.fixture(scope="module")
def tree(recording):
    return Tree.of(recording)


def named(node: Node, *names: str) -> Node:
    """Go down by the names of the children."""
    for name in names:
        found = [child for child in node.children if child.name == name]
        assert found, f"{name!r} is not one of {[child.name for child in node.children]}"
        node = found[0]
    return node


def kinds(node: Node) -> list[tuple[str, str]]:
    return [(child.kind, child.name) for child in node.children]


def test_an_empty_recording_has_an_empty_tree():
    assert list(Tree.of(Recording()).walk()) == [Node(kind="recording", key="", name="recording", detail="0 sessions")]


def test_each_session_has_its_functions_and_what_is_outside(tree):
    assert [child.name for child in tree.root.children] == [
        "encoder",
        "encoder, warm",
        "artifacts not tied to a compile",
    ]
    assert kinds(named(tree.root, "encoder")) == [
        ("function", "TextEncoder.forward"),
        ("function", "contrastive_loss"),
        ("function", "load_labels"),
        ("outside", "outside any compile"),
    ]


def test_a_function_has_guarded_codes_recompiles_and_graph_breaks(tree):
    function = named(tree.root, "encoder", "TextEncoder.forward")
    assert kinds(function) == [
        ("guarded_code", "0/0"),
        ("recompile", "0/1"),
        ("recompile", "0/2"),
        ("graph_break", "Failed to trace builtin operator"),
    ]
    assert function.detail == "cell 4f1c2a, line 12"


def test_a_recompile_says_in_one_line_what_failed_and_what_it_has(tree):
    function = named(tree.root, "encoder", "TextEncoder.forward")
    assert named(function, "0/1").detail == (
        "input_ids.size(1) 13 → 24 · 1 graph · 3 guards, 1 dropped · s43 = input_ids.size(1) in [2, ∞]"
    )
    assert named(function, "0/2").detail.startswith("scale == 1.0 failed · ")
    assert named(function, "0/0").detail == "1 graph · 3 guards, 1 dropped"


def test_a_resume_function_hangs_under_the_break_it_follows(tree):
    split = named(tree.root, "encoder", "TextEncoder.forward", "Failed to trace builtin operator")
    assert split.detail == 'line 16 · print("tokens", hidden.shape) · in 0/0, 0/1, 0/2'
    assert split.line == 16
    resume = named(split, "resume_in_forward_at_16")
    assert (resume.kind, resume.code_id) == ("resume", "code-resume")
    assert kinds(resume) == [("guarded_code", "1/0"), ("recompile", "1/1")]


def test_a_resume_function_hangs_under_the_nearest_break_before_it(recording):
    early = replace(recording.graph_breaks[0], line=14, reason="earlier", ordinal=1)
    late = replace(recording.graph_breaks[0], line=30, reason="later", ordinal=2)
    grown = Tree.of(replace(recording, graph_breaks=(early, late, *recording.graph_breaks)))
    function = named(grown.root, "encoder", "TextEncoder.forward")
    assert [len(child.children) for child in function.children if child.kind == "graph_break"] == [0, 0, 1]


def test_a_resume_function_without_a_break_stays_with_its_function(recording):
    function = named(Tree.of(replace(recording, graph_breaks=())).root, "encoder", "TextEncoder.forward")
    assert kinds(function)[-1] == ("resume", "resume_in_forward_at_16")


def test_a_resume_function_that_is_compiled_alone_still_shows_its_function(recording):
    compiles = tuple(row for row in recording.compiles if row.compile_id == "1/0")
    grown = Tree.of(Recording(sessions=recording.sessions, codes=recording.codes, compiles=compiles))
    assert kinds(named(grown.root, "encoder", "TextEncoder.forward")) == [("resume", "resume_in_forward_at_16")]


def test_a_backend_entry_has_its_kind_its_ops_and_its_artifacts(tree):
    compiled = named(tree.root, "encoder", "contrastive_loss", "2/0")
    assert [child.detail for child in compiled.children] == ["forward, 5 ops", "backward"]
    assert [child.backend_kind for child in compiled.children] == ["forward", "backward"]
    forward = compiled.children[0]
    assert [(leaf.artifact_type, leaf.cache_key, leaf.size_bytes) for leaf in forward.children] == [
        ("inductor", key("i", "loss"), 9_000),
        ("aot_autograd", key("a", "loss"), 44_000),
    ]


def test_a_lazy_backward_adds_to_the_time_and_an_eager_one_does_not(recording, tree):
    assert named(tree.root, "encoder", "contrastive_loss", "2/0").duration_us == 2_400_000 + 1_100_000
    eager = tuple(
        replace(row, started_us=recording.compiles[5].started_us) if row.kind == "backward" else row
        for row in recording.backend_entries
    )
    grown = Tree.of(replace(recording, backend_entries=eager))
    assert named(grown.root, "encoder", "contrastive_loss", "2/0").duration_us == 2_400_000


def test_a_failed_compile_shows_its_error_and_its_state_climbs(tree):
    function = named(tree.root, "encoder", "load_labels")
    failed = named(function, "3/0")
    assert (failed.kind, failed.state) == ("compile", "failed")
    assert failed.detail == "Unsupported: Attempted to call function marked as skipped"
    assert function.state == "failed"


def test_what_has_no_compile_is_outside(tree):
    outside = named(tree.root, "encoder", "outside any compile")
    assert [(child.kind, child.label) for child in outside.children] == [
        ("backend", "backend"),
        ("artifact", "precompile"),
    ]
    bypassed = outside.children[0].children[1]
    assert (bypassed.name, bypassed.state) == ("no key", "bypass")
    assert bypassed.detail == "Unsupported call to a custom operator"


def test_an_artifact_of_which_nothing_is_known_is_tied_to_no_compile(tree):
    untied = named(tree.root, "artifacts not tied to a compile")
    assert [(leaf.artifact_type, leaf.state) for leaf in untied.children] == [("autotune", "")]


def test_an_artifact_that_a_compile_touched_beside_its_graphs_is_under_the_compile(tree):
    leaf = named(tree.root, "encoder", "TextEncoder.forward", "0/1").children[-1]
    assert (leaf.kind, leaf.artifact_type, leaf.compile_id) == ("artifact", "pgo", "0/1")


def test_offered_artifacts_that_nothing_touched_have_their_verdicts(tree):
    offered = named(tree.root, "encoder, warm", "offered, touched by no compile")
    assert [leaf.state for leaf in offered.children] == ["unused"] * 2 + ["rejected"] * 2 + ["refused"] * 2 + ["missed"]
    assert offered.children[4].detail == "cpu_isa: recorded avx512, live avx2"
    assert offered.state == "refused"


def test_a_refused_artifact_that_was_compiled_again_is_refused_not_missed(recording):
    use = ArtifactUse(
        session_id=WARM,
        ordinal=99,
        run_id=WARM_RUN,
        compile_id="0/0",
        backend_id="__compiled_fn_1_9f",
        kind="inference",
        artifact_type="inductor",
        cache_key=key("i", "loss"),
        content_sha256=None,
        state="miss",
        at_us=0,
    )
    grown = Tree.of(replace(recording, artifact_uses=(*recording.artifact_uses, use)))
    leaf = named(grown.root, "encoder, warm", "TextEncoder.forward", "0/0", "__compiled_fn_1").children[-1]
    assert (leaf.state, leaf.detail) == ("refused", "cpu_isa: recorded avx512, live avx2")


def test_hits_say_what_they_saved(tree):
    backend = named(tree.root, "encoder, warm", "TextEncoder.forward", "0/0", "__compiled_fn_1")
    assert {(leaf.state, leaf.detail) for leaf in backend.children} == {("hit", "saved 12.4 s")}
    assert named(tree.root, "encoder, warm", "TextEncoder.forward").state == "hit"


def test_a_lookup_and_a_record_of_one_artifact_are_one_leaf(recording):
    use = recording.artifact_uses[0]
    lookup = replace(use, ordinal=98, content_sha256=None, time_taken_us=None)
    record = replace(use, ordinal=99, state=None, detail=None)
    alone = replace(recording, artifact_uses=(lookup, record))
    leaves = [node for node in Tree.of(alone).walk() if node.kind == "artifact" and node.session_id == COLD]
    assert [(leaf.state, leaf.content_sha256) for leaf in leaves] == [("miss", use.content_sha256)]


def test_bytes_count_each_content_once(tree, recording):
    function = named(tree.root, "encoder", "TextEncoder.forward")
    contents = {node.content_sha256: node.size_bytes for node in function.walk() if node.content_sha256}
    assert function.size_bytes == sum(contents.values())
    assert tree.root.size_bytes == sum(row.size_bytes for row in recording.artifacts)


def test_time_adds_up(tree):
    function = named(tree.root, "encoder", "TextEncoder.forward")
    assert function.duration_us == (25_600 + 14_800 + 6_100 + 800 + 900) * 1000


def test_a_backward_in_a_later_session_is_shown_there(recording):
    later = BackendEntry(
        run_id=RUN, backend_id="__compiled_fn_1_aa", kind="backward", session_id=WARM, compile_id="0/0", duration_us=5
    )
    grown = Tree.of(replace(recording, backend_entries=(*recording.backend_entries, later)))
    shown = [
        node
        for node in named(grown.root, "encoder, warm", "TextEncoder.forward").children
        if node.run_id == RUN and node.kind == "guarded_code"
    ]
    assert [(node.duration_us, len(node.children)) for node in shown] == [(5, 1)]
    assert shown[0].detail.startswith("compiled in an earlier session")


def test_a_compile_of_unknown_code_is_shown(recording):
    compiles = (replace(recording.compiles[0], code_id=None),)
    grown = Tree.of(Recording(sessions=recording.sessions, compiles=compiles))
    assert kinds(named(grown.root, "encoder", "code not recorded")) == [("guarded_code", "0/0")]


def test_keys_are_unique_stable_and_found(tree, recording):
    keys = [node.key for node in tree.walk()]
    assert len(keys) == len(set(keys))
    assert keys == [node.key for node in Tree.of(recording).walk()]
    assert all(tree.find(node.key) is node for node in tree.walk())
    assert tree.find("nowhere") is None


def test_every_kind_and_state_is_one_of_the_listed(tree):
    assert {node.kind for node in tree.walk()} == set(KINDS) - {"frame"}
    assert {node.state for node in tree.walk()} <= set(STATES)


def test_a_state_of_a_newer_version_is_shown_as_none(recording):
    uses = tuple(replace(each, state="of tomorrow") for each in recording.artifact_uses)
    tree = Tree.of(replace(recording, artifact_uses=uses))
    assert {node.state for node in tree.walk()} <= set(STATES)


def test_without_contents_the_kept_guards_are_still_counted(recording):
    def unreadable(digest):
        raise ArtifactNotFoundError(digest)

    documents = tuple(row for row in recording.documents if row.name == "guards")
    grown = Tree.of(replace(recording, documents=documents, read=unreadable))
    assert named(grown.root, "encoder", "TextEncoder.forward", "0/0").detail == "1 graph · 3 guards"


def test_no_home_directory_is_in_the_tree(tree):
    assert "/home/ada" not in str(tree)


@pytest.mark.alone
def test_ten_thousand_artifacts_grow_in_half_a_second():
    recording, _ = large_recording(10_000)
    times = []
    for _ in range(3):
        began = time.process_time()
        tree = Tree.of(recording)
        times.append(time.process_time() - began)
    assert sum(node.kind == "artifact" for node in tree.walk()) == 10_000
    assert min(times) < 0.5
