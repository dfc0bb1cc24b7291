import math
import re
import time

import pytest
from conftest import REPOSITORY

from explorer_samples import decode
from megacache.explorer import wire
from megacache.explorer.wire import encode, lines
from megacache.views.tree import KINDS, PROBLEMS, STATES, Node, Tree

SUMMARY = {"title": "x", "facts": [], "figures": [], "note": "", "isLive": False, "bundle": None}


def root(*children):
    return Node(kind="recording", key="", name="recording", children=children)


@pytest.fixture(scope="module")
def decoded(recording):
    return decode(encode(lines(Tree.of(recording).root), SUMMARY))


def test_every_node_comes_through_in_the_order_of_the_lines(recording, decoded):
    head, columns = decoded
    nodes = [node for node in Tree.of(recording).walk() if node.kind != "recording"]
    assert head["count"] == len(nodes)
    assert columns["name"] == [node.name for node in nodes]
    assert columns["detail"] == [node.detail for node in nodes]
    assert [head["kinds"][at] for at in columns["kind"]] == [node.kind for node in nodes]
    assert [head["labels"][at] for at in columns["label"]] == [node.label for node in nodes]
    assert [head["states"][at]["word"] for at in columns["state"]] == [node.state for node in nodes]
    assert [None if math.isnan(each) else each for each in columns["duration"]] == [node.duration_us for node in nodes]
    assert [None if math.isnan(each) else each for each in columns["size"]] == [node.size_bytes for node in nodes]


def test_parents_stand_before_their_children(recording, decoded):
    _, columns = decoded
    assert all(parent < at for at, parent in enumerate(columns["parent"]))
    tops = [name for name, parent in zip(columns["name"], columns["parent"], strict=True) if parent == -1]
    assert tops == [node.name for node in Tree.of(recording).root.children]
    for line in lines(Tree.of(recording).root):
        for child in line.node.children:
            at = next(at for at, each in enumerate(lines(Tree.of(recording).root)) if each.node.key == child.key)
            assert columns["name"][columns["parent"][at]] == line.node.name


def test_the_head_tells_kinds_states_and_summary(decoded):
    head, _ = decoded
    assert head["version"] == wire.VERSION
    assert head["kinds"] == [kind for kind in KINDS if kind != "recording"]
    assert [each["word"] for each in head["states"]] == list(STATES)
    assert {each["word"] for each in head["states"] if each["isProblem"]} == PROBLEMS
    assert head["summary"] == SUMMARY


def test_the_front_end_knows_how_every_state_looks():
    source = (REPOSITORY / "widgets" / "src" / "states.tsx").read_text(encoding="utf-8")
    looks = re.findall(r'^  (\w+): \{ shape: "(.)", tone: "(\w+)" \},$', source, re.MULTILINE)
    assert [(word, shape) for word, shape, _ in looks] == [each for each in STATES.items() if each[0]]
    assert {word for word, _, tone in looks if tone == "problem"} == PROBLEMS


def test_numbers_are_whole_unique_and_exact_in_javascript(decoded):
    numbers = decoded[1]["id"]
    assert len(set(numbers)) == len(numbers)
    assert all(each == int(each) and 0 <= each < 2**53 for each in numbers)


def test_a_number_stays_when_the_tree_grows(recording):
    from dataclasses import replace

    before = {
        line.node.key: line.id for line in lines(Tree.of(replace(recording, compiles=recording.compiles[:3])).root)
    }
    after = {line.node.key: line.id for line in lines(Tree.of(recording).root)}
    same = before.keys() & after.keys()
    assert len(same) > 10
    assert all(before[key] == after[key] for key in same)


def test_nodes_that_share_a_key_have_numbers_of_their_own():
    twins = lines(root(*(Node(kind="function", key="same", name=name) for name in "abc")))
    assert len({line.id for line in twins}) == 3


def test_a_line_break_in_a_text_is_a_space():
    hostile = Node(kind="function", key="k", name="a\nb", detail="c\r\nd\ud800")
    _, columns = decode(encode(lines(root(hostile)), SUMMARY))
    assert columns["name"] == ["a b"]
    assert columns["detail"] == ["c\r d?"]


def test_an_empty_tree_is_a_wire():
    head, columns = decode(encode([], SUMMARY))
    assert head["count"] == 0
    assert set(columns) == {"id", "duration", "size", "parent", "label", "kind", "state", "name", "detail"}
    assert not any(columns.values())


def test_equal_trees_give_equal_bytes(recording):
    assert encode(lines(Tree.of(recording).root), SUMMARY) == encode(lines(Tree.of(recording).root), SUMMARY)


def test_what_is_said_may_be_changed(recording):
    _, columns = decode(encode(lines(Tree.of(recording).root), SUMMARY, lambda _: "-"))
    assert set(columns["name"]) == set(columns["detail"]) == {"-"}


@pytest.mark.alone
def test_a_hundred_thousand_nodes_take_less_than_a_second():
    functions = (
        Node(
            kind="function",
            key=f"session:s/code:{at}",
            name=f"function_{at}",
            children=tuple(
                Node(kind="artifact", key=f"session:s/code:{at}/artifact:{number}", name=f"{at:06x}{number:06x}")
                for number in range(99)
            ),
        )
        for at in range(1000)
    )
    tree = root(*functions)
    seconds = []
    for _ in range(3):
        begun = time.process_time()  # of this process: what else the machine does is not meant
        content = encode(lines(tree), SUMMARY)
        seconds.append(time.process_time() - begun)
    assert min(seconds) < 1
    assert decode(content)[0]["count"] == 100_000
