"""The tree as text: plain, with aligned columns, and the same for rich."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from megacache.views.summary import Summary
from megacache.views.tree import PROBLEMS, STATES, Node
from megacache.views.units import format_bytes, format_duration

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 116
_STATE_WIDTH, _NUMBER_WIDTH = 11, 11


def plain(root: Node, width: int = WIDTH) -> str:
    """Write the tree as lines of text: box lines and names on the left, state, time and bytes in columns.

    Args:
        root: The node above the lines; it is not shown itself.
        width: The longest line, at least 60 characters; a longer name or detail ends in `…`.

    Returns:
        One line per node, after a line that sums up and a header.
    """
    left = width - _STATE_WIDTH - 2 * _NUMBER_WIDTH
    header = f"{'':{left}}{'state':{_STATE_WIDTH}}{'compile':>{_NUMBER_WIDTH}}{'bytes':>{_NUMBER_WIDTH}}"
    lines = [*heading(root), header]
    for prefix, node in lines_below(root):
        text = _cut(f"{prefix}{_named(node)}", left - 2)
        time, size = format_duration(node.duration_us), format_bytes(node.size_bytes)
        lines.append(
            f"{text:{left}}{state_text(node.state):{_STATE_WIDTH}}{time:>{_NUMBER_WIDTH}}{size:>{_NUMBER_WIDTH}}"
        )
    return "\n".join(line.rstrip() for line in lines)


def heading(root: Node) -> list[str]:
    """Return the lines that sum up a tree: its six numbers, and what became of the artifacts."""
    summary = Summary.of(root)
    states = summary.states()
    return [summary.line(), *([f"artifacts: {states}"] if states else [])]


def lines_below(root: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every node below the root with the box lines that lead to it; the first level has none."""
    for child in root.children:
        yield prefix, child
        yield from _branch_lines(child, prefix)


def _branch_lines(node: Node, prefix: str) -> Iterator[tuple[str, Node]]:
    for child in node.children:
        is_last = child is node.children[-1]
        yield prefix + ("└─ " if is_last else "├─ "), child
        yield from _branch_lines(child, prefix + ("   " if is_last else "│  "))


def state_text(state: str) -> str:
    """Write a state as shape and word: `● hit`."""
    return f"{STATES[state]} {state}" if state else ""


def _named(node: Node) -> str:
    return "  ".join(filter(None, (f"{node.label} {node.name}".strip(), node.detail)))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def for_rich(root: Node) -> Table:
    """Return the tree as a rich table, with the colours of the other faces."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title="\n".join(heading(root)), title_justify="left", title_style="")
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("state", no_wrap=True)
    table.add_column("compile", no_wrap=True, justify="right")
    table.add_column("bytes", no_wrap=True, justify="right")
    table.expand = True
    for prefix, node in lines_below(root):
        name = Text.assemble(
            (prefix, "dim"),
            (f"{node.label} " if node.label else "", "dim"),
            (node.name, "bold" if node.kind in ("session", "function") else ""),
            (f"  {node.detail}" if node.detail else "", "dim"),
        )
        state = Text(state_text(node.state), style=_style(node.state))
        table.add_row(name, state, format_duration(node.duration_us), format_bytes(node.size_bytes))
    return table


def _style(state: str) -> str:
    if state in PROBLEMS:
        return "red"
    return {"hit": "green", "miss": "yellow", "missed": "yellow", "bypass": "yellow"}.get(state, "dim")
