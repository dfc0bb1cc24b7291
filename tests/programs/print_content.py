"""Print, as JSON, the digests of objects whose sets, addresses or hashes differ from process to process."""

import collections
import dataclasses
import enum
import functools
import json
from typing import ClassVar, NamedTuple

from megacache.compiler.content import Content, digest


class Kind(enum.Enum):
    """An enum with a set for a value."""

    A = 1
    B = frozenset("abc")


class Steps:
    """A class whose method holds a set and an inner function."""

    known = frozenset("abc")

    def go(self, x, *, k=frozenset("ab")):
        """Return a function that asks sets."""
        return lambda: x in {"a", "b", "c"} or k


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A dataclass that is told by its fields."""

    a: int = 1
    b: str = "b"
    c: ClassVar[frozenset] = frozenset("ab")


class Pair(NamedTuple):
    """A tuple that is told by its fields."""

    a: int
    b: frozenset = frozenset("ab")


OBJECTS = (
    {"a", "b", "c", ("d", frozenset("efgh"))},
    Steps,
    Steps.go,
    Steps().go,
    Kind,
    Kind.B,
    Frozen,
    Pair,
    collections.OrderedDict(b={"b", "c"}, a=1),
    functools.partial(len, *"abc", key={"a", "b"}),
    functools.lru_cache(Steps.go),
    (len, dict.fromkeys, [].append, "".join, json, range(3), slice(1, 2)),
)

print(json.dumps([digest(Content().facts(each)) for each in OBJECTS]))
