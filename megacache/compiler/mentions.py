"""Mentions: the names by which a code object, and any code inside it, can read what is around it.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType
from weakref import WeakKeyDictionary

from megacache.compiler.content import codes_in

_READ_A_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_READ_AN_ATTRIBUTE = frozenset(
    {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "STORE_ATTR", "DELETE_ATTR", "IMPORT_FROM"}
)


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a code object mentions: globals it reads, attributes of anything, and texts that may be a name."""

    global_names: frozenset[str]
    attributes: frozenset[str]
    texts: frozenset[str]


_KNOWN: WeakKeyDictionary[CodeType, Mentions] = WeakKeyDictionary()


def mentions_of(code: CodeType) -> Mentions:
    """Return what a code object mentions, found once."""
    found = _KNOWN.get(code)
    if found is None:
        found = _KNOWN[code] = _found(code)
    return found


def _found(code: CodeType) -> Mentions:
    global_names: set[str] = set()
    attributes: set[str] = set()
    texts: set[str] = set()
    for each in codes_in(code):
        for instruction in dis.get_instructions(each):
            if instruction.opname in _READ_A_GLOBAL:
                global_names.add(instruction.argval)
            elif instruction.opname in _READ_AN_ATTRIBUTE:
                attributes.add(instruction.argval)
        texts.update(_names_among(each.co_consts))
    return Mentions(frozenset(global_names), frozenset(attributes), frozenset(texts))


def _names_among(constants: Iterable[object]) -> Iterable[str]:
    for constant in constants:
        if isinstance(constant, str) and constant.isidentifier():
            yield constant
        elif isinstance(constant, (tuple, frozenset)):
            yield from _names_among(constant)
