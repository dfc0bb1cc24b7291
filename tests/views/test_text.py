from io import StringIO

import pytest
from rich.console import Console

from megacache.recording import Recording
from megacache.views.text import WIDTH, plain
from megacache.views.tree import Tree
from samples import small_recording


@pytest.fixture(scope="module")
def tree():
    return Tree.of(small_recording()[0])


def test_the_first_lines_sum_up(tree):
    lines = str(tree).splitlines()
    assert lines[0] == (
        "3 functions (1 resume function) · 2 graph breaks · 3 recompiles (1 failed compile) · 17 artifacts · "
        "1.5 MB in artifacts · 54.3 s compiling"
    )
    assert lines[1] == "artifacts: 2 refused, 2 rejected, 1 bypass, 1 missed, 14 miss, 2 hit, 2 unused"


def test_one_line_per_node_in_aligned_columns(tree):
    lines = str(tree).splitlines()
    assert len(lines) == 3 + sum(1 for _ in tree.walk()) - 1
    assert max(len(line) for line in lines[2:]) == WIDTH
    column = lines[2].index("state")
    assert {line[column] for line in lines[3:] if len(line) > column and line[column] != " "} <= set("✕▲▽◆■●◐○")


@pytest.mark.parametrize("width", [60, 100, 120])
def test_the_width_is_kept(tree, width):
    assert all(len(line) <= width for line in plain(tree.root, width).splitlines()[2:])


def test_box_lines_lead_to_each_name(tree):
    text = str(tree)
    assert "\n├─ TextEncoder.forward  cell 4f1c2a, line 12 " in text
    assert "\n│  │     └─ aot_autograd azblaols36ke " in text
    assert "● hit" in text
    assert "▲ refused" in text


def test_an_empty_tree_is_text_too():
    assert str(Tree.of(Recording())).splitlines()[0] == (
        "0 functions · 0 graph breaks · 0 recompiles · 0 artifacts · 0 B in artifacts · 0 ms compiling"
    )


def test_rich_shows_the_same_lines(tree):
    console = Console(width=110, file=StringIO(), color_system="truecolor", record=True)
    console.print(tree)
    text = console.export_text()
    assert "TextEncoder.forward" in text
    assert "● hit" in text
    assert max(len(line) for line in text.splitlines()) <= 110
