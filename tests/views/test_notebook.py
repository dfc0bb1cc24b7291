from html.parser import HTMLParser

import pytest

from megacache.views.notebook import ROW_LIMIT
from megacache.views.tree import Tree
from samples import large_recording, small_recording


class Tags(HTMLParser):
    """Collect the tags and the text of a piece of HTML, and check that it is balanced."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.seen.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def html():
    return Tree.of(small_recording()[0])._repr_html_()


def test_it_has_no_script_no_style_and_is_balanced(html):
    assert set(Tags(html).seen) <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td", "span", "code"}


def test_state_is_a_word_and_a_shape_so_that_it_reads_without_colour(html):
    texts = Tags(html).texts
    assert "● hit" in texts
    assert "✕ failed" in texts


def test_it_is_escaped_and_small(html):
    assert "<b>not markup" not in html
    assert "&lt;/script&gt;&lt;b&gt;not markup" in html
    assert len(html) < 20_000


@pytest.mark.parametrize("artifact_count", [8, 10_000])
def test_long_trees_are_cut_with_a_note(artifact_count):
    html = Tree.of(large_recording(artifact_count)[0])._repr_html_()
    rows = Tags(html).seen.count("tr") - 1
    assert ROW_LIMIT // 4 < rows <= ROW_LIMIT
    assert ("more lines below these" in html) == (artifact_count > 8)
