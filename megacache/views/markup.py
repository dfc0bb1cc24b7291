"""Markup: the small pieces of HTML that the report and the notebook view share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from megacache.views.names import without_home
from megacache.views.tree import PROBLEMS

_TONES = {"hit": "hit", "miss": "caution", "missed": "caution", "bypass": "caution", "skipped": "caution"}


def safe(text: object) -> str:
    """Escape any text for HTML, inside attributes too, and shorten home directories; the one way text gets in."""
    return escape(without_home(str(text)), quote=True)


def tone(state: str) -> str:
    """Return how a state is coloured: `problem`, `caution`, `hit` or `quiet`."""
    return "problem" if state in PROBLEMS else _TONES.get(state, "quiet")


def state_html(state: str) -> str:
    """Return a state as shape and word; nothing for the empty state."""
    if not state:
        return ""
    return f'<span class="state {tone(state)}"><i class="shape {safe(state)}"></i>{safe(state)}</span>'


def code_html(text: object) -> str:
    """Return text as code."""
    return f"<code>{safe(text)}</code>" if text not in (None, "") else ""


def prose(text: str) -> str:
    """Return plain text as HTML; what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick has no fellow
        return safe(text)
    return "".join(code_html(part) if at % 2 else safe(part) for at, part in enumerate(parts))


def facts(*parts: object) -> str:
    """Join what is known by dots."""
    return " · ".join(safe(part) for part in parts if part not in (None, ""))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Sequence[str] = ()) -> str:
    """Return a table of cells that are HTML already.

    Args:
        heads: The column titles.
        rows: Cells, as many as there are titles.
        numeric: The titles of the columns that are aligned to the right.
    """
    marks = [' class="number"' if head in numeric else "" for head in heads]
    top = "".join(f"<th{mark}>{safe(head)}</th>" for mark, head in zip(marks, heads, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def folded(title: str, body: str, *, is_open: bool = False, kind: str = "fold") -> str:
    """Return a part that opens on a click; `title` and `body` are HTML already."""
    return f'<details class="{kind}"{" open" if is_open else ""}><summary>{title}</summary>{body}</details>'


def note(text: str) -> str:
    """Return a remark in small print."""
    return f'<p class="note">{safe(text)}</p>'
