"""The content of classes, and of the members of enums.

Layer: compiler. A class is its bases, its methods and the names of its other attributes. In deep content it is their
values too; otherwise Dynamo guards those that it reads.
"""

from __future__ import annotations

import abc
import collections
import dataclasses
import enum
import functools
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from megacache.compiler.content_of_functions import BUILT_IN
from megacache.compiler.content_of_objects import attributes_of, shows_all, state
from megacache.compiler.facts import IS_MADE_IN_PYTHON, PLAIN, Facts, UnprovableError, module_of, name_of, of_type
from megacache.compiler.origins import is_module_by_release

if TYPE_CHECKING:
    from megacache.compiler.content import Content

FIELD_OF_TUPLE: type = type(vars(collections.namedtuple("_", "field"))["field"])  # noqa: PYI024  only its type is wanted
"""What reads one field of a named tuple."""

_LIKE_METHODS = (
    *(types.FunctionType, types.MethodType, *BUILT_IN, FIELD_OF_TUPLE, functools.partial, property, staticmethod),
    *(classmethod, functools.cached_property, functools._lru_cache_wrapper),
)

_BOOKKEEPING = frozenset(
    {
        *("__module__", "__qualname__"),  # told as the name
        *("__dict__", "__weakref__", "_abc_impl", "__classdictcell__"),  # an object of its own in each class
        *("__dataclass_fields__", "__dataclass_params__"),  # told by the fields, and by the methods made of them
        *("__annotate__", "__annotate_func__", "__annotations__", "__annotations_cache__"),  # some from when first read
        *("__orig_bases__", "__parameters__", "__type_params__"),  # for those who read source
        *("__firstlineno__", "__static_attributes__"),  # where it stands, and a set in any order
        "__slotnames__",  # from when an object of it is first copied or pickled
        "_autograd_function_id",  # a number of this process
    }
)

_NOTES_IN_A_MEMBER = frozenset({"__objclass__", "_inverted_", "_sort_order_"})
"""What `enum` keeps in a member for itself, some of it from when it is first asked for."""

_DATA: Mapping[type, Callable[[Any], object]] = {
    float: float.__float__,
    int: int.__index__,
    str: str.__str__,
    tuple: lambda member: tuple(tuple.__iter__(member)),
}
"""What a member of an enum may be besides a member, and how that is read."""


def of_class(content: Content, value: type) -> Facts:
    """Tell a class."""
    name = ("class", module_of(value), of_type(value, "__qualname__"))
    is_own = _is_own(value)
    if content.is_deep and is_own:
        content.reach.note_call(module_of(value), of_type(value, "__name__"))
    if not of_type(value, "__flags__") & IS_MADE_IN_PYTHON:
        return name
    bases = tuple(content.facts(base) for base in of_type(value, "__bases__"))
    kind = () if type(value) is type else (content.facts(type(value)),)
    members = tuple(_members(content, value, is_own=is_own))
    return (*name, bases, kind, members, *_told_beside(content, value))


def _is_own(value: type) -> bool:
    """Say whether a class comes with torch or Python."""
    if not is_module_by_release(module_of(value)):
        return False
    found: object = sys.modules.get(module_of(value))
    for part in of_type(value, "__qualname__").split("."):
        found = getattr(found, part, None)
    return found is value


def _told_beside(content: Content, value: type) -> Iterator[Facts]:
    """Tell what stands in no attribute, or in one that Python makes of it."""
    held = of_type(value, "__dict__")
    if issubclass(value, tuple) and "_fields" in held:
        yield ("fields", content.facts(held["_fields"]))
    if issubclass(value, enum.Enum):
        yield ("members", *_enum_members(content, value))
    if "__dataclass_fields__" in held:
        yield ("dataclass", *_fields(content, held["__dataclass_fields__"]))
    if content.is_deep and "_abc_impl" in held and not is_module_by_release(module_of(value)):
        yield ("registered", *_registered(value))


def _fields(content: Content, fields: Mapping[str, Any]) -> Iterator[Facts]:
    """Tell the fields of a dataclass: the `__init__` that Python makes of them has no source to be guarded by."""
    for name, field in sorted(fields.items()):
        choices = repr([_choice(each) for each in (field.init, field.repr, field.hash, field.compare, field.kw_only)])
        held = (content.held(each) for each in (field.default, field.default_factory, field.metadata))
        yield (name, choices, *held)


def _choice(value: object) -> object:
    """Return what a field was told; what it was not told is an object of `dataclasses`, elsewhere in each process."""
    return "missing" if value is dataclasses.MISSING else value


def _registered(value: type) -> list[str]:
    """Return the names of the classes that were declared to be subclasses of an abstract one."""
    references = abc._get_dump(value)[0]  # type: ignore[attr-defined]
    return sorted(name_of(kind) for kind in (each() for each in references) if kind is not None)


# -- members -----------------------------------------------------------------------------------------------------------


def _members(content: Content, value: type, *, is_own: bool) -> Iterator[tuple[str, Facts]]:
    """Tell the attributes of a class by name, and what each of them is."""
    left_out = _BOOKKEEPING if content.is_deep else _BOOKKEEPING | {"__doc__"}
    is_enum = issubclass(value, enum.Enum)
    for name, member in sorted(of_type(value, "__dict__").items()):
        if name in left_out or (is_enum and _is_of_enum(value, name, member)):
            continue
        is_whole = content.is_deep and (not is_own or type(member) in PLAIN)
        yield (name, content.facts(member) if is_whole else _member(content, member))


def _member(content: Content, member: object) -> Facts:
    """Tell a method; a plain attribute is guarded where it is read, so only its kind is told."""
    kind = type(member)
    if issubclass(kind, _LIKE_METHODS):
        return content.held(member)
    if any("__get__" in of_type(each, "__dict__") for each in of_type(kind, "__mro__")):
        return ("descriptor", content.facts(kind), *state(member, content.held))
    return ("value", name_of(kind))


# -- enums -------------------------------------------------------------------------------------------------------------


def of_enum_member(content: Content, value: enum.Enum) -> Facts:
    """Tell a member of an enum: its class, which tells all members, and which one it is."""
    return ("enum", content.facts(type(value)), *_enum_member(content, value))


def _enum_members(content: Content, value: type[enum.Enum]) -> Iterator[Facts]:
    for name, member in _member_map(value).items():
        yield (name, *_enum_member(content, member))


def _member_map(value: type) -> Mapping[str, enum.Enum]:
    found: Mapping[str, enum.Enum] = of_type(value, "__dict__").get("_member_map_", {})
    return found


def _enum_member(content: Content, member: enum.Enum) -> Iterator[Facts]:
    data = tuple(content.facts(read(member)) for kind, read in _DATA.items() if issubclass(type(member), kind))
    if not data and not shows_all(type(member)):
        raise UnprovableError(f"a {name_of(type(member))} holds what cannot be read")
    yield data
    held = dict(attributes_of(member))
    yield tuple((name, content.facts(held[name])) for name in sorted(held.keys() - _NOTES_IN_A_MEMBER))


def _is_of_enum(value: type, name: str, member: object) -> bool:
    """Say whether an attribute is a member, or what `enum` notes for itself, of flags when they are first asked for."""
    is_note = name.startswith("_") and not name.startswith("__") and name.endswith("_")
    return name in _member_map(value) or (is_note and not issubclass(type(member), _LIKE_METHODS))


def of_field_of_tuple(_content: Content, value: Any) -> Facts:
    """Tell what reads a field of a named tuple: its place."""
    return ("field", repr(value.__reduce__()[1]))
