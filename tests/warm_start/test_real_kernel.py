"""A sample of the matrix as users run it: cells under `%%megacache`, in two real kernels, with one bundle for all."""

from __future__ import annotations

import json
import os

import nbformat
import pytest
from conftest import REPOSITORY, TESTS
from nbclient import NotebookClient
from warm_start.cases import ITEMS

pytestmark = [pytest.mark.matrix, pytest.mark.torch, pytest.mark.slow]

SAMPLE = {
    "closure_unchanged_cell": {"served"},
    "helper_of_a_helper_edited_cell": {"ok"},
    "break_in_a_helper_cell": {"served"},
    "base_class_edited_cell": {"ok"},
    "two_steps_of_sgd_cell": {"served"},
    "global_of_a_helper_changed_cell": {"ok"},
}
"""Cases by their id, with the statuses of all compiles in the second kernel."""

SETUP = """
import json
import torch
from warm_start.comparison import difference
from warm_start.kernel_run import grid
%load_ext megacache
"""

TOLD = """
from megacache.process import process
print(json.dumps([difference(result, eager), sorted(set(process.sessions[-1].tables.compiles["status"]))]))
"""


def run_kernel(phase, folder):
    """Run one phase of the sample in one kernel; return what each case told."""
    cells = [SETUP]
    for each in SAMPLE:
        text = ITEMS[each].run(phase).text
        cells += [f"%%megacache {each} --bundle sample.megacache --quiet\ntorch.manual_seed(0)\n{text}", TOLD]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    variables = {
        **os.environ,
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join((str(TESTS), str(REPOSITORY))),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / f"cache-{phase}"),
        "TORCHINDUCTOR_VEC_ISA_OK": "1",
    }
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel(env=variables):
        for at, cell in enumerate(notebook.cells):
            client.execute_cell(cell, at)
    told = ("".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells[2::2])
    return dict(zip(SAMPLE, map(json.loads, told), strict=True))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    return [run_kernel(phase, folder) for phase in (0, 1)]


@pytest.mark.parametrize("name", SAMPLE)
def test_warm_start_in_a_real_kernel(name, kernels):
    (cold_difference, cold), (warm_difference, warm) = (kernel[name] for kernel in kernels)
    assert (cold_difference, warm_difference) == (None, None)
    assert cold == ["ok"]
    assert set(warm) == SAMPLE[name]
