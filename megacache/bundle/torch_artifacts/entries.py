"""Entries: one artifact of torch's, read inertly by what its type says that it is.

Layer: bundle. Whatever is in it, reading it gives what can be shown, or the reason why nothing can. No content makes it
raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import Value, shown
from megacache.bundle.torch_artifacts.callables import beyond_torch
from megacache.bundle.torch_artifacts.graphs import AotEntry, Graph, aot_entry_of, graph_of
from megacache.bundle.torch_artifacts.plain_values import bounded, text
from megacache.bundle.torch_artifacts.precompile import PrecompileEntry, precompile_entry_of
from megacache.bundle.torch_artifacts.profile import Profile, best_config, profile_of
from megacache.bundle.torch_format import TorchArtifact
from megacache.errors import UnreadablePickleError

Content = Graph | AotEntry | PrecompileEntry | Profile

UNREADABLE = "unreadable"
"""The `detail` of the use of an artifact of which nothing can be shown."""

_READERS: dict[str, Callable[[Value], Content | None]] = {
    "inductor": graph_of,
    "aot_autograd": aot_entry_of,
    "precompile": precompile_entry_of,
    "pgo": profile_of,
}

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one artifact tells.

    Attributes:
        content: What its pickle holds, or None.
        detail: `unreadable` when it should hold something and does not.
        reason: What people are told of it: why it is unreadable, what loading it would run, what was measured.
    """

    content: Content | None = None
    detail: str | None = None
    reason: str | None = None


def read_entry(artifact: TorchArtifact) -> Entry:
    """Read an artifact as data.

    Args:
        artifact: One of any type; of those that torch does not have nothing is read.

    Returns:
        What it tells.
    """
    if artifact.artifact_type == "autotune":
        best = best_config(artifact.content)
        return (
            Entry(reason=f"fastest: {best}") if best else Entry(detail=UNREADABLE, reason="it is not JSON of torch's")
        )
    reader = _READERS.get(artifact.artifact_type)
    if reader is None:
        return Entry()
    with bounded(len(artifact.content)):
        return _read_pickled(artifact, reader)


def _read_pickled(artifact: TorchArtifact, reader: Callable[[Value], Content | None]) -> Entry:
    try:
        pickled = read_pickle(artifact.content)
    except UnreadablePickleError as error:
        return Entry(detail=UNREADABLE, reason=_told(str(error), _warning(error.callables, "up to there ")))
    content = reader(pickled.value)
    states = {id(each): each for each in content.guard_states} if isinstance(content, PrecompileEntry) else {}
    within = [name for each in states.values() for name in each.callables]
    warning = _warning((*pickled.callables, *within), "")
    if content is None:
        holds = f"it holds {text(shown(pickled.value, 100))}, not what torch keeps as {artifact.artifact_type}"
        return Entry(detail=UNREADABLE, reason=_told(holds, warning))
    problems = [f"guards: {each.problem}" for each in states.values() if each.problem][:1]
    bypassed = content.bypassed[:_MOST_NAMES] if isinstance(content, PrecompileEntry) else ()
    passed_over = f"torch passes over {', '.join(bypassed)}, not kept whole" if bypassed else None
    return Entry(content=content, reason=_told(warning, *problems, passed_over) or None)


def _told(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


def _warning(callables: Sequence[str], when: str) -> str | None:
    """Name what loading would run, other than what torch's own artifacts do."""
    names = [text(each, 100) or "" for each in beyond_torch(callables)]
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"{when}loading it would import or call {', '.join(names[:_MOST_NAMES])}{more}"
