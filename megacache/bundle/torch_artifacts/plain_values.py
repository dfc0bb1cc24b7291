"""Plain values: what a stranger's pickle holds, as texts and numbers that fit into a row.

Layer: bundle. A pickle may hold anything in any place, and one long text in a million places: whatever is asked for
here is of the type that is asked for or None, and of a bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable

from megacache.bundle.placeholders import PickledObject, PickledSet, Value

LONGEST_TEXT = 4 << 20
"""In characters. Longer texts are cut; generated code of a thousand kernels is shorter."""

MOST_ROWS = 10_000
"""How many of one kind are shown of one artifact; those beyond are passed over."""


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
    cut = value if len(value) <= length else f"{value[:length]}…"
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


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


def texts(value: Value, length: int = LONGEST_TEXT) -> tuple[str, ...]:
    """Return the texts among the members of a value, each of at most some characters."""
    return tuple(each for each in (text(member, length) for member in items(value)) if each is not None)


def joined(lines: Iterable[str], length: int = LONGEST_TEXT) -> str:
    """Join lines, as many as fit into some characters."""
    fitting: list[str] = []
    left = length
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        fitting.append(line)
    return "\n".join(fitting)
