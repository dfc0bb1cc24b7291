"""The figures below the tree, where plotly is there."""

from __future__ import annotations

import pytest

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = 'import megacache; megacache.explore("figures.megacache")'


@pytest.fixture(scope="module")
def explorer(server, module_notebook):
    """The explorer of a bundle made by hand; nothing compiles."""
    recording, contents = small_recording()
    with Bundle.create(server.folder / "figures.megacache") as bundle:
        bundle.append(recording, contents)
    notebook = module_notebook(OPEN)
    notebook.run(0)
    return notebook.explorer(0)


def test_a_figure_of_plotly_has_room_and_nothing_above_it_moves(explorer):
    strip = explorer.get_by_role("region", name="Figures")
    above = [explorer, explorer.get_by_role("treeitem").nth(2), explorer.get_by_role("tab", name="Overview")]
    before, height = [each.bounding_box() for each in above], strip.bounding_box()["height"]
    strip.get_by_role("tab", name="Plotly").click()
    explorer.locator(".mc-plot .main-svg").first.wait_for()
    assert strip.bounding_box()["height"] > height + 100
    assert [each.bounding_box() for each in above] == before
    strip.get_by_role("tab", name="Timeline").click()
    assert strip.bounding_box()["height"] == height
    assert [each.bounding_box() for each in above] == before
