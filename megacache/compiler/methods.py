"""Methods: those of `torch.Tensor` that a graph calls, which a user may replace and no guard watches.

Layer: compiler. A guard of a tensor compares its type alone. A graph calls `x.mm(y)` and `x @ y` by name, so that
whoever stands behind the name when it is lowered is what was compiled.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from megacache.compiler.content import Content, UnprovableError, digest
from megacache.compiler.origins import is_by_release

_BUILT_IN = (
    types.BuiltinFunctionType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)

_NAMED_OTHERWISE = frozenset(
    {"__abs__", "__ipow__", "__itruediv__", "__neg__", "__pos__", "__pow__", "__rtruediv__", "__torch_dispatch__"}
)
"""Methods for which torch itself uses one of another name. 2.13.0 to 2.15.0."""


def methods_of(nodes: Iterable[Any]) -> tuple[str, ...]:
    """Return the names of the tensor methods that some FX nodes may run, each once."""
    names = dict.fromkeys(name for node in nodes for name in _names_of(node))
    return tuple(name for name in names if _method(name) is not None)


def method_digest(name: str) -> str:
    """Return a digest of what a method of `torch.Tensor` is now.

    Raises:
        UnprovableError: When there is none, or it has no content to be told by.
    """
    method = _method(name)
    if method is None:
        raise UnprovableError(f"a tensor has no {name}")
    return digest(Content(is_deep=True).facts(method))


def is_torchs_own(name: str) -> bool:
    """Say whether a method of `torch.Tensor` is the one that came with it."""
    method = _method(name)
    if isinstance(method, tuple):
        return all(isinstance(each, types.FunctionType) and is_by_release(each.__code__) for each in method)
    is_built_in = isinstance(method, _BUILT_IN)
    if not is_built_in and not (isinstance(method, types.FunctionType) and is_by_release(method.__code__)):
        return False
    return name in _NAMED_OTHERWISE or method.__name__ == name


def _names_of(node: Any) -> Iterator[str]:
    if node.op == "call_method":
        yield node.target
    elif node.op == "call_function" and node.target is getattr:
        yield from (each for each in node.args[1:2] if isinstance(each, str))
    elif node.op == "call_function" and getattr(node.target, "__module__", None) == "_operator":
        plain = node.target.__name__.strip("_")
        yield from (f"__{plain}__", f"__r{plain}__", f"__{plain.removeprefix('i')}__")


def _method(name: str) -> Any:
    """Return what stands in the class; of a property its functions; None where there is nothing."""
    found = inspect.getattr_static(torch.Tensor, name, None)
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    if isinstance(found, property):
        return tuple(each for each in (found.fget, found.fset, found.fdel) if each is not None)
    return found
