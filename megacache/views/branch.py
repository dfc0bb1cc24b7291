"""Branch: a node on its way into the tree, with what the nodes above it need to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from megacache.views.tree import STATES, Node

WORST_FIRST = {state: rank for rank, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True)
class Branch:
    """A node, and the size of each content in it, so that one above counts no content twice."""

    node: Node
    contents: dict[str, int]


def join(
    kind: str,
    key: str,
    name: str,
    below: Sequence[Branch],
    *,
    state: str | None = None,
    duration_us: int | None = None,
    **facts: Any,
) -> Branch:
    """Join branches under one node; time and state come from below unless they are given."""
    contents: dict[str, int] = {}
    for each in below:
        contents |= each.contents
    children = tuple(each.node for each in below)
    if state is None:
        state = min((child.state for child in children), key=WORST_FIRST.__getitem__, default="")
    if duration_us is None:
        known = [child.duration_us for child in children if child.duration_us is not None]
        duration_us = sum(known) if known else None
    node = Node(
        kind=kind,
        key=key,
        name=name,
        state=state,
        duration_us=duration_us,
        size_bytes=sum(contents.values()) if contents else None,
        children=children,
        **facts,
    )
    return Branch(node, contents)
