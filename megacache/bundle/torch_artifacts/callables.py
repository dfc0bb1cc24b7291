"""Callables: what loading an artifact would import or call beyond what torch's own artifacts do.

Layer: bundle. Torch loads an artifact with `pickle`, which imports and calls whatever the pickle names. Of what torch
writes, these are its own classes and few functions, and Python's containers. Any other name is worth a look: it is a
class of the user's that a guard holds, or somebody's attempt to run code. `torch.storage._load_from_bytes` is among the
others: it loads a pickle within the pickle, which is not read here.

That nothing else is named is no proof that an artifact is harmless. The code that torch generated is text in it, and
torch runs that text: load only what you made, or what you trust.
"""

from __future__ import annotations

from collections.abc import Iterable

_ROOMS = (
    "torch._dynamo.",
    "torch._functorch._aot_autograd.",
    "torch._guards.",
    "torch._inductor.",
    "torch._subclasses.",
    "torch.fx.",
    "torch.nn.",
    "torch.utils._",
    "torch._C._dynamo.guards.",
)
"""The modules whose classes torch's artifacts are made of."""

_NAMES = frozenset(
    {
        *(
            f"builtins.{name}"
            for name in ("bytearray", "bytes", "complex", "dict", "frozenset", "int", "float", "list")
        ),
        *(f"builtins.{name}" for name in ("object", "range", "set", "slice", "str", "tuple", "type", "bool")),
        "builtins.getattr",  # what it gets is listed by itself
        *(f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
        *("_codecs.encode", "copyreg._reconstructor", "copyreg.__newobj__", "functools.partial", "itertools.count"),
        *("traceback.FrameSummary", "traceback.StackSummary"),
        *(
            "torch.Size",
            "torch.Tensor",
            "torch.device",
            "torch.nn.parameter.Parameter",
            "torch.torch_version.TorchVersion",
        ),
        "torch._inductor.decomposition.select_decomp_table",
        *("torch._utils._rebuild_meta_tensor_no_storage", "torch._utils._rebuild_parameter"),
        *("torch._utils._rebuild_tensor_v2", "torch._tensor._rebuild_from_type_v2"),
        "torch.serialization._get_layout",
        *("torch.fx.graph_module.reduce_graph_module", "torch.fx.graph_module.reduce_deploy_graph_module"),
        "torch.utils._pytree.treespec_loads",
        *(f"sympy.core.{name}" for name in ("symbol.Symbol", "numbers.Integer", "add.Add", "mul.Mul", "power.Pow")),
        *("numpy.dtype", "numpy.ndarray", "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"),
    }
)
"""What else they are made of: containers of Python, and functions of torch that make a tensor or a graph."""

_PLAIN_VALUES = ("torch.", "torch._utils.torch.")
"""Where torch keeps its dtypes, layouts and memory formats, such as `torch.float32`."""

_KINDS_OF_VALUES = ("float", "bfloat", "int", "uint", "complex", "bool", "strided", "sparse", "quint", "qint")
_KINDS_OF_FORMATS = (
    "contiguous_format",
    "channels_last",
    "channels_last_3d",
    "preserve_format",
    "half",
    "double",
    "long",
)


_MODULES_OF_OTHERS = frozenset(
    {
        "os",
        "sys",
        "subprocess",
        "builtins",
        "importlib",
        "shutil",
        "ctypes",
        "pickle",
        "multiprocessing",
        "io",
        "pathlib",
    }
)
"""Modules that torch's modules import: what a dotted name reaches through one of these is not torch's."""


def beyond_torch(callables: Iterable[str]) -> tuple[str, ...]:
    """Pick the names that torch's own artifacts do not use.

    Args:
        callables: Dotted names, as `read_pickle` lists them.

    Returns:
        Those beyond, in their order.
    """
    return tuple(each for each in dict.fromkeys(callables) if not _is_torchs_own(each))


def _is_torchs_own(name: str) -> bool:
    if name in _NAMES:
        return True
    head, _, last = name.rpartition(".")
    if f"{head}." in _PLAIN_VALUES:
        return last in _KINDS_OF_FORMATS or last.startswith(_KINDS_OF_VALUES)
    # A class of torch's own, not of a module that torch's module imported, such as `torch.fx.graph.os.PathLike`.
    parts = head.split(".")
    is_class = last.lstrip("_")[:1].isupper()
    is_method = (parts[-1] == "GuardBuilder" and last.isupper()) or (
        parts[-1] == "GuardsStatePickler" and last.startswith("_unpickle")
    )
    return name.startswith(_ROOMS) and (is_class or is_method) and _MODULES_OF_OTHERS.isdisjoint(parts)
