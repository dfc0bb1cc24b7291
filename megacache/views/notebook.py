"""The tree as HTML for a notebook cell.

JupyterLab strips `<style>` and `<script>` from a notebook that is not trusted, and drops inline colours that use
variables; so this is a plain table with few inline styles, and the state of each line is a word and a shape too.
"""

from __future__ import annotations

from collections.abc import Iterator

from megacache.views.markup import safe, tone
from megacache.views.summary import Summary
from megacache.views.text import state_text
from megacache.views.tree import Node
from megacache.views.units import count, format_bytes, format_duration

ROW_LIMIT = 40
"""The most lines in a notebook cell; the deepest are left out first."""

_TEXT = "var(--jp-ui-font-color1,inherit)"
_QUIET = "color:var(--jp-ui-font-color2,#76808c)"
_TONES = {
    "hit": "color:var(--jp-success-color1,#1a7f4b)",
    "caution": "color:var(--jp-warn-color0,#8a6d00)",
    "problem": "color:var(--jp-error-color1,#c2362f)",
    "quiet": _QUIET,
}
_CODE_KINDS = frozenset({"guarded_code", "recompile", "compile", "backend", "artifact", "resume", "function"})


def notebook_html(root: Node, row_limit: int = ROW_LIMIT) -> str:
    """Return a tree as one table: name, state, compile time, bytes.

    Args:
        root: The node above the lines; it is not shown itself.
        row_limit: The most lines.

    Returns:
        HTML without script and style elements, at most so many lines and a note of what was left out.
    """
    lines = list(_lines(root, 0))
    shown = _shallow(lines, row_limit)
    heads = '<th></th><th style="text-align:left">state</th><th align="right">compile</th><th align="right">bytes</th>'
    rows = "".join(_row(node, depth) for node, depth in shown)
    left = len(lines) - len(shown)
    more = f'<div style="{_QUIET}">{count(left, "more line")} below these, in the explorer</div>' if left else ""
    summary = Summary.of(root)
    states = f'<div style="{_QUIET}">artifacts: {safe(summary.states())}</div>' if summary.states() else ""
    return (
        f'<div style="color:{_TEXT};font-size:13px;line-height:1.4"><div><b>{safe(summary.line())}</b></div>{states}'
        f'<table style="margin:6px 0;font-size:13px"><thead><tr style="{_QUIET}">{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}</div>"
    )


def _lines(node: Node, depth: int) -> Iterator[tuple[Node, int]]:
    for child in node.children:
        yield child, depth
        yield from _lines(child, depth + 1)


def _shallow(lines: list[tuple[Node, int]], row_limit: int) -> list[tuple[Node, int]]:
    """Keep as many levels as fit, and where those are few lines, the beginning of the next one."""
    depth = max((depth for _, depth in lines), default=0)
    while depth > 0 and sum(each <= depth for _, each in lines) > row_limit:
        depth -= 1
    fitting = [line for line in lines if line[1] <= depth]
    if len(fitting) < row_limit // 2:
        fitting = [line for line in lines if line[1] <= depth + 1]
    return fitting[:row_limit]


def _row(node: Node, depth: int) -> str:
    label = f'<span style="{_QUIET}">{safe(node.label)}</span> ' if node.label else ""
    name = f"<code>{safe(node.name)}</code>" if node.kind in _CODE_KINDS else safe(node.name)
    if depth == 0 or node.kind == "function":
        name = f"<b>{name}</b>"
    detail = f' <span style="{_QUIET}">{safe(node.detail)}</span>' if node.detail else ""
    tint = f"white-space:nowrap;text-align:left;{_TONES[tone(node.state)]}"
    return (
        f'<tr><td style="text-align:left;padding:1px 16px 1px {18 * depth}px">{label}{name}{detail}</td>'
        f'<td style="{tint}">{safe(state_text(node.state))}</td>'
        f'<td align="right" style="white-space:nowrap">&nbsp;{format_duration(node.duration_us)}</td>'
        f'<td align="right" style="white-space:nowrap">&nbsp;{format_bytes(node.size_bytes)}</td></tr>'
    )
