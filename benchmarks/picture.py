"""The picture in the README: the explorer in JupyterLab, with a real sentence encoder after a cold and a warm start.

    python benchmarks/picture.py [docs/explorer.png]

Two fresh kernels run the same cells, each with an empty torch cache; the second one starts from the first one's bundle.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.jupyter import Notebook, Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
WINDOW = {"width": 1568, "height": 1000}
"""With this width the explorer is 1,400 pixels wide."""

LOAD = f"""
import os, sys, tempfile
os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(dir=os.getcwd())
sys.path.insert(0, {str(HERE)!r})
import torch
import megacache
from encoder import encoded_batches, load_encoder
encoder, tokenizer = load_encoder()
"""

DEFINE = """\
@torch.compile
def embed(ids, mask):
    states = encoder(ids, mask).last_hidden_state
    weights = mask.unsqueeze(-1)
    pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)
    return torch.nn.functional.normalize(pooled)
"""

RUN = """
with megacache.session("encoder, {start}", bundle="encoder.megacache"), torch.inference_mode():
    for _, batch in encoded_batches(tokenizer):
        embed(batch["input_ids"], batch["attention_mask"])
"""

SHOW = 'megacache.explore("encoder.megacache", height=828)'

BARE = ".Toastify { display: none }"
"""JupyterLab asks in a corner whether it may tell its news."""


def main() -> None:
    """Run the two kernels and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=HERE.parent / "docs" / "explorer.png")
    path = parser.parse_args().path
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home, folder = Path(name, "home"), Path(name, "notebooks")
        home.mkdir()
        folder.mkdir()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(home, folder) as server:
            run(browser, server, "cold").close()
            take(run(browser, server, "warm"), path)
        browser.close()


def run(browser: Browser, server: Server, start: str) -> Page:
    """Run all cells in a notebook of their own, and return its page."""
    cells = [nbformat.v4.new_code_cell(each) for each in (LOAD, DEFINE, RUN.format(start=start), SHOW)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = server.folder / f"{start}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    page = browser.new_page(viewport=WINDOW, color_scheme="light", device_scale_factor=1)
    page.set_default_timeout(60_000)
    notebook = Notebook(page, path=path)
    page.goto(server.address(f"doc/tree/{path.name}"))
    for index in range(len(cells)):
        notebook.run(index)
    return page


def take(page: Page, path: Path) -> None:
    """Select a recompile, open its source, and keep a picture of the explorer."""
    explorer = page.locator(".mc-frame").last
    for _ in range(3):  # until the timeline shows all its rows
        explorer.get_by_role("separator", name="Height of the figures").press("ArrowUp")
    explorer.get_by_role("treeitem", name=re.compile("^recompile")).first.click()
    explorer.get_by_role("tab", name="Source").click()
    explorer.get_by_role("list", name="Source of embed").wait_for()
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # what the pointer was on fades
    explorer.screenshot(path=path, animations="disabled", style=BARE)


if __name__ == "__main__":
    main()
