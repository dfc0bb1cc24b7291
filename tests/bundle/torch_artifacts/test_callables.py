"""Callables: what torch's own artifacts name is told apart from all else."""

import pytest

from megacache.bundle.torch_artifacts.callables import beyond_torch

OWN = [
    *("torch._inductor.output_code.CompiledFxGraph", "torch.utils._ordered_set.OrderedSet", "collections.Counter"),
    *("torch._dynamo.source.LocalSource", "torch._dynamo.guards.GuardBuilder.TENSOR_MATCH", "functools.partial"),
    *("torch._dynamo.guards.GuardsStatePickler._unpickle_tensor", "builtins.getattr", "builtins.list", "torch.float32"),
    *(
        "torch._utils.torch.contiguous_format",
        "torch.Size",
        "torch.fx.graph_module.reduce_graph_module",
        "torch.device",
    ),
    *("torch.nn.modules.linear.Linear", "_codecs.encode", "traceback.FrameSummary"),
]
OTHERS = [
    *("os.system", "posix.system", "builtins.eval", "builtins.exec", "builtins.__import__", "subprocess.Popen"),
    *("builtins.getattr(...)", "functools.partial(...)", "copyreg extension 7", "pickle.loads", "__main__.Net"),
    *("torch.serialization.os.system", "torch._inductor.cpp_builder.subprocess.Popen", "torch.hub.load"),
    *("torch.fx.graph.os.PathLike", "torch._inductor.codecache.PyCodeCache.load", "torch.load", "torch.compile"),
    *("torch.storage._load_from_bytes", "torch.utils.cpp_extension.load_inline", "torch", "", "torch.float32.x"),
    *("torch._dynamo.guards.GuardBuilder.get", "torch_evil.Class", "torch._dynamo.os.Popen"),
]


@pytest.mark.parametrize("name", OWN)
def test_a_name_of_torchs_own_artifacts_is_no_surprise(name):
    assert beyond_torch([name]) == ()


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_name_is_told(name):
    assert beyond_torch([name]) == (name,)


def test_names_keep_their_order_and_come_once():
    assert beyond_torch(["os.b", "torch.Size", "os.a", "os.b"]) == ("os.b", "os.a")
