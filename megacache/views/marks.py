"""Marks: the areas of a treemap or an icicle, from a tree, and no more of them than can be read."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from megacache.views.names import without_home
from megacache.views.tree import Node

KIND_COLOURS = {
    "session": "#6b7f99",
    "function": "#4a7fe0",
    "resume": "#6f97ea",
    "graph_break": "#c9564e",
    "guarded_code": "#8a6fd6",
    "recompile": "#a87f1f",
    "compile": "#c2362f",
    "backend": "#2f9579",
}
TYPE_COLOURS = {
    "precompile": "#b87430",
    "aot_autograd": "#8a6fd6",
    "inductor": "#2f9579",
    "autotune": "#c2588a",
    "pgo": "#4a7fe0",
}
GREY = "#7a8594"


@dataclass(frozen=True, slots=True)
class Mark:
    """One area; `own` is what it holds beside the areas whose `parent` it is."""

    key: str
    parent: str
    label: str
    own: int
    hover: str
    colour: str


def time_marks(root: Node) -> list[Mark]:
    """Return the compile time down the tree, from the sessions to the backend entries."""
    marks: list[Mark] = []
    for node, parent in _with_parent(root):
        if node.kind == "artifact" or not node.duration_us:
            continue
        below = sum(child.duration_us or 0 for child in node.children if child.kind != "artifact")
        colour = KIND_COLOURS.get(node.kind, GREY)
        marks.append(Mark(node.key, parent, _label(node), max(0, node.duration_us - below), _hover(node), colour))
    return marks


def byte_marks(root: Node) -> list[Mark]:
    """Return the bytes of the artifacts down the tree, each content where it is first met."""
    marks: list[Mark] = []
    seen: set[str | None] = set()
    for node, parent in _with_parent(root):
        if node.kind == "artifact" and (not node.size_bytes or node.content_sha256 in seen):
            continue
        own = 0
        if node.kind == "artifact":
            seen.add(node.content_sha256)
            own = node.size_bytes or 0
        colour = TYPE_COLOURS.get(node.artifact_type or "", KIND_COLOURS.get(node.kind, GREY))
        marks.append(Mark(node.key, parent, _label(node), own, _hover(node), colour))
    return marks


def size_marks(root: Node) -> list[Mark]:
    """Return the bytes of the artifacts by type, then by function, each content once."""
    marks: dict[str, Mark] = {}
    seen: set[str | None] = set()
    for node, function in _with_function(root, "no function"):
        if node.kind != "artifact" or not node.size_bytes or node.content_sha256 in seen:
            continue
        seen.add(node.content_sha256)
        kind = str(node.artifact_type)
        group, colour = f"{kind}/{function}", TYPE_COLOURS.get(kind, GREY)
        marks.setdefault(kind, Mark(kind, "", kind, 0, kind, colour))
        marks.setdefault(group, Mark(group, kind, function, 0, f"{kind} of {function}", colour))
        hover = f"{kind} {node.cache_key}<br>{function}"
        marks[node.key] = Mark(node.key, group, node.name, node.size_bytes, hover, colour)
    return list(marks.values())


def largest(marks: Sequence[Mark], limit: int) -> list[Mark]:
    """Keep the marks that hold the most, and sum up what is left out as `other (n)` under each parent.

    Args:
        marks: Every mark; parents stand before the marks below them.
        limit: The most marks to return, those that sum up included.

    Returns:
        Marks with something in them, parents first; all amounts together are what they were.
    """
    totals = mark_totals(marks)
    held = [mark for mark in marks if totals[mark.key]]
    ranked = sorted(range(len(held)), key=lambda at: (-totals[held[at].key], at))

    def split(kept_count: int) -> tuple[list[Mark], list[Mark]]:
        kept = {held[at].key for at in ranked[:kept_count]}
        left = [mark for mark in held if mark.key not in kept and (mark.parent in kept or not mark.parent)]
        return [mark for mark in held if mark.key in kept], left

    def mark_count(kept_count: int) -> int:
        kept, left = split(kept_count)
        return len(kept) + len({mark.parent for mark in left})

    # One mark more never makes fewer marks in all, so the most that fit are found by halving.
    kept_count = bisect_right(range(min(len(held), limit) + 1), limit, key=mark_count) - 1
    kept, left = split(kept_count)
    return kept + list(_others(left, totals))


def _others(left: Iterable[Mark], totals: dict[str, int]) -> Iterator[Mark]:
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for mark in left:
        counts[mark.parent] += 1
        sums[mark.parent] += totals[mark.key]
    for parent, number in counts.items():
        label = f"other ({number:,})"
        yield Mark(f"{parent}/other", parent, label, sums[parent], label, GREY)


def mark_totals(marks: Sequence[Mark]) -> dict[str, int]:
    """Return what each mark holds with those below it, by key; the empty key holds it all."""
    totals: dict[str, int] = defaultdict(int)
    for mark in reversed(marks):
        totals[mark.key] += mark.own
        totals[mark.parent] += totals[mark.key]
    return totals


def _with_parent(root: Node) -> Iterator[tuple[Node, str]]:
    """Yield every node below the root with the key of the one above; the first level has none."""
    for child in root.children:
        yield child, root.key
        yield from _with_parent(child)


def _with_function(node: Node, function: str) -> Iterator[tuple[Node, str]]:
    """Yield every node with the name of the function, or of the group, that it is in."""
    name = node.name if node.kind in ("function", "outside", "untied", "offered") else function
    yield node, name
    for child in node.children:
        yield from _with_function(child, name)


def _label(node: Node) -> str:
    return f"{node.label} {node.name}".strip()


def _hover(node: Node) -> str:
    return "<br>".join(filter(None, (_label(node), without_home(node.detail))))
