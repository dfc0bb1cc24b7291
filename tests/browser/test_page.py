"""An exported page in a browser, without a server: it asks for nothing, fits, and can be searched."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from browser.jupyter import Opened
from playwright.sync_api import expect

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = pytest.mark.browser

MARKUP = '</script><img src=x onerror="window.hurt = 1">'


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    """The page of a bundle with one of each thing."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    recording, contents = small_recording()
    with Bundle.create(path.with_suffix(".megacache")) as bundle:
        bundle.append(recording, contents)
        bundle.export_html(path)
    return path


@pytest.fixture
def opened(page_path, new_page):
    """Open the page, and see at the end that it was content with itself."""
    all_opened = []

    def open_page(width, scheme="light"):
        all_opened.append(Opened(new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)))
        page = all_opened[-1].page
        page.goto(page_path.as_uri())
        page.get_by_role("treeitem").first.wait_for()
        return page

    yield open_page
    for each in all_opened:
        assert each.complaints == []
        assert each.requests == [page_path.as_uri()]


@pytest.mark.parametrize("width", [600, 860, 1000, 1240])
def test_nothing_is_cut_off(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("width", "is_stacked"), [(860, True), (1000, False)])
def test_panes_stand_side_by_side_only_where_both_have_room(opened, width, is_stacked):
    page = opened(width)
    tree, detail = (page.get_by_role("region", name=name).bounding_box() for name in ("Tree", "Detail"))
    assert (detail["y"] >= tree["y"] + tree["height"]) is is_stacked
    assert min(tree["width"], detail["width"]) > 440


def test_search_shows_what_matches(opened):
    page = opened(1240, "dark")
    page.get_by_role("searchbox", name="Search the tree").fill("contrastive")
    names = [" ".join(each.split()) for each in page.get_by_role("treeitem").all_inner_texts()]
    assert any("contrastive_loss" in name for name in names)
    assert not any("TextEncoder" in name for name in names)


def test_what_was_captured_is_text_and_never_markup(new_page, tmp_path):
    recording, contents = small_recording()
    codes = tuple(replace(row, qualname=hostile(row.qualname), source=hostile(row.source)) for row in recording.codes)
    breaks = tuple(replace(row, reason=hostile(row.reason)) for row in recording.graph_breaks)
    reasons = tuple(replace(row, guard=hostile(row.guard)) for row in recording.recompile_reasons)
    sessions = tuple(replace(row, name=hostile(row.name), cell=hostile(row.cell)) for row in recording.sessions)
    path = tmp_path / "hostile.megacache"
    with Bundle.create(path) as bundle:
        bundle.append(
            replace(recording, codes=codes, graph_breaks=breaks, recompile_reasons=reasons, sessions=sessions), contents
        )
        bundle.export_html(path.with_suffix(".html"))
    opened = Opened(new_page())
    opened.page.goto(path.with_suffix(".html").as_uri())
    tree, detail = opened.page.get_by_role("tree"), opened.page.get_by_role("region", name="Detail")
    opened.page.get_by_role("treeitem").first.click()
    for kind in ("session", "TextEncoder", "recompile", "graph break"):
        opened.page.get_by_role("searchbox", name="Search the tree").fill(kind)
        tree.get_by_role("treeitem", name=re.compile(f"^{kind}")).first.click()
        for tab in ("Overview", "Source"):
            detail.get_by_role("tab", name=tab).click()
            expect(detail.get_by_role("tabpanel")).to_contain_text(MARKUP)
    assert opened.page.locator("img").count() == 0
    assert opened.page.evaluate("window.hurt") is None
    assert opened.complaints == []


def hostile(text):
    """Return a text, if there is one, that would do something if a browser took it for markup."""
    return text and text + MARKUP


def test_a_session_shows_its_error_and_its_cell(opened):
    page = opened(1240)
    page.get_by_role("treeitem", name=re.compile("^session encoder ")).first.click()
    detail = page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("Attempted to call function marked as skipped")
    detail.get_by_role("tab", name="Source").click()
    expect(detail.get_by_role("tabpanel")).to_contain_text("encoder = torch.compile(TextEncoder())")
