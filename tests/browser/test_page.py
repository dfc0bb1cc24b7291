"""An exported page in a browser, without a server: it asks for nothing, fits, and can be searched."""

from __future__ import annotations

import re

import pytest
from browser.jupyter import Opened
from playwright.sync_api import expect

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("width", [600, 1240])
def test_nothing_is_cut_off(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_search_shows_what_matches(opened):
    page = opened(1240, "dark")
    page.get_by_role("searchbox", name="Search the tree").fill("contrastive")
    names = [" ".join(each.split()) for each in page.get_by_role("treeitem").all_inner_texts()]
    assert any("contrastive_loss" in name for name in names)
    assert not any("TextEncoder" in name for name in names)


def test_a_session_shows_its_error_and_its_cell(opened):
    page = opened(1240)
    page.get_by_role("treeitem", name=re.compile("^session encoder ")).first.click()
    detail = page.get_by_role("region", name="Detail")
    expect(detail).to_contain_text("Attempted to call function marked as skipped")
    detail.get_by_role("tab", name="Source").click()
    expect(detail.get_by_role("tabpanel")).to_contain_text("encoder = torch.compile(TextEncoder())")
