"""Oracle: what Python's own unpickler makes of a pickle that imports nothing, beside what the inert reader makes of it.

Python's own, which is written in Python, is kept from importing anything: then it can call nothing either, since no
callable can be on its stack.
"""

from __future__ import annotations

import io
import pickle

from megacache.bundle.placeholders import PickledDict, PickledSet, Value


class ReachesOutError(Exception):
    """Say that a pickle asks for something outside of itself."""


class ImportsError(ReachesOutError):
    """Say that it asks for an import."""


class _Alone(pickle._Unpickler):  # type: ignore[name-defined,misc]
    def find_class(self, module_name: str, global_name: str) -> object:
        raise ImportsError(f"{module_name}.{global_name}")

    def persistent_load(self, pid: object) -> object:
        raise ReachesOutError(repr(pid))

    def get_extension(self, code: int) -> None:
        raise ImportsError(str(code))


def loaded_alone(content: bytes) -> object:
    """Load a pickle that reaches for nothing outside of itself.

    Raises:
        ReachesOutError: When it reaches out.
        Exception: Whatever Python's unpickler raises of damaged bytes.
    """
    return _Alone(io.BytesIO(content)).load()


def are_alike(read: Value, loaded: object) -> bool:
    """Say whether what was read inertly is what was loaded; either may contain itself, and be nested deeply."""
    waiting: list[tuple[object, object]] = [(read, loaded)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        one, other = waiting.pop()
        if (id(one), id(other)) in seen:
            continue
        seen.add((id(one), id(other)))
        parts = _parts_in_pairs(one, other)
        if parts is None:
            return False
        waiting += parts
    return True


def _parts_in_pairs(one: object, other: object) -> list[tuple[object, object]] | None:
    """Return what two values hold in pairs, or None where they differ by themselves."""
    if isinstance(one, PickledDict):
        # A key that is equal to an earlier one keeps its place and takes the new value, as in a dict.
        pairs = list(other.items()) if type(other) is dict else None
        if pairs is None or len(pairs) > len(one.pairs):
            return None
        return _of_dict(one, other)  # type: ignore[arg-type]
    if isinstance(one, PickledSet):
        is_set = type(other) in (set, frozenset)
        return [] if is_set and len(other) <= len(one.members) else None  # type: ignore[arg-type]
    if type(one) in (list, tuple):
        is_same = type(one) is type(other) and len(one) == len(other)  # type: ignore[arg-type]
        return list(zip(one, other, strict=True)) if is_same else None  # type: ignore[call-overload]
    if isinstance(one, bytes) and isinstance(other, bytearray):
        return [] if one == bytes(other) else None
    is_equal = type(one) is type(other) and (one == other or one != one)  # noqa: PLR0124  not a number
    return [] if is_equal else None


def _of_dict(one: PickledDict, other: dict[object, object]) -> list[tuple[object, object]] | None:
    plain = [(key, value) for key, value in one.pairs if isinstance(key, (str, bytes, int, float, type(None)))]
    last = dict(plain)
    if len(plain) == len(one.pairs) and last.keys() != other.keys():
        return None
    return [(value, other[key]) for key, value in last.items() if key in other]
