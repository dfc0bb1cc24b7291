"""Placeholders: what stands in an inertly read pickle for everything that loading it would make.

Layer: bundle. Stdlib only. Plain data are Python's own: None, bool, int, float, str, bytes, list, tuple. All else is
one of the classes here, which compare by identity and are never hashed by their content: a key that a stranger chose
can be nested deeper than the stack, or collide with all others.

Nothing here recurses. A value may contain itself, and be nested as deep as its pickle is long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Value = object
"""Plain data or a placeholder."""

_MAKERS = ("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__")
"""Functions that make an object of the class that is their first argument."""

_LONGEST_TEXT = 200
_LONGEST_NUMBER_BITS = 2000


@dataclass(eq=False, slots=True, repr=False)
class PickledDict:
    """A dict, as its pairs in order; a key that is set twice is there twice."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)
    _by_name: dict[str, Value] | None = None

    def get(self, name: str) -> Value:
        """Return the value of a text key, the last one as in a dict; None where there is none.

        To be asked when the pickle is read whole.
        """
        if self._by_name is None:  # once, since a thousand places may share this dict
            self._by_name = {key: value for key, value in self.pairs if isinstance(key, str)}
        return self._by_name.get(name)

    def __repr__(self) -> str:
        return f"<dict of {len(self.pairs):,}>"


@dataclass(eq=False, slots=True, repr=False)
class PickledSet:
    """A set or frozenset, as its members in order."""

    members: list[Value] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<set of {len(self.members):,}>"


@dataclass(eq=False, slots=True, repr=False)
class PickledName:
    """A class or function that loading would import, by its dotted name."""

    name: str
    state: Value = None

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(eq=False, slots=True, repr=False)
class PickledOutside:
    """What is not in the pickle itself: `what` is `persistent id` or `buffer`, and `value` tells which."""

    what: str
    value: Value = None

    def __repr__(self) -> str:
        return shown(self)


@dataclass(eq=False, slots=True, repr=False)
class PickledObject:
    """What a call would return while loading.

    Attributes:
        maker: What would be called: nearly always a `PickledName`.
        arguments: The tuple of arguments, or whatever the pickle has in its place.
        keywords: The keyword arguments, or None.
        state: What would be handed to `__setstate__`, or None.
        members: What would be appended or added to it.
        items: What would be set as its items.
    """

    maker: Value
    arguments: Value = ()
    keywords: Value = None
    state: Value = None
    members: list[Value] = field(default_factory=list)
    items: PickledDict = field(default_factory=PickledDict)

    @property
    def name(self) -> str:
        """The dotted name of the class or function that makes it, or an empty text."""
        if not isinstance(self.maker, PickledName):
            return ""
        first = self.arguments[0] if isinstance(self.arguments, tuple) and self.arguments else None
        if self.maker.name in _MAKERS and isinstance(first, PickledName):
            return first.name
        return self.maker.name

    def get(self, name: str) -> Value:
        """Return what its state or its own items hold under a name; None where there is nothing."""
        states = self.state[:2] if isinstance(self.state, tuple) else (self.state,)
        for each in (*reversed(states), self.items):
            value = each.get(name) if isinstance(each, PickledDict) else None
            if value is not None:
                return value
        return None

    def __repr__(self) -> str:
        return f"<{self.name or 'object'}(...)>"


def parts(value: Value) -> Iterator[Value]:
    """Yield what a value holds directly, in order; plain data hold nothing."""
    if isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, PickledDict):
        yield from (each for pair in value.pairs for each in pair)
    elif isinstance(value, PickledSet):
        yield from value.members
    elif isinstance(value, PickledObject):
        yield from (value.maker, value.arguments, value.keywords, value.state, *value.members)
        yield from (each for pair in value.items.pairs for each in pair)
    elif isinstance(value, PickledName):
        yield value.state
    elif isinstance(value, PickledOutside):
        yield value.value


def walk(value: Value) -> Iterator[Value]:
    """Yield a value and all that it holds, outermost first.

    What is held in two places comes once, but numbers and texts come each time.

    Args:
        value: What `read_pickle` returned, or a part of it, which stays alive and unchanged meanwhile.
    """
    seen: set[int] = set()
    waiting = [iter((value,))]
    while waiting:
        for each in waiting[-1]:
            if isinstance(each, (list, tuple, PickledDict, PickledSet, PickledObject, PickledName, PickledOutside)):
                if id(each) in seen:
                    continue
                seen.add(id(each))
                yield each
                waiting.append(parts(each))
                break
            yield each
        else:
            waiting.pop()


def shown(value: Value, length: int = _LONGEST_TEXT) -> str:
    """Write a value for people, as Python would write it.

    Args:
        value: Plain data or a placeholder.
        length: About how many characters to write; what is longer ends in `…`.

    Returns:
        One line of printable text. What is nested is written as far as the length goes, a value within itself as `...`.
    """
    written: list[str] = []
    size = 0
    open_ids: set[int] = set()
    waiting: list[object] = [value]
    while waiting and size <= length:
        each = waiting.pop()
        if isinstance(each, _Text):
            text = each.text
            open_ids.discard(each.closes)
        elif isinstance(each, (list, tuple, PickledDict, PickledSet, PickledObject, PickledOutside)):
            text = "..." if id(each) in open_ids else ""
            if not text:
                open_ids.add(id(each))
                waiting += reversed(_written(each, length))
        else:
            text = _plain(each, length)
        written.append(text)
        size += len(text)
    line = "".join(written)
    return line if not waiting and len(line) <= length else f"{line[:length]}…"


@dataclass(eq=False, slots=True)
class _Text:
    """A piece of text among the values that wait to be written; `closes` is the id of the value that it ends."""

    text: str
    closes: int = 0


def _written(
    value: list[Value] | tuple[Value, ...] | PickledDict | PickledSet | PickledObject | PickledOutside, length: int
) -> list[object]:
    """Return the texts and values that a value is written as; no more of them than the length can show."""
    if isinstance(value, PickledDict):
        pairs = value.pairs[:length]
        inside = [part for key, each in pairs for part in (key, _Text(": "), each, _Text(", "))][:-1]
        return [_Text("{"), *inside, _Text("}", id(value))]
    if isinstance(value, PickledObject):
        arguments = value.arguments if isinstance(value.arguments, tuple) else (value.arguments,)
        inside = [part for each in arguments[:length] for part in (each, _Text(", "))][:-1]
        state = [] if value.state is None else [_Text(" with "), value.state]
        # Every level writes something, so that the length bounds how deep this goes.
        maker = [value.maker] if isinstance(value.maker, PickledName) else [_Text("("), value.maker, _Text(")")]
        return [*maker, _Text("("), *inside, _Text(")"), *state, _Text("", id(value))]
    if isinstance(value, PickledOutside):
        return [_Text(f"<{value.what} "), value.value, _Text(">", id(value))]
    members = value.members if isinstance(value, PickledSet) else value
    begin, end = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
    inside = [part for each in members[:length] for part in (each, _Text(", "))][:-1]
    if isinstance(value, tuple) and len(value) == 1:
        inside.append(_Text(","))
    return [_Text(begin), *inside, _Text(end, id(value))]


def _plain(value: Value, length: int) -> str:
    if isinstance(value, PickledName):
        return value.name
    if isinstance(value, (str, bytes)):
        return repr(value[: length + 1])
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER_BITS:  # decimal text of it would take long
        return hex(value)[: length + 1]
    return repr(value)
