"""What only a GPU can show: real Triton kernels with their binaries. `pytest -m gpu` runs these; nothing else does."""

import json

import pytest

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def runs(programs):
    """A cold process and one that starts from its bundle, each with an empty cache of torch's and of Triton's."""
    import torch

    assert torch.cuda.is_available(), "needs a CUDA GPU, a torch built for it, and Triton: this machine has none"
    bundle = programs.folder / "gpu.megacache"
    return [
        json.loads(programs.run("on_gpu", bundle, TRITON_CACHE_DIR=str(programs.folder / f"triton-{name}")))
        for name in ("cold", "warm")
    ]


def test_every_kernel_that_the_code_names_has_its_binary(runs):
    assert runs[0]["kernels"]
    assert all(has_binary for _, has_binary in runs[0]["kernels"])


def test_the_next_process_is_served(runs):
    assert (runs[0]["states"], runs[1]["states"]) == (["miss"], ["hit"])


def test_the_result_and_the_gpu_are_told_right(runs):
    assert all(run["difference"] < 1e-3 for run in runs)
    assert all(run["gpu"] for run in runs)
