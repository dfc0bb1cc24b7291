"""The tree as rows of the report, folded without a script."""

from __future__ import annotations

from collections.abc import Iterator

from megacache.views.markup import code_html, note, safe, state_html
from megacache.views.tree import Node
from megacache.views.units import count, format_bytes, format_duration

TREE_LIMIT = 4000
"""The most lines of the tree on one page."""

_SMALL = 60


def tree_html(root: Node, anchors: dict[str, str]) -> str:
    """Return the tree with its columns: state, compile time, bytes and share of the time.

    Args:
        root: The node above the rows; it is not shown itself.
        anchors: Where a function has a panel of its own, by `code_id`.
    """
    total = root.duration_us or 0
    line_count = sum(1 for _ in root.walk()) - 1
    room = iter(range(TREE_LIMIT))
    rows = "".join(_branch(child, 0, total, anchors, room, is_small=line_count <= _SMALL) for child in root.children)
    left = line_count - TREE_LIMIT
    bar = (
        '<div class="bar" hidden>'
        '<input type="search" placeholder="Search names, guards, keys…" aria-label="Search the tree">'
        '<output class="note"></output><button type="button" data-fold="open">Unfold all</button>'
        '<button type="button" data-fold="closed">Fold all</button></div>'
    )
    head = (
        '<div class="row head"><span class="name">name</span><span>state</span><span class="number">compile</span>'
        '<span class="number">bytes</span><span>share</span></div>'
    )
    more = note(f"{count(left, 'more line')} of the tree are in the bundle.") if left > 0 else ""
    return f'<section>{bar}<div class="tree">{head}{rows}</div>{more}</section>'


def _branch(
    node: Node, depth: int, total_us: int, anchors: dict[str, str], room: Iterator[int], *, is_small: bool
) -> str:
    """Return a node with all below it, as long as there is room on the page."""
    if next(room, None) is None:
        return ""
    row = _row_cells(node, total_us, anchors)
    if not node.children:
        return f'<div class="row leaf" style="--depth:{depth}">{row}</div>'
    below = "".join(_branch(each, depth + 1, total_us, anchors, room, is_small=is_small) for each in node.children)
    is_open = is_small or node.kind in ("session", "function", "graph_break", "resume")
    opened = " open" if is_open else ""
    return f'<details{opened}><summary class="row" style="--depth:{depth}">{row}</summary>{below}</details>'


def _row_cells(node: Node, total_us: int, anchors: dict[str, str]) -> str:
    is_code = node.kind in ("function", "resume", "guarded_code", "recompile", "compile", "backend", "artifact")
    name = code_html(node.name) if is_code else safe(node.name)
    if node.kind in ("session", "function"):
        name = f"<b>{name}</b>"
    if anchor := anchors.get(node.code_id or "") if node.kind == "function" else None:
        name = f'<a href="#{anchor}">{name}</a>'
    tint = "problem-kind" if node.kind == "graph_break" else "kind"
    label = f'<span class="{tint}">{safe(node.label)}</span> ' if node.label else ""
    share = min(100.0, 100 * (node.duration_us or 0) / total_us) if total_us else 0
    gauge = f'<span class="share"><i style="width:{share:.1f}%"></i></span>' if node.duration_us else "<span></span>"
    return (
        f'<span class="name">{label}{name} <span class="detail">{safe(node.detail)}</span></span>'
        f'<span>{state_html(node.state)}</span><span class="number">{format_duration(node.duration_us)}</span>'
        f'<span class="number">{format_bytes(node.size_bytes)}</span>{gauge}'
    )
