"""Operators: what a graph calls by a name of torch's dispatcher, told by what is registered under it.

Layer: compiler. Torch's own operators are what its release is. Of another one the schemas are told, and then what
decides on a graph: the Python functions of a `torch.library.custom_op`, or the library in C++ that defines it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import torch
from torch import library
from torch._library import simple_registry
from torch._library.custom_ops import OPDEFS

from megacache.compiler.content import Content, UnprovableError, digest

_TORCHS_NAMESPACES = frozenset(
    {
        "_c10d_functional",
        "_c10d_functional_autograd",
        "aten",
        "c10d",
        "c10d_functional",
        "higher_order",
        "inductor",
        "mkldnn",
        "onednn",
        "prim",
        "prims",
        "profiler",
        "quantized",
        "quantized_decomposed",
        "rngprims",
        "symm_mem",
    }
)
"""Operators that come with torch; its release tells what they are."""

_TORCHS_OTHER_NAMESPACES = frozenset(
    {
        "_dtensor",
        "_inductor_test",
        "_native",
        "_native_aot",
        "_quantized",
        "_test",
        "coor",
        "cuda",
        "debugprims",
        "export",
        "flex_gemm",
        "flex_lib",
        "fsdp",
        "inductor_prims",
        "mempool",
        "mkl",
        "mkldnn_prepacked",
        "onnx",
        "quantization",
        "sparse",
        "static_runtime",
        "streams",
    }
)
"""Operators in C++ that come with torch under names that another library may well use too. 2.13.0 to 2.15.0."""


def is_operator(target: object) -> bool:
    """Say whether what a graph calls is an operator of the dispatcher."""
    return isinstance(target, (torch._ops.OpOverload, torch._ops.OpOverloadPacket))


def is_foreign(target: object) -> bool:
    """Say whether what a graph calls is an operator that does not come with torch."""
    return is_operator(target) and operator_name(target).partition("::")[0] not in _TORCHS_NAMESPACES


def operator_name(target: Any) -> str:
    """Return the name of an operator without its overload, such as `mine::go`."""
    packet = target.overloadpacket if isinstance(target, torch._ops.OpOverload) else target
    return str(packet._qualified_op_name)


def operator_digest(name: str) -> str:
    """Return a digest of all that decides how a graph with an operator is compiled.

    Args:
        name: The operator's name, without an overload.

    Raises:
        UnprovableError: When it was registered in a way that does not tell what it is.
    """
    schemas = sorted(map(str, torch._C._jit_get_schemas_for_operator(name)))
    definition = OPDEFS.get(name)
    if definition is not None:
        return digest((*schemas, Content(is_deep=True).facts(definition)))
    if _has_python_parts(name):
        raise UnprovableError(f"operator {name} was not made by torch.library.custom_op")
    return digest((*schemas, *_libraries_of(name)))


def fake_of(name: str) -> Any:
    """Return the fake of an operator, or None without one."""
    kernel = simple_registry.singleton.find(name).fake_impl.kernel
    return None if kernel is None else kernel.func


def fake_digest(name: str) -> str:
    """Return a digest of the fake of an operator.

    Raises:
        UnprovableError: When it has no content to be told by.
    """
    definition = OPDEFS.get(name)
    fake = definition._abstract_fn if definition is not None else fake_of(name)
    return digest(Content(is_deep=True).facts(fake))


def _has_python_parts(name: str) -> bool:
    """Say whether any part of an operator is Python."""
    beginning = name.replace("::", "/")
    return fake_of(name) is not None or any(
        each.startswith((f"{beginning}/", f"{beginning}.")) for each in tuple(library._impls)
    )


# -- libraries in C++


def _libraries_of(name: str) -> tuple[str, ...]:
    """Return the digests of the libraries that define an operator: they hold its name as a text."""
    namespace, _, own_name = name.partition("::")
    words = (namespace.encode(), own_name.encode())
    found = sorted({_digest_if_mentioned(path, words) for path in _loaded_libraries()} - {""})
    if not found and namespace not in _TORCHS_OTHER_NAMESPACES:
        raise UnprovableError(f"operator {name} is of a library that cannot be found")
    return tuple(found)


def _loaded_libraries() -> Iterator[str]:
    """Yield what `torch.ops.load_library` loaded, and every module of Python's that is compiled."""
    yield from torch.ops.loaded_libraries
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    yield from (file for file in files if isinstance(file, str) and file.endswith(tuple(EXTENSION_SUFFIXES)))


@cache
def _digest_if_mentioned(path: str, words: tuple[bytes, ...]) -> str:
    """Return the digest of a library that holds all words, else nothing. A loaded library is read once for each."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UnprovableError(f"library {path} cannot be read: {error}") from error
    return hashlib.sha256(content).hexdigest() if all(word in content for word in words) else ""
