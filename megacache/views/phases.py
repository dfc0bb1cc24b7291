"""Phases: what a compile or a backend entry spent in each phase, none inside another."""

from __future__ import annotations

from collections.abc import Iterable

from megacache.model import BackendEntry, Compile
from megacache.views.index import Index

PHASE_TITLES = {
    "dynamo": "dynamo",
    "guards": "guards",
    "aot": "AOT",
    "inductor": "inductor",
    "codegen": "codegen",
    "compiler": "C++ / Triton",
    "cache": "cache",
    "other": "other",
}
"""The phases with their names for people, outermost first."""


def own_phases(row: Compile | BackendEntry) -> dict[str, int | None]:
    """Return each phase less what torch nests in it, outermost first; None where torch did not say."""
    nested: dict[str, tuple[int | None, int | None]] = {
        "aot": (row.aot_us if isinstance(row, Compile) else row.duration_us, row.inductor_us),
        "inductor": (row.inductor_us, row.codegen_us or row.compiler_us),
        "codegen": (row.codegen_us, row.compiler_us),
        "compiler": (row.compiler_us, None),
    }
    if isinstance(row, Compile):
        nested = {"dynamo": (row.duration_us, row.backend_us), **nested}
    return {
        phase: None if whole is None else max(0, whole - (within or 0)) for phase, (whole, within) in nested.items()
    }


def later_backends(row: Compile, entries: Iterable[BackendEntry]) -> list[BackendEntry]:
    """Return the entries that were lowered after their compile had ended: lazy backwards, which it does not hold."""
    if row.duration_us is None:
        return []
    end = row.started_us + row.duration_us
    return [each for each in entries if (each.started_us or 0) >= end]


def compile_duration(row: Compile, entries: Iterable[BackendEntry]) -> int | None:
    """Return how long a compile took, with what was lowered after it had ended (a lazy backward).

    Args:
        row: The compile.
        entries: Its backend entries.

    Returns:
        Microseconds; None where torch does not say.
    """
    if row.duration_us is None:
        return None
    return row.duration_us + sum(each.duration_us or 0 for each in later_backends(row, entries))


def summed_phases(index: Index, compiles: Iterable[Compile]) -> dict[str, int]:
    """Add up the phases of some compiles with their lazy backwards; those that took no time are left out."""
    sums = dict.fromkeys(PHASE_TITLES, 0)
    for row in compiles:
        entries = index.backends.get((row.session_id, row.run_id, row.compile_id), [])
        rows: tuple[Compile | BackendEntry, ...] = (row, *later_backends(row, entries))
        for each in rows:
            for phase, duration_us in own_phases(each).items():
                sums[phase] += duration_us or 0
    return {phase: duration_us for phase, duration_us in sums.items() if duration_us}
