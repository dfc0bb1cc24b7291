"""Cards: what `megacache show` found, as lines for people.

Layer: faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from megacache.cli.app import fields_of
from megacache.cli.listing import moment
from megacache.cli.lookup import Card
from megacache.explain import Component
from megacache.model import ArtifactUse, BackendEntry, Code, Compile, Dimension, GraphBreak, Guard, RecompileReason
from megacache.views.names import (
    KEY_LENGTH,
    artifact_name,
    code_name,
    code_place,
    dimension_text,
    first_line,
    place,
    short_guard,
)
from megacache.views.units import format_duration

WIDTH = 160
MOMENTS = ("started_us", "added_us")


def card_lines(card: Card) -> Iterator[str]:
    """Lay a card out as lines: the row's own fields, then each related table.

    Args:
        card: What was found.

    Yields:
        Lines of at most 160 characters; `--json` has them whole.
    """
    yield card.kind
    for name, value in fields_of(card.row).items():
        yield from field_lines(name, value)
    for name, rows in card.related.items():
        yield f"{name.replace('_', ' ')}: {len(rows):,}"
        yield from (shortened(f"  {row_line(row)}") for row in rows)


def field_lines(name: str, value: object) -> Iterator[str]:
    """Lay out one field.

    Args:
        name: The field's name; a moment and a duration lose its unit, since they are shown with others.
        value: Its value; one that says nothing is left out.

    Yields:
        `name value`, or a text of several lines below its name.
    """
    if value is None or value == ():
        return
    text = "\n".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if name in MOMENTS and isinstance(value, int):
        name, text = name.removesuffix("_us"), moment(value)
    elif name.endswith("_us") and isinstance(value, int):
        name, text = name.removesuffix("_us"), format_duration(value)
    lines = text.splitlines()
    if len(lines) > 1:
        yield f"  {name}"
        yield from (shortened(f"    {line}") for line in lines)
    else:
        yield shortened(f"  {name:<18} {text}")


@singledispatch
def row_line(row: object) -> str:
    """Return a related row as one line.

    Args:
        row: A row of the model, or a key component.

    Returns:
        What tells it apart from the others of its table.

    Raises:
        NotImplementedError: For a class of rows that no card holds.
    """
    raise NotImplementedError(f"no line for {type(row).__name__}")


@row_line.register
def _(row: ArtifactUse) -> str:
    state = row.detail or row.state or "recorded"
    key = artifact_name(row.artifact_type, row.cache_key)
    return joined(row.compile_id, row.artifact_type, key, state, row.reason, f"in session {row.session_id}")


@row_line.register
def _(row: Component) -> str:
    return f"[{row.digest[:KEY_LENGTH]}] {row.name}: {' '.join(row.text.split())}"


@row_line.register
def _(row: Compile) -> str:
    duration = format_duration(row.duration_us)
    return joined(row.compile_id, row.status, duration, first_line(row.error), f"in session {row.session_id}")


@row_line.register
def _(row: Code) -> str:
    return joined(code_name(row), code_place(row))


@row_line.register
def _(row: GraphBreak) -> str:
    return joined(place(row.filename, row.line), " ".join(row.reason.split()))


@row_line.register
def _(row: RecompileReason) -> str:
    return joined(f"guard of {row.failed_compile_id}", short_guard(row.guard), row.location)


@row_line.register
def _(row: Dimension) -> str:
    return joined(dimension_text(row), f"seen {row.hint}")


@row_line.register
def _(row: BackendEntry) -> str:
    return joined(row.backend_id, row.kind, format_duration(row.duration_us))


@row_line.register
def _(row: Guard) -> str:
    dropped = f"dropped: {row.drop_reason or 'torch did not say why'}" if row.is_dropped else None
    return joined(f"{row.guard_type:<20} {row.expression}", dropped)


def joined(*parts: str | None) -> str:
    """Join the parts that say something.

    Args:
        *parts: Texts, or None.

    Returns:
        The texts with two spaces between them.
    """
    return "  ".join(part for part in parts if part)


def shortened(text: str) -> str:
    """Cut a long line.

    Args:
        text: One line.

    Returns:
        At most 160 characters.
    """
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
