"""Dimensions: the symbols that torch makes of sizes, by compile.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from megacache.compiler import codes
from megacache.compiler.changes import CompileKey
from megacache.model import Dimension


class Dimensions:
    """Fold the events of new symbols into rows; knows the file names that torch sends as numbers."""

    def __init__(self) -> None:
        self._files: dict[int, str] = {}
        self._rows: dict[CompileKey, dict[tuple[str, str], Dimension]] = defaultdict(dict)

    def know_files(self, numbers: Mapping[int, str]) -> None:
        """Learn file names by their numbers."""
        self._files.update(numbers)

    def feed(self, fact: Mapping[str, Any], key: CompileKey) -> None:
        """Take one new symbol of a compile; of two with one source the first stays."""
        stack = self._user_stack(fact.get("user_stack", ()))
        known = self._rows[key]
        known.setdefault(
            (str(fact["symbol"]), str(fact.get("source"))),
            Dimension(
                run_id=key[0],
                compile_id=key[1],
                ordinal=len(known),
                symbol=str(fact["symbol"]),
                hint=None if fact.get("val") is None else str(fact["val"]),
                range=fact.get("vr"),
                source=fact.get("source"),
                location=stack[-1] if stack else None,
            ),
        )

    def rows(self, keys: Iterable[CompileKey]) -> tuple[Dimension, ...]:
        """Return the dimensions of some compiles."""
        return tuple(row for key in keys for row in self._rows.get(key, {}).values())

    def _user_stack(self, frames: Collection[Mapping[str, Any]]) -> tuple[str, ...]:
        named = ((self._files.get(frame["filename"], "?"), frame["line"], frame["name"]) for frame in frames)
        return tuple(f"{codes.stable_filename(name)}:{line} {function}" for name, line, function in named)
