"""Differences: which components two keys do not share, and which stored key is nearest to one that missed.

Layer: explain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from megacache.explain.components import GROUPS, Component, group_of

Components = Mapping[str, Component]
"""The components of one key, by name."""

_DEVICE = re.compile(r"device=device\([^)]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same on both sides; None on the side that lacks it.

    `group` is one of `GROUPS`.
    """

    name: str
    group: str
    old: str | None
    new: str | None


def differences(old: Components, new: Components) -> tuple[Difference, ...]:
    """Compare the components of two keys.

    Args:
        old: The components of the stored key.
        new: The components of the key that was looked up.

    Returns:
        One difference per component whose hash differs, by group in the order of `GROUPS`, then in torch's order.
    """
    found = [_difference(name, _text(old.get(name)), _text(new.get(name))) for name in _unequal(old, new)]
    return tuple(sorted(found, key=lambda each: GROUPS.index(each.group)))


def nearest(components: Components, candidates: Mapping[str, Components]) -> tuple[str, tuple[Difference, ...]] | None:
    """Find the stored key that is nearest to one that missed.

    Args:
        components: The components of the key that missed.
        candidates: The components of the stored keys, by key.

    Returns:
        The key with the fewest differing components and these differences, a backward for a backward; among equals the
        one whose graph shares most lines. None without candidates.
    """
    if not candidates:
        return None
    distances = {key: _distance(candidate, components) for key, candidate in candidates.items()}
    shortest = min(distances.values())
    graph = _graph_lines(components)
    ties = [key for key, distance in distances.items() if distance == shortest]
    chosen = max(ties, key=lambda key: _likeness(graph, _graph_lines(candidates[key])))
    return chosen, differences(candidates[chosen], components)


def _distance(old: Components, new: Components) -> tuple[bool, int]:
    # A backward has another graph and other inputs than its forward, and only the options in common.
    unequal = _unequal(old, new)
    return "fx_kwargs[is_backward]" in unequal, len(unequal)


def _difference(name: str, old: str | None, new: str | None) -> Difference:
    group = group_of(name)
    if group == "inputs" and old and new and old != new and _DEVICE.sub("", old) == _DEVICE.sub("", new):
        group = "device"
    return Difference(name=name, group=group, old=old, new=new)


def _unequal(old: Components, new: Components) -> list[str]:
    missing = [name for name in new if name not in old]
    return [name for name, each in old.items() if name not in new or new[name].digest != each.digest] + missing


def _text(component: Component | None) -> str | None:
    return None if component is None else component.text


def _graph_lines(components: Components) -> frozenset[str]:
    graph = components.get("gm")
    return frozenset(graph.text.splitlines()) if graph else frozenset()


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
