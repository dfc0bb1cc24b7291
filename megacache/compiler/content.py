"""Content: what a live object is, told by what it holds and not by where it is, so that two processes can compare.

Layer: compiler. The digest of a function covers its code, that of a class its methods and those of its bases, that of a
module its name. What has no content that can be told apart for certain raises `UnprovableError`: such a thing is never
taken for another.

How each kind of object is told stands in the files `content_of_*`; what untraced code reaches by name is in `reach`.
"""

from __future__ import annotations

import collections
import enum
import functools
import logging
import types
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch._library.custom_ops import CustomOpDef

from megacache.compiler import content_of_classes as classes
from megacache.compiler import content_of_functions as functions
from megacache.compiler import content_of_objects as objects
from megacache.compiler import content_of_values as values
from megacache.compiler.codes import digest_of
from megacache.compiler.facts import PLAIN, Facts, UnprovableError, digest, name_of, plain_facts, shortened
from megacache.compiler.reach import Reach

__all__ = ["Content", "Facts", "UnprovableError", "code_digest", "codes_in", "digest"]


class Content:
    """Tells the facts of live objects, of each object once.

    Objects that hold each other are told by where they were met: `again` counts back from the last one that is open.
    Facts that count back no further than to their own object are true anywhere, and are remembered.

    Args:
        is_deep: Tell also what a function reads when it runs: its globals, defaults and closure, and what is behind
            them. Needed for what Dynamo calls and does not look into. Without it, what Dynamo reads in a function has
            guards of its own.

    Attributes:
        codes: The digests of all code objects that were told so far, with those inside them.
        is_deep: As given.
        reach: The modules that untraced code reaches, for the object that was asked for.
    """

    def __init__(self, *, is_deep: bool = False) -> None:
        self.codes: set[str] = set()
        self.is_deep = is_deep
        self.reach = Reach()
        self._known: dict[int, tuple[object, Facts]] = {}
        self._open: list[object] = []
        self._places: dict[int, int] = {}
        self._lowest = 0

    def facts(self, value: object) -> Facts:
        """Return what an object is.

        Raises:
            UnprovableError: When that cannot be told.
        """
        if type(value) in PLAIN:
            return plain_facts(value)
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        place = self._places.get(id(value))
        if place is not None:
            self._lowest = min(self._lowest, place)
            return ("again", len(self._open) - place)
        return self._first_facts(value) if self._open else self._asked_facts(value)

    def held(self, value: object) -> Facts:
        """Return what a function or a class holds, as far as nothing else guards it.

        Of tensors, modules and the like only their class is told, unless the content is deep.

        Raises:
            UnprovableError: When that cannot be told.
        """
        kind = type(value)
        if self.is_deep or kind in PLAIN:
            return self.facts(value)
        for kinds, tell in _TELLERS_OF_HOLDERS:
            if issubclass(kind, kinds):
                return (*tell(self, value, self.held), *self._of_subclass(value, self.held))
        return self.facts(value) if issubclass(kind, _TOLD_WHERE_HELD) else ("value", name_of(kind))

    def code(self, code: types.CodeType) -> str:
        """Return the digest of a code object, and remember that it was told."""
        told = [*map(code_digest, codes_in(code))]
        self.codes.update(told)
        return told[0]

    def deep(self) -> Content:
        """Return one that looks deep."""
        return self if self.is_deep else Content(is_deep=True)

    # -- what is open ------------------------------------------------------------------------------------------------

    def _asked_facts(self, value: object) -> Facts:
        """Tell what is not inside anything else. What the user's classes raise when they are read, ends here."""
        if self.is_deep:
            # What a name reaches depends on all the code that was met, so nothing is true of another object.
            self.reach = Reach()
            self._known.clear()
        try:
            return self._first_facts(value)
        except UnprovableError:
            raise
        except Exception as error:
            raise UnprovableError(f"a {name_of(type(value))} cannot be read: {type(error).__name__}") from error

    def _first_facts(self, value: object) -> Facts:
        place, lowest = len(self._open), self._lowest
        self._places[id(value)] = self._lowest = place
        self._open.append(value)
        try:
            found = self._facts(value)
            if place == 0 and self.is_deep:
                found = (found, *self.reach.facts(self))
        except BaseException:
            self._close(place)
            self._lowest = lowest
            raise
        if self._lowest == place and self._may_close(value, place):
            self._close(place)
            found = shortened(found)
            self._known[id(value)] = (value, found)
        self._lowest = min(self._lowest, lowest)
        return found

    def _may_close(self, value: object, place: int) -> bool:
        """Say whether facts may be told twice; in deep content it matters that two names hold one and the same list."""
        if not self.is_deep or place == 0:
            return True
        return issubclass(type(value), _OFTEN_MERGED) and len(self._open) == place + 1

    def _close(self, place: int) -> None:
        for each in self._open[place:]:
            self._places.pop(id(each), None)
        del self._open[place:]

    def _facts(self, value: object) -> Facts:
        kind = type(value)  # `isinstance` would ask the object, which may lie
        tell = next((tell for kinds, tell in _TELLERS if issubclass(kind, kinds)), objects.of_object)
        return (*tell(self, value), *self._of_subclass(value, self.facts))

    def _of_subclass(self, value: object, tell: Callable[[object], Facts]) -> Iterator[Facts]:
        """Tell the class and the attributes of what is of a class made from a known one."""
        kind = type(value)
        if kind not in _SUBCLASSED and issubclass(kind, _SUBCLASSED):
            yield ("of", self.facts(kind), *objects.state(value, tell))


_OFTEN_MERGED = (tuple, frozenset, range, slice, types.CodeType, *functions.BUILT_IN)
"""Equal ones may be one object or two, as Python likes."""

Teller = Callable[[Content, Any], Facts]
TellerOfHolder = Callable[[Content, Any, Callable[[object], Facts]], Facts]

_TELLERS_OF_HOLDERS: tuple[tuple[type | tuple[type, ...], TellerOfHolder], ...] = (
    (functools.partial, functions.of_partial),
    ((tuple, list), values.of_sequence),
    ((set, frozenset), values.of_set),
    (dict, values.of_dict),
    (types.MappingProxyType, values.of_proxy),
)
"""What is only around other values, which are told one by one."""


def _whole(tell: TellerOfHolder) -> Teller:
    return lambda content, value: tell(content, value, content.facts)


_TELLERS: tuple[tuple[type | tuple[type, ...], Teller], ...] = (
    (enum.Enum, classes.of_enum_member),
    (types.CodeType, functions.of_code),
    (types.FunctionType, functions.of_function),
    (types.MethodType, functions.of_method),
    (functions.BUILT_IN, functions.of_built_in),
    ((staticmethod, classmethod), functions.of_wrapper),
    (property, functions.of_property),
    (functools.cached_property, functions.of_cached_property),
    (functools._lru_cache_wrapper, functions.of_cached_function),
    (type, classes.of_class),
    (types.ModuleType, values.of_module),
    (logging.Logger, values.of_logger),
    (slice, values.of_slice),
    ((range, torch.dtype, torch.device, torch.layout, torch.memory_format), values.by_repr),
    (classes.FIELD_OF_TUPLE, classes.of_field_of_tuple),
    (torch.Tensor, values.of_tensor),
    (CustomOpDef, values.of_custom_op),
    ((torch._ops.OpOverload, torch._ops.OpOverloadPacket, torch._ops.HigherOrderOperator), values.of_operator),
    *((kinds, _whole(tell)) for kinds, tell in _TELLERS_OF_HOLDERS),
)

_SUBCLASSED = (
    *(collections.OrderedDict, collections.defaultdict, dict, list, tuple, torch.Size, set, frozenset),
    *(functools.partial, functools.cached_property, staticmethod, classmethod, property, logging.Logger),
)

_TOLD_WHERE_HELD = (
    *(enum.Enum, types.CodeType, types.FunctionType, types.MethodType, *functions.BUILT_IN, type, types.ModuleType),
    *(staticmethod, classmethod, property, functools.cached_property, functools._lru_cache_wrapper, range, slice),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format, classes.FIELD_OF_TUPLE),
    *(torch._ops.OpOverload, torch._ops.OpOverloadPacket, torch._ops.HigherOrderOperator),
)

_CODE_DIGESTS: WeakKeyDictionary[types.CodeType, str] = WeakKeyDictionary()


def code_digest(code: types.CodeType) -> str:
    """Return the digest of a code object, found once."""
    # Equal code objects are one key of this mapping, and have one digest unless their lines alone differ.
    found = _CODE_DIGESTS.get(code)
    if found is None:
        found = _CODE_DIGESTS[code] = digest_of(code)
    return found


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and all that are inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)
