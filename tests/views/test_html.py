import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from megacache.recording import Recording
from megacache.views import documents
from megacache.views.html import report
from samples import large_recording, small_recording

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Read a page, check that it is balanced, and keep its tags, attributes and texts."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)


@pytest.fixture(scope="module")
def html():
    return report(small_recording()[0], "encoder.megacache")


@pytest.fixture(scope="module")
def text(html):
    return "\n".join(Page(html).texts)


def test_the_page_stands_alone(html):
    page = Page(html)
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    targets = [value for name, value in page.attributes if name in ("src", "href")]
    assert targets
    assert all(target.startswith("#function-") for target in targets)
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_a_hostile_cell_stays_text(html):
    assert html.count("</script>") == 1
    assert "<b>not markup" not in html
    hostile = replace(small_recording()[0].sessions[0], name="</title><script>alert(1)</script>", cell="</pre><script>")
    page = report(replace(small_recording()[0], sessions=(hostile,)), "</title><script>")
    assert page.count("<script>") == 1


def test_every_anchor_leads_somewhere(html):
    page = Page(html)
    ids = {value for name, value in page.attributes if name == "id" and value}
    assert {value[1:] for name, value in page.attributes if name == "href"} == ids


def test_no_home_directory_is_named(html):
    assert "/home/ada" not in html
    assert "~/search/train.py" in html


@pytest.mark.parametrize(
    "words",
    [
        "encoder.megacache",
        "torch 2.15.0 · CPython 3.11.7 · avx512 · x86_64",
        "input_ids.size(1) 13 → 24",
        "scale == 1.0",
        "Dynamo does not know how to trace builtin operator",
        "torch._dynamo.config.reorderable_logging_functions",
        "s43 = input_ids.size(1) in [2, 512]",
        "Attempted to call function marked as skipped\n  Explanation",
        "caching_precompile drops ID_MATCH",
        "class GraphModule(torch.nn.Module):",
        "# AOT ID: ['0_inference']",
        "cpu_isa: recorded avx512, live avx2",
        "outside any compile",
        "artifacts not tied to a compile",
        "inductor.epilogue_fusion = False",
        "recorded by megacache 0.1.0",
        "0/1 forward",
        "3 guards, 1 dropped",
    ],
)
def test_the_page_tells(text, words):
    assert words in text


def test_the_six_numbers_are_there(html):
    assert re.findall(r"<div><b>(.*?)</b><p>(.*?)</p>", html) == [
        ("3", "functions"),
        ("2", "graph breaks"),
        ("3", "recompiles"),
        ("17", "artifacts"),
        ("1.5 MB", "in artifacts"),
        ("54.3 s", "compiling"),
    ]


def test_an_empty_recording_is_a_page():
    assert "0 artifacts, 0 B before compression" in "".join(Page(report(Recording(), "empty")).texts)


def test_a_long_document_is_cut_and_the_page_says_how_much(monkeypatch):
    monkeypatch.setattr(documents, "DOCUMENT_LIMIT_BYTES", 100)
    recording, contents = small_recording()
    graph = next(row for row in recording.documents if row.name == "dynamo_graph")
    left = len(contents[graph.content_sha256]) - 100
    assert f"{left:,} bytes are left out here; the bundle holds them." in report(recording, "cut")


def test_the_whole_page_is_bounded(monkeypatch):
    recording, _ = small_recording()
    shelf = documents.Shelf(recording, left_bytes=50)
    first, second = [row for row in recording.documents if row.name == "dynamo_graph"][:2]
    assert "<pre>" in shelf.show(first)
    assert shelf.left_bytes == 0
    assert "<pre>" not in shelf.show(second)


def test_a_recording_without_contents_says_so():
    recording, contents = small_recording()
    kept = {row.content_sha256 for row in recording.documents if row.name in ("guards", "events", "load_report")}

    def read(digest):
        return (contents if digest in kept else type(contents)()).read(digest)

    assert "this recording was opened without its contents" in report(replace(recording, read=read), "bare")


def test_a_large_recording_is_cut_with_notes():
    html = report(large_recording(10_000)[0], "large")
    assert len(html) < 4_000_000
    for words in ("more lines of the tree are", "more functions are in the bundle", "more rows are in the bundle"):
        assert words in html


def in_browser(browser, html, folder, width, scheme="light"):
    path = Path(folder) / "report.html"
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    heard = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    yield page
    assert heard == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [600, 1240])
def test_nothing_is_cut_off(browser, html, tmp_path, width):
    for page in in_browser(browser, html, tmp_path, width):
        assert page.evaluate("document.documentElement.scrollWidth") == width
        hidden = page.evaluate(
            "[...document.querySelectorAll('main > section, .row, .callout, .line')]"
            ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.className)"
        )
        assert hidden == []


@pytest.mark.browser
def test_search_shows_what_matches_and_what_leads_to_it(browser, html, tmp_path):
    for page in in_browser(browser, html, tmp_path, 1240, "dark"):
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 27, 33)"
        page.get_by_label("Search the tree").fill("contrastive")
        shown = page.locator(".tree .row:visible .name").all_inner_texts()
        assert [" ".join(each.split()) for each in shown] == [
            "name",
            "session encoder torch 2.15.0 · Unsupported: Attempted to call function marked as skipped",
            "contrastive_loss train.py:41",
        ]
        page.get_by_label("Search the tree").fill("")
        page.get_by_text("Fold all", exact=True).click()
        assert page.locator(".tree .row:visible").count() == 4
