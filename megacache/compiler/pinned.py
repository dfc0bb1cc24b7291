"""Pinned: the sources of guards that torch left out, found again from a function without running any text.

Layer: compiler.

Source: the `name` of `Source` in `torch/_dynamo/source.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any

from megacache.compiler.content import UnprovableError

_ROOT = re.compile(r"(?P<scope>[GLC])\['(?P<name>[^'\\]+)'\]")
_STEP = re.compile(r"\.(?P<attribute>[^\W\d]\w*)|\[(?P<index>-?\d+)\]|\['(?P<key>[^'\\]*)'\]")
_BUILTINS = "__builtins_dict__"


def pinned_source(name: str, function: Any) -> str:
    """Return how what a guard watched is found again from the function that was compiled.

    Args:
        name: Torch's name of the guard's source, such as `G['helper']` or `L['op']`.
        function: The function, when its own frame was compiled; None in a resume function or a function below it.

    Returns:
        The same, with `C` for a name in the function's closure.

    Raises:
        UnprovableError: When it hangs on an argument, or on something that another process cannot find.
    """
    root = _ROOT.match(name)
    rest = name[root.end() :] if root else ""
    if root is None or _STEP.sub("", rest):
        raise UnprovableError(f"torch leaves out its guard on {name}, which cannot be found again by that name")
    if root["scope"] == "G":
        return name
    if function is not None and root["name"] in function.__code__.co_freevars:
        return f"C{name[1:]}"
    raise UnprovableError(f"torch leaves out its guard on {name}, so that nothing would notice another one")


def value_at(source: str, function: Any, imports: Mapping[str, str]) -> Any:
    """Return what a source stands for now.

    Args:
        source: What `pinned_source` returned.
        function: The live function.
        imports: The modules by the aliases that Dynamo gave them.

    Raises:
        UnprovableError: When there is nothing.
    """
    root = _ROOT.match(source)
    if root is None:
        raise UnprovableError(f"{source} names nothing")
    try:
        value = _root_value(root["scope"], root["name"], _plain(function), imports)
        at = root.end()
        while at < len(source):
            step = _STEP.match(source, at)
            if step is None:
                raise UnprovableError(f"{source} names nothing")
            value, at = _stepped(value, step), step.end()
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise UnprovableError(f"{source} is not there: {error}") from error
    return value


def _plain(function: Any) -> FunctionType:
    found: Any = function.__func__ if isinstance(function, MethodType) else function
    plain: FunctionType = found
    return plain


def _root_value(scope: str, name: str, function: FunctionType, imports: Mapping[str, str]) -> Any:
    if scope == "C":
        return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))[name].cell_contents
    if name.startswith(_BUILTINS):
        return vars(builtins)
    if name in imports:
        return sys.modules[imports[name]]
    return function.__globals__[name]


def _stepped(value: Any, step: re.Match[str]) -> Any:
    if step["attribute"]:
        return getattr(value, step["attribute"])
    return value[int(step["index"]) if step["index"] is not None else step["key"]]
