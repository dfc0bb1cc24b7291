"""What axe-core finds in the explorer, in both themes: nothing serious, nothing critical."""

from __future__ import annotations

import re

import pytest
from browser.jupyter import Opened
from conftest import REPOSITORY

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = pytest.mark.browser

AXE = REPOSITORY / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
TABS = ("Overview", "Source", "Guards", "Graphs", "Code", "Artifacts", "Why")
CHECK = """async () => {
  const { violations } = await axe.run(".mc-explorer", { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\\n${failureSummary}`));
}"""


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    """An exported page of a bundle with one of each thing."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    recording, contents = small_recording()
    with Bundle.create(path.with_suffix(".megacache")) as bundle:
        bundle.append(recording, contents)
        bundle.export_html(path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found(page_path, new_page, scheme):
    page = Opened(new_page(color_scheme=scheme, bypass_csp=True)).page
    page.goto(page_path.as_uri())
    page.get_by_role("treeitem").first.wait_for()
    page.add_script_tag(content=AXE.read_text())
    found = []
    for line in ("session", "recompile", "graph break", "inductor"):
        page.get_by_role("searchbox", name="Search the tree").fill(line)
        page.get_by_role("treeitem", name=re.compile(f"^{line}")).first.click()
        for tab in TABS:
            chosen = page.get_by_role("region", name="Detail").get_by_role("tab", name=re.compile(f"^{tab}"))
            if chosen.get_attribute("aria-disabled") != "true":
                chosen.click()
                page.wait_for_timeout(100)
                found += page.evaluate(CHECK)
    assert not found, "\n".join(dict.fromkeys(found))
