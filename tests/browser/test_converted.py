"""A notebook that nbconvert made a page of: without scripts and network, the static summary is there."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from megacache.bundle import Bundle
from samples import small_recording

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_summary_is_shown(tmp_path, new_page):
    recording, contents = small_recording()
    with Bundle.create(tmp_path / "small.megacache") as bundle:
        bundle.append(recording, contents)
    cell = nbformat.v4.new_code_cell('import megacache; megacache.explore("small.megacache")')
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    path = tmp_path / "notebook.html"
    path.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    page = new_page(offline=True)
    page.goto(path.as_uri())
    expect(page.locator(".mc-static")).to_contain_text("TextEncoder.forward")
    expect(page.locator(".mc-static")).to_be_visible()
