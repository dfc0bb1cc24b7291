from dataclasses import replace

import pytest

from megacache.recording import Recording
from megacache.views.tree import COMPILE_KINDS, Tree
from samples import COLD, small_recording


@pytest.fixture(scope="module")
def recording():
    return small_recording()[0]


def with_stacks(recording, **stacks):
    """The cold session's compiles with other stacks, by compile id."""
    rows = [row for row in recording.compiles if row.session_id == COLD]
    named = {compile_id.replace("_", "/").lstrip("c"): stack for compile_id, stack in stacks.items()}
    compiles = tuple(replace(row, stack=named[row.compile_id]) for row in rows if row.compile_id in named)
    return Recording(sessions=recording.sessions[:1], codes=recording.codes, compiles=compiles)


def drawn(node, depth=0):
    """The lines of a tree: depth, kind, name, detail."""
    for child in node.children:
        yield depth, child.kind, child.name, child.detail
        yield from drawn(child, depth + 1)


MAIN, TRAIN, STEP, EVAL = "a.py:1 <module>", "a.py:20 train", "/x/b.py:7 Step.run", "a.py:30 evaluate"


def test_common_frames_are_folded_and_the_innermost_gives_the_name(recording):
    tree = Tree.by_stacks(with_stacks(recording, c0_0=(MAIN, TRAIN, STEP), c2_0=(MAIN, TRAIN, STEP)))
    lines = list(drawn(tree.root.children[0]))
    assert lines[0] == (0, "frame", "Step.run", "b.py:7 · through <module>, train")
    assert [line[:3] for line in lines[1:]] == [(1, "guarded_code", "0/0"), (1, "guarded_code", "2/0")]
    assert lines[1][3].startswith("TextEncoder.forward · ")


def test_stacks_fork_where_they_differ(recording):
    tree = Tree.by_stacks(with_stacks(recording, c0_0=(MAIN, TRAIN, STEP), c0_1=(MAIN, EVAL), c2_0=(MAIN, TRAIN, STEP)))
    assert [line[:3] for line in drawn(tree.root.children[0])] == [
        (0, "frame", "<module>"),
        (1, "frame", "Step.run"),
        (2, "guarded_code", "0/0"),
        (2, "guarded_code", "2/0"),
        (1, "frame", "evaluate"),
        (2, "recompile", "0/1"),
    ]


def test_a_frame_that_compiles_itself_is_not_folded(recording):
    tree = Tree.by_stacks(with_stacks(recording, c0_0=(MAIN,), c2_0=(MAIN, TRAIN)))
    assert [line[:3] for line in drawn(tree.root.children[0])] == [
        (0, "frame", "<module>"),
        (1, "frame", "train"),
        (2, "guarded_code", "2/0"),
        (1, "guarded_code", "0/0"),
    ]


def test_many_folded_frames_are_named_by_the_first_and_the_last(recording):
    stack = tuple(f"a.py:{at} f{at}" for at in range(9))
    tree = Tree.by_stacks(with_stacks(recording, c0_0=stack))
    assert next(drawn(tree.root.children[0]))[2:] == ("f8", "a.py:8 · through f0, f1, …, f7")


def test_a_compile_without_a_stack_is_said_so(recording):
    tree = Tree.by_stacks(with_stacks(recording, c0_0=()))
    assert next(drawn(tree.root.children[0]))[1:] == ("frame", "call stack not recorded", "")


def test_compiles_are_those_of_the_other_tree(recording):
    functions = {node.key: node for node in Tree.of(recording).walk() if node.kind in COMPILE_KINDS}
    stacks = {node.key: node for node in Tree.by_stacks(recording).walk() if node.kind in COMPILE_KINDS}
    assert set(stacks) == set(functions)
    for key, node in stacks.items():
        assert node.children == ()
        assert (node.duration_us, node.size_bytes, node.state) == (
            functions[key].duration_us,
            functions[key].size_bytes,
            functions[key].state,
        )


def test_times_add_up_and_a_content_counts_once(recording):
    session = Tree.by_stacks(recording).root.children[0]
    (frame,) = session.children
    assert session.duration_us == sum(each.duration_us for each in frame.children)
    assert session.size_bytes <= sum(each.size_bytes or 0 for each in frame.children)
    assert session.state == "failed"


def test_an_empty_recording_has_an_empty_tree():
    assert Tree.by_stacks(Recording()).root.children == ()
