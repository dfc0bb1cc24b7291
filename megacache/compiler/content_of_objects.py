"""The content of objects that are no more than a class and attributes.

Layer: compiler.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from megacache.compiler.facts import Facts, UnprovableError, name_of, of_type

if TYPE_CHECKING:
    from megacache.compiler.content import Content

_NUMPYS_FUNCTIONS = frozenset({"numpy.ufunc", "numpy._ArrayFunctionDispatcher"})

_POINTER_BYTES = tuple.__itemsize__


def of_object(content: Content, value: Any) -> Facts:
    """Tell an object by its class and its attributes.

    Raises:
        UnprovableError: When it may hold more than that, and where Dynamo guards what it reads of it.
    """
    kind = type(value)
    if name_of(kind) in _NUMPYS_FUNCTIONS and getattr(sys.modules["numpy"], name := value.__name__, None) is value:
        return ("numpy", name)  # torch has one of its own for each, which it takes by name
    if not content.is_deep or kind is object or not shows_all(kind):
        raise UnprovableError(f"a {name_of(kind)} has no content that another process can compare")
    return ("object", content.facts(kind), *state(value, content.facts))


def state(value: object, tell: Callable[[object], Facts]) -> Iterator[Facts]:
    """Yield the facts of the attributes that an object has of its own.

    Args:
        value: Any object.
        tell: Tells each attribute.
    """
    return ((name, tell(each)) for name, each in attributes_of(value))


def attributes_of(value: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes that an object has of its own, in its dict and in slots. No code of its class runs."""
    for read in (of_type(base, "__dict__").get("__dict__") for base in of_type(type(value), "__mro__")):
        if isinstance(read, (types.GetSetDescriptorType, types.MemberDescriptorType)):
            yield from read.__get__(value).items()
            break
    for base, name in _slots(type(value)):
        try:
            yield (name, of_type(base, "__dict__")[name].__get__(value))
        except AttributeError:  # it was not assigned yet
            continue


def _slots(kind: type) -> Iterator[tuple[type, str]]:
    for base in of_type(kind, "__mro__"):
        for name, member in of_type(base, "__dict__").items():
            if isinstance(member, types.MemberDescriptorType) and name != "__dict__":
                yield (base, name)


def shows_all(kind: type) -> bool:
    """Say whether the memory of an object is all in attributes: one of a class in C may have more in it."""
    offsets = (of_type(kind, "__dictoffset__"), of_type(kind, "__weakrefoffset__"))
    places = len([*_slots(kind)]) + sum(offset > 0 for offset in offsets)
    size_bytes = object.__basicsize__ + places * _POINTER_BYTES
    return bool(of_type(kind, "__itemsize__") == 0 and of_type(kind, "__basicsize__") == size_bytes)
