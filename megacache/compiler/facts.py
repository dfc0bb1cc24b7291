"""Facts: what an object is, as nested tuples of texts, equal for equal content in every process.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import hashlib
from typing import Any

Facts = tuple[object, ...]
"""What an object is, as nested tuples of texts: equal for equal content, in every process."""

PLAIN = frozenset(
    {bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented)},
)
"""The types whose values are told by their text; what is of a class made from them is something else."""


IS_MADE_IN_PYTHON = 1 << 9
"""`Py_TPFLAGS_HEAPTYPE`: a class that a `class` statement made, or a C extension at its import."""


class UnprovableError(Exception):
    """Say that an object has no content by which another process could recognize it. Never leaves the compiler room."""


def digest(facts: Facts) -> str:
    """Return the digest of facts, 32 hexadecimal digits."""
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def plain_facts(value: object) -> Facts:
    """Return the facts of a plain value.

    Args:
        value: Of one of the `PLAIN` types.
    """
    # In hexadecimal: a long number has no decimal text.
    return (type(value).__name__, hex(value) if type(value) is int else repr(value))


def shortened(facts: Facts) -> Facts:
    """Return facts that tell as much and are short, so that what is held in many places stays small."""
    return facts if all(isinstance(each, str) for each in facts) else ("facts", digest(facts))


def of_type(kind: type, name: str) -> Any:
    """Return what Python keeps of a class, such as its `__dict__`, whatever its metaclass makes of that."""
    return vars(type)[name].__get__(kind)


def module_of(kind: type) -> str:
    """Return the name of the module of a class."""
    return str(of_type(kind, "__module__"))


def name_of(kind: type) -> str:
    """Return the module and the name of a class."""
    return f"{module_of(kind)}.{of_type(kind, '__qualname__')}"
