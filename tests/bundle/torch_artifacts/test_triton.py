"""Triton: the kernels that a graph names against the binaries that it carries, in torch's own classes, made by hand.

No GPU is needed to read what one wrote: `compiled_for_a_gpu` fills torch's classes as a GPU build does.
"""

import pickle

import pytest

from megacache.bundle import Bundle
from megacache.bundle.torch_artifacts.triton import MARK, Binaries, binaries_of, completeness, kernels
from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from megacache.compiler.insides import Insides
from megacache.compiler.raw_events import ArtifactRecorded

CODE = """
triton_poi_fused_add_0 = async_compile.triton('triton_poi_fused_add_0', '''
import triton
''', device_str='cuda')
triton_red_fused_sum_1 = async_compile.triton('triton_red_fused_sum_1', '''
''', device_str='cuda')
triton_poi_fused_2 = async_compile.triton('triton_poi_fused_2', '''
''', device_str='cuda')
"""
KEY = "fgpu"
pytestmark = pytest.mark.torch


def written(name, *extensions):
    from torch._inductor.triton_bundler import TritonKernelArtifact

    files = [TritonKernelArtifact(f"{name}.{each}", b"\x7fELF" + each.encode()) for each in extensions]
    return [*files, TritonKernelArtifact(f"__grp__{name}.json", b"{}")]


@pytest.fixture(scope="module")
def compiled_for_a_gpu():
    """A graph with three kernels, pickled: one in two configurations, one without its binary, one without any file."""
    from torch._inductor.output_code import CompiledFxGraph
    from torch._inductor.triton_bundler import TritonBundle, TritonKernelArtifacts

    add, summed = "triton_poi_fused_add_0", "triton_red_fused_sum_1"
    graph = CompiledFxGraph.__new__(CompiledFxGraph)
    graph.__dict__ |= {
        "compiled_fn_runner": None,
        "_fx_graph_cache_key": KEY,
        "fx_kwargs": {"is_inference": True},
        "source_code": CODE,
        "_triton_bundle": TritonBundle(
            kernel_artifacts=[
                TritonKernelArtifacts("HASHA", 0, written(add, "ttir", "cubin", "json")),
                TritonKernelArtifacts("HASHB", 0, written(add, "ttir", "cubin", "json")),
                TritonKernelArtifacts("HASHC", 0, written(summed, "ttir", "json")),
            ],
            static_autotuners=[],
        ),
    }
    return pickle.dumps(graph)


@pytest.fixture
def bundle(compiled_for_a_gpu, tmp_path):
    container = write_artifacts([TorchArtifact("inductor", KEY, compiled_for_a_gpu)])
    with Bundle.from_torch(container, tmp_path / "gpu.megacache") as opened:
        yield opened


def test_every_kernel_has_its_rows_with_the_binaries_present(bundle):
    table = bundle.tables.triton_kernels
    shown = table[["name", "kernel_hash", "device", "has_binary"]].astype(object).fillna("-")
    assert shown.values.tolist() == [
        ["triton_poi_fused_add_0", "HASHA", 0, True],
        ["triton_poi_fused_add_0", "HASHB", 0, True],
        ["triton_red_fused_sum_1", "HASHC", 0, False],
        ["triton_poi_fused_2", "-", "-", False],
    ]
    assert set(table["cache_key"]) == {KEY}
    assert table["files"][0] == ",".join(
        f"{prefix}triton_poi_fused_add_0.{extension}"
        for prefix, extension in (("", "ttir"), ("", "cubin"), ("", "json"), ("__grp__", "json"))
    )
    assert table["size_bytes"][0] == 3 * 4 + len("ttircubinjson") + 2


def test_what_is_missing_is_said_where_the_artifact_is_shown(bundle):
    (use,) = bundle.recording().artifact_uses
    assert use.reason == (
        "1 of 3 Triton kernels have their binary; triton_red_fused_sum_1, triton_poi_fused_2 have none and will be"
        " compiled again"
    )


def test_a_live_capture_has_the_same_rows(compiled_for_a_gpu, bundle):
    event = ArtifactRecorded(
        compile_id="0/0", artifact_type="inductor", cache_key=KEY, content=compiled_for_a_gpu, at_us=1, thread=1
    )
    inside = Insides().of(event)
    (document,) = [each for each in bundle.recording().documents if each.name == "triton"]
    assert inside.name == "triton"
    assert inside.content == bundle.read(document.content_sha256)


def test_a_graph_without_gpu_kernels_is_not_read(compiled_for_a_gpu):
    content = compiled_for_a_gpu.replace(MARK, MARK.lower())
    event = ArtifactRecorded(compile_id=None, artifact_type="inductor", cache_key=KEY, content=content)
    assert Insides().of(event) is None


@pytest.mark.parametrize("value", [None, 5, [], {"kernel_artifacts": 3}])
def test_anything_else_has_no_binaries(value):
    assert binaries_of(value) == ()


def test_binaries_that_no_code_names_are_shown_too():
    one = Binaries("triton_helper", "HASH", 1, (("triton_helper.hsaco", 10),))
    (row,) = kernels(KEY, None, [one])
    assert (row.name, row.device, row.has_binary, row.size_bytes) == ("triton_helper", 1, True, 10)
    assert completeness([row]) == "1 of 1 Triton kernels have their binary"
    assert completeness([]) is None
