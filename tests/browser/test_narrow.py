"""The explorer in a narrow cell of Notebook 7."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = 'import megacache; megacache.explore("small.megacache")'


@pytest.fixture(scope="module")
def notebook(server, module_notebook):
    """A notebook beside a bundle made by hand; nothing compiles."""
    recording, contents = small_recording()
    with Bundle.create(server.folder / "small.megacache") as bundle:
        bundle.append(recording, contents)
    opened = module_notebook(OPEN, place="notebooks", viewport={"width": 700, "height": 1000})
    opened.run(0)
    return opened


def test_the_tree_and_a_detail_are_read(notebook):
    explorer = notebook.explorer(0)
    explorer.get_by_role("treeitem", name=re.compile("forward")).first.click()
    detail = explorer.get_by_role("region", name="Detail")
    detail.get_by_role("tab", name="Source").click()
    expect(detail.get_by_role("tabpanel")).to_contain_text("self.embeddings(input_ids)")


def test_narrow_cells_stack_the_panes(notebook):
    explorer = notebook.explorer(0)
    left, right = (explorer.get_by_role("region", name=name).bounding_box() for name in ("Tree", "Detail"))
    assert right["y"] >= left["y"] + left["height"]
    frame = explorer.locator(".mc-frame")
    assert frame.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_all_tabs_of_a_detail_stay_in_one_row(notebook):
    explorer = notebook.explorer(0)
    explorer.get_by_role("treeitem", name=re.compile("forward")).first.click()
    row = explorer.get_by_role("tablist", name="Detail")
    tabs = row.get_by_role("tab")
    expect(tabs.nth(2)).to_have_text(re.compile(r"Guards \d+"))
    width = 700
    while row.bounding_box()["width"] > 390:
        assert len({tab.bounding_box()["y"] for tab in tabs.all()}) == 1, f"at {row.bounding_box()['width']} px"
        width -= 40
        notebook.page.set_viewport_size({"width": width, "height": 1000})
    assert tabs.evaluate_all("tabs => tabs.every((tab) => tab.scrollWidth <= tab.clientWidth)")
