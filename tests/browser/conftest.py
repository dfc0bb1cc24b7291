"""One Jupyter server for all browser tests, and notebooks that open in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from browser.jupyter import Notebook, Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests."""
    with serving(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("notebooks")) as running:
        yield running


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages in contexts of their own; keyword arguments are those of the context."""
    with _pages(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_notebook(server: Server, browser: Browser) -> Iterator[Callable[..., Notebook]]:
    """Open notebooks that stay open for all tests of a file; see `_notebook`."""
    with _pages(browser) as opened:
        yield partial(_notebook, server, opened)


@contextmanager
def _pages(browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def opened(**options: Any) -> Page:
        size = options.pop("viewport", {"width": 1280, "height": 1000})
        contexts.append(browser.new_context(viewport=size, accept_downloads=True, **options))
        page: Page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        return page

    yield opened
    for context in contexts:
        context.close()


def _notebook(
    server: Server,
    new_page: Callable[..., Page],
    *cells: str,
    place: str = "doc/tree",
    path: Path | None = None,
    starts_kernel: bool = True,
    **options: Any,
) -> Notebook:
    """Open a notebook.

    Args:
        server: Where.
        new_page: Makes the page.
        *cells: What is in it.
        place: `lab/tree`, `doc/tree` (one document, more room) or `notebooks` (Notebook 7).
        path: One that is there already, instead of cells.
        starts_kernel: Whether to wait for a kernel.
        **options: Those of the browser's context.
    """
    if path is None:
        path = server.folder / f"{uuid.uuid4().hex[:8]}.ipynb"
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells], metadata=kernel)
        nbformat.write(made, path)
    notebook = Notebook(new_page(**options), path=path)
    notebook.page.goto(server.address(f"{place}/{path.name}"))
    if starts_kernel:
        notebook.wait_until_idle()
    return notebook
