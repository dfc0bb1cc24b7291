"""Plain values: what a stranger's pickle holds, as texts and numbers that fit into a row.

Layer: bundle. A pickle may hold anything in any place, and one long text in a million places: whatever is asked for
here is of the type that is asked for or None, and of a bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from megacache.bundle.placeholders import PickledObject, PickledSet, Value

LONGEST_TEXT = 4 << 20
"""In characters. Longer texts are cut; generated code of a thousand kernels is shorter."""

MOST_ROWS = 10_000
"""How many of one kind are shown of one artifact; those beyond are passed over."""


_GROWTH = 4
_GROWTH_SIZE_BYTES = 16 << 20

_left: ContextVar[list[int] | None] = ContextVar("left", default=None)
"""How many more characters may be made of the artifact that is read; None is any number."""


@contextmanager
def bounded(size_bytes: int) -> Iterator[None]:
    """Let what is made of one artifact be not much longer than the artifact.

    A stranger may name one long text in a thousand places, so that each place alone is harmless.

    Args:
        size_bytes: The size of the artifact.

    Yields:
        Nothing. Within, `text` and `joined` copy up to four times that size and 16 MB; then they give nothing.
    """
    token = _left.set([_GROWTH * size_bytes + _GROWTH_SIZE_BYTES])
    try:
        yield
    finally:
        _left.reset(token)


def is_affordable(length: int) -> bool:
    """Take some characters from what may still be made or looked through, and say whether there were as many."""
    left = _left.get()
    if left is None:
        return True
    left[0] -= length
    return left[0] >= 0


def text(value: Value, length: int = LONGEST_TEXT) -> str | None:
    """Return a text, or None for anything else.

    Args:
        value: Any value.
        length: The most characters; what is beyond is cut off, and a `…` says so.

    Returns:
        A text that UTF-8 can encode: lone surrogates become question marks.
    """
    if not isinstance(value, str):
        return None
    if len(value) <= length and value.isascii():
        return value
    if not is_affordable(min(len(value), length)):
        return None
    cut = value if len(value) <= length else f"{value[:length]}…"
    return cut.encode("utf-8", "replace").decode("utf-8")


def number(value: Value) -> int | None:
    """Return a whole number that a column of SQLite can hold, or None for anything else."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63
    return value if is_number and isinstance(value, int) else None


def items(value: Value) -> tuple[Value, ...]:
    """Return the first members of a list, tuple or set, or of an object that was made of one; else none."""
    if isinstance(value, (list, tuple)):
        return tuple(value[:MOST_ROWS])
    if isinstance(value, PickledSet):
        return tuple(value.members[:MOST_ROWS])
    if isinstance(value, PickledObject):
        first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        made_of = first if isinstance(first, (list, tuple)) else []
        return (*value.members[:MOST_ROWS], *made_of[:MOST_ROWS])
    return ()


def texts(value: Value, length: int = LONGEST_TEXT, most: int = MOST_ROWS) -> tuple[str, ...]:
    """Return the texts among the first members of a value, each of at most some characters."""
    return tuple(each for each in (text(member, length) for member in items(value)[:most]) if each is not None)


def joined(lines: Iterable[str], length: int = LONGEST_TEXT) -> str:
    """Join lines, as many as fit into some characters."""
    fitting: list[str] = []
    left = length
    for line in lines:
        left -= len(line) + 1
        if left < 0 or not is_affordable(len(line)):
            break
        fitting.append(line)
    return "\n".join(fitting)
