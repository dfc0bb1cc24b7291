"""Functions: what torch compiles where it is asked to compile something, and under which key it keeps it.

Layer: compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from megacache.bundle.narrow import Choice
from megacache.compiler import versions
from megacache.compiler.codes import digest_of
from megacache.errors import UsageError


def innermost(function: Any) -> Any:
    """Return the function that torch compiles where it is asked to compile this one.

    Args:
        function: A function, a compiled one, a method, a module or a compiled module.

    Returns:
        The function, or the bound method of a module.

    Raises:
        UsageError: When there is no Python code in it.
        TorchError: When torch is absent or lacks a name that we need.
    """
    versions.check()
    import torch
    from torch._dynamo.eval_frame import OptimizedModule, innermost_fn

    module = function._orig_mod if isinstance(function, OptimizedModule) else function
    found = innermost_fn(module.forward if isinstance(module, torch.nn.Module) else module)
    if not isinstance(getattr(found, "__code__", None), CodeType):
        raise UsageError(f"{function!r} has no Python code: give a function, a module, or a compiled one of them")
    return found


def key_of(function: Callable[..., Any]) -> str:
    """Return the key under which torch keeps a function: a digest of its qualname and its first line.

    Args:
        function: The function, a compiled one, or a module.

    Raises:
        UsageError: When there is no Python code in it.
        TorchError: When torch is absent or lacks a name that we need.

    Source: `CompilePackage.source_id_from_fn`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
    """
    found = innermost(function)
    from torch._dynamo.package import CompilePackage

    return CompilePackage.source_id_from_fn(found)


def choice_of(only: Callable[..., Any] | CodeType) -> Choice:
    """Return the choice of one function among rows.

    Args:
        only: The function, a compiled one, a module, or a code object.

    Raises:
        UsageError: When there is no Python code in it.
        TorchError: When torch is absent or lacks a name that we need.
    """
    if isinstance(only, CodeType):
        return Choice(name=only.co_qualname, digest=digest_of(only))
    found = innermost(only)
    name = f"{found.__globals__.get('__name__')}.{found.__code__.co_qualname}"
    return Choice(name=name, cache_keys=(key_of(only),))
