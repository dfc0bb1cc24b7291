"""Changes: which functions, graph breaks and recompiles one recording has that the other lacks, and how much of each.

Layer: explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from megacache.model import Code, Compile
from megacache.recording import Recording
from megacache.views.index import Index
from megacache.views.names import break_title, code_place, place, short_guard
from megacache.views.phases import compile_duration
from megacache.views.units import count, format_bytes, format_duration

KINDS = ("function", "graph break", "recompile")
"""What may change, in the order in which it is told."""

Name = tuple[str | None, str]
"""What a function is known by in every process: its module and its title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is only on one side, or another one on each; `kind` is one of `KINDS`.

    `change` is `added`, `removed` or, of a function that has another content, `changed`. `function` is the title of the
    function, `where` its place or that of the line, and `what` the break or the guard that failed; a function has none.
    """

    kind: str
    change: str
    function: str
    where: str
    what: str = ""

    def __str__(self) -> str:
        about = f"{self.function}: {self.what}" if self.what else self.function
        return f"{about} ({self.where})" if self.where else about


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How much there is of something on both sides; `unit` is `count`, `us` or `bytes`."""

    name: str
    unit: str
    old: int
    new: int

    def __str__(self) -> str:
        return f"{_quantity(self.new, self.unit)}, was {_quantity(self.old, self.unit)}"


def changes(old: Recording, new: Recording) -> tuple[Change, ...]:
    """Compare what was compiled.

    A function is the same when it has the name and the content, wherever it stands; so a break is the same when its
    line moved. Of a function that one side was served and never traced, breaks and recompiles are not known there, and
    not compared.

    Args:
        old: The first recording.
        new: The second.

    Returns:
        The changes, by kind in the order of `KINDS`, and by function.
    """
    one, other = _Compiled(old), _Compiled(new)
    known_to_both = (one.names - one.untraced) & (other.names - other.untraced)
    comparable = known_to_both | (one.names ^ other.names)
    found = [
        *_function_changes(one, other),
        *_one_sided("graph break", one.breaks, other.breaks, comparable),
        *_one_sided("recompile", one.recompiles, other.recompiles, comparable),
    ]
    return tuple(sorted(found, key=lambda each: (KINDS.index(each.kind), each.function, each.change)))


def totals(old: Recording, new: Recording) -> tuple[Total, ...]:
    """Compare how much was compiled, how long that took, and how large the artifacts are.

    Args:
        old: The first recording.
        new: The second.

    Returns:
        Compiles, time of all compiles, lazy backwards included, and bytes of all artifacts before compression.
    """
    rows = (
        ("compiles", "count", lambda recording: len(recording.compiles)),
        ("compile time", "us", _compile_time),
        ("artifacts", "bytes", lambda recording: sum(each.size_bytes for each in recording.artifacts)),
    )
    return tuple(Total(name=name, unit=unit, old=of(old), new=of(new)) for name, unit, of in rows)


class _Compiled:
    """The functions of one recording by name, with their breaks and recompiles."""

    def __init__(self, recording: Recording) -> None:
        self._codes = {code.code_id: code for code in recording.codes}
        self._compiles = {(each.run_id, each.compile_id): each for each in recording.compiles}
        self.functions: dict[Name, dict[str | None, Code]] = {}
        for code in recording.codes:
            if code.parent_code_id is None:
                self.functions.setdefault((code.module, code.title), {})[code.digest] = code
        self.breaks = dict(self._breaks(recording))
        self.recompiles = dict(self._recompiles(recording))

    @property
    def names(self) -> set[Name]:
        return set(self.functions)

    @property
    def untraced(self) -> set[Name]:
        """The functions of which every compile was served: nobody saw their breaks."""
        traced = {self._name(each) for each in self._compiles.values() if each.status != "served"}
        return self.names - traced

    def _name(self, compiled: Compile | None) -> Name:
        """Return the function that a compile belongs to, also the compile of a resume function."""
        code = self._codes.get(compiled.code_id or "") if compiled else None
        while code is not None and code.parent_code_id in self._codes:
            code = self._codes[code.parent_code_id]
        return (code.module, code.title) if code else (None, "code not recorded")

    def _breaks(self, recording: Recording) -> Iterator[tuple[tuple[Name, str, str], str]]:
        for row in recording.graph_breaks:
            name = self._name(self._compiles.get((row.run_id, row.compile_id)))
            yield (name, break_title(row), (row.source_line or "").strip()), place(row.filename, row.line)

    def _recompiles(self, recording: Recording) -> Iterator[tuple[tuple[Name, str, str], str]]:
        for row in recording.recompile_reasons:
            name = self._name(self._compiles.get((row.run_id, row.compile_id)))
            yield (name, short_guard(row.guard), ""), row.location or ""


def _function_changes(old: _Compiled, new: _Compiled) -> Iterator[Change]:
    for name in old.names | new.names:
        before, after = old.functions.get(name, {}), new.functions.get(name, {})
        if before.keys() != after.keys():
            change = "changed" if before and after else "added" if after else "removed"
            code = [*(after or before).values()][-1]
            yield Change(kind="function", change=change, function=code.title, where=code_place(code))


def _one_sided(
    kind: str,
    old: Mapping[tuple[Name, str, str], str],
    new: Mapping[tuple[Name, str, str], str],
    comparable: set[Name],
) -> Iterator[Change]:
    for change, has, lacks in (("removed", old, new), ("added", new, old)):
        for (name, what, line), where in has.items():
            if name in comparable and (name, what, line) not in lacks:
                told = f"{what} at `{line}`" if line else what
                yield Change(kind=kind, change=change, function=name[1], where=where, what=told)


def _compile_time(recording: Recording) -> int:
    backends = Index(recording).backends
    keys = ((row, (row.session_id, row.run_id, row.compile_id)) for row in recording.compiles)
    return sum(compile_duration(row, backends.get(key, ())) or 0 for row, key in keys)


def _quantity(value: int, unit: str) -> str:
    if unit == "us":
        return format_duration(value)
    return format_bytes(value) if unit == "bytes" else count(value, "compile")
