"""Constants: what Dynamo put into bytecode and cannot be written as bytes, by the name at which it is found again.

Layer: compiler. A class that the frame returns, what makes a named tuple, or a dtype stands in the bytecode as an
object. It is replaced by a placeholder, and becomes a need: it must be found by its name, with the same content.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import torch

from megacache.compiler.content import Content, UnprovableError, codes_in, digest
from megacache.compiler.guarded_code import Name

_WRITABLE = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), frozenset)
"""What `marshal` writes, beside code and tuples."""

_NAMED_BY_REPR = (torch.dtype, torch.layout, torch.memory_format)


def constants_in(*codes: types.CodeType) -> dict[int, Name]:
    """Return the names of the constants that cannot be written, by their `id`.

    Args:
        codes: Bytecode; that inside of it counts.

    Raises:
        UnprovableError: When one has no name, or is not found by it.
    """
    found: dict[int, Name] = {}
    for each in chain.from_iterable(map(codes_in, codes)):
        for value in _leaves(each.co_consts):
            if type(value) not in _WRITABLE and id(value) not in found:
                found[id(value)] = Name(f"__constant__{len(found)}", "constant", _name_of(value))
    return found


def constant_digest(name: str) -> str:
    """Return the digest of what a constant's name stands for now.

    Args:
        name: Its module, a colon, and the names below it.

    Raises:
        UnprovableError: When there is nothing of that name, or it has no content to be told by.
    """
    return digest(Content().facts(_found(name)))


def without_constants(code: types.CodeType, names: Mapping[int, Name]) -> types.CodeType:
    """Put placeholders in the places of constants."""
    return _replaced(code, lambda value: names[id(value)].placeholder if id(value) in names else value)


def values_of(names: Iterable[Name]) -> dict[str, Any]:
    """Return the constants among names, by their placeholders.

    Raises:
        UnprovableError: When one is not found by its name.
    """
    return {each.placeholder: _found(each.value) for each in names if each.kind == "constant"}


def with_constants(code: types.CodeType, values: Mapping[str, Any]) -> types.CodeType:
    """Put constants in the places of their placeholders."""
    return _replaced(code, lambda value: values.get(value, value) if isinstance(value, str) else value)


def _leaves(constants: Iterable[Any]) -> Iterator[Any]:
    for each in constants:
        if type(each) is tuple:
            yield from _leaves(each)
        elif not isinstance(each, types.CodeType):
            yield each


def _replaced(code: types.CodeType, replace: Callable[[Any], Any]) -> types.CodeType:
    def walk(constant: Any) -> Any:
        if type(constant) is tuple:
            return tuple(map(walk, constant))
        return _replaced(constant, replace) if isinstance(constant, types.CodeType) else replace(constant)

    return code.replace(co_consts=tuple(map(walk, code.co_consts)))


def _name_of(value: Any) -> str:
    if isinstance(value, _NAMED_BY_REPR):
        name = f"torch:{str(value).removeprefix('torch.')}"
    elif isinstance(value, type):
        name = f"{value.__module__}:{value.__qualname__}"
    elif isinstance(value, types.MethodType) and isinstance(value.__self__, type):
        name = f"{_name_of(value.__self__)}.{value.__func__.__name__}"
    else:
        raise UnprovableError(f"its bytecode holds a {type(value).__name__} as a constant")
    if not _is_same(_found(name), value):
        raise UnprovableError(f"its bytecode holds a {name.partition(':')[2]} that is not found by that name")
    return name


def _found(name: str) -> Any:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise UnprovableError(f"there is no {qualname} in {module}")
    return found


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, types.MethodType) and isinstance(other, types.MethodType):
        return one.__self__ is other.__self__ and one.__func__ is other.__func__
    return one is other
