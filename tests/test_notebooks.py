"""Every notebook of the user guide runs from top to bottom, in a real kernel and an empty folder."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from conftest import REPOSITORY
from nbclient import NotebookClient

pytestmark = pytest.mark.slow  # not `torch`: the encoder is pinned to one release

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The notebooks share a folder: the second reads what the first saved."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, folder):
    notebook = nbformat.read(path, as_version=4)
    variables = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch-cache"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel(env=variables):
        for at, cell in enumerate(notebook.cells):
            client.execute_cell(cell, at)
    if path.stem.startswith("01"):
        shown = "".join(
            output.get("data", {}).get("text/html", "") for cell in notebook.cells for output in cell.get("outputs", ())
        )
        assert "BertModel" in shown
        assert "→" in shown  # the size that changed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(Path(path), as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
