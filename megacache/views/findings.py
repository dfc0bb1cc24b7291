"""Findings: what a reader should know first: failures, graph breaks, recompiles and refusals, with what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from megacache.model import Compile, GraphBreak, RecompileReason, Verdict
from megacache.views.index import CompileKey, Index
from megacache.views.names import break_title, dimension_text, first_line, mismatched_size, short_guard
from megacache.views.units import count

_FAILURES = {
    "failed": ("Failed", "problem", ""),
    "skipped": ("Skipped", "caution", "Torch runs this function in Python; nothing of it is compiled."),
    "limit": (
        "Recompile limit",
        "problem",
        "Keep the guard that fails from failing, or raise `torch._dynamo.config.recompile_limit`.",
    ),
}
"""The title, the tone and the advice of each status of a compile that left nothing."""

_REFUSALS = {
    "refused": ("Refused", "Compile on this system and save into the same bundle: it then holds both."),
    "rejected": ("Rejected", "What torch compiled instead is saved with the next save."),
}
"""The title and the advice of each verdict on what was not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know, in plain text; what stands between backticks is code.

    Attributes:
        tone: `problem` or `caution`.
        title: One or two words.
        text: What happened, in a sentence.
        advice: What to do next, or nothing.
        more: Torch's own longer text, or nothing.
    """

    tone: str
    title: str
    text: str
    advice: str = ""
    more: str = ""


def failure(row: Compile) -> Finding:
    """Return what became of a compile that left no guarded code."""
    title, tone, advice = _FAILURES.get(row.status, (row.status.capitalize(), "problem", ""))
    said = ": ".join(filter(None, (row.error_type, first_line(row.error)))) or "torch gave no error text"
    return Finding(
        tone=tone,
        title=title,
        text=f"Compile `{row.compile_id}`: {said}",
        advice=advice,
        more=(row.error or "").strip(),
    )


def graph_break(rows: Sequence[GraphBreak]) -> Finding:
    """Return one graph break, which several compiles or attempts met.

    Args:
        rows: The same break, at least once.
    """
    row = rows[0]
    where = f"line {row.line}" if row.line is not None else "a line that torch did not name"
    compile_ids = ", ".join(dict.fromkeys(f"`{each.compile_id}`" for each in rows))
    text = f"at {where}, in {compile_ids}: {break_title(row)}."
    reason = row.reason.strip()
    own = (
        reason if reason not in (row.gb_type, break_title(row)) else "",
        row.context or "",
        "\n".join(("User stack:", *row.user_stack)) if row.user_stack else "",
    )
    return Finding(
        tone="problem",
        title="Graph break",
        text=f"{text} {row.explanation}" if row.explanation else text,
        advice=" ".join(dict.fromkeys(row.hints)),
        more="\n\n".join(filter(None, own)),
    )


def recompile(index: Index, row: Compile) -> Finding:
    """Return why a function was compiled again."""
    key = (row.run_id, row.compile_id)
    reasons = index.recompile_reasons.get(key, [])
    why = _failed(reasons[0]) if reasons else "; torch gave no reason"
    dynamic = ", ".join(f"`{dimension_text(each)}`" for each in index.dimensions.get(key, ()))
    also = "\n".join(f"{each.failed_compile_id or ''} {short_guard(each.guard)}".strip() for each in reasons[1:])
    return Finding(
        tone="caution",
        title="Recompiled",
        text=f"as `{row.compile_id}`{why}." + (f" Dynamic from here on: {dynamic}." if dynamic else ""),
        advice=_advice(reasons[0].guard) if reasons else "",
        more=f"Earlier guarded codes did not fit either:\n{also}" if also else "",
    )


def _failed(reason: RecompileReason) -> str:
    behind = f" of `{reason.failed_compile_id}`" if reason.failed_compile_id else ""
    return f" because a guard{behind} failed: `{short_guard(reason.guard)}`"


def _advice(guard: str) -> str:
    size = mismatched_size(guard)
    if size is not None:
        return f"To compile once for all sizes: `torch._dynamo.mark_dynamic({size[0]}, {size[1]})`"
    name, is_value, _ = short_guard(guard).partition(" == ")
    if is_value and name.isidentifier():
        return f"Torch compiles anew for each value of `{name}`: keep it the same, or pass it as a tensor."
    return ""


def refusals(verdicts: Iterable[Verdict]) -> list[Finding]:
    """Return what was offered to torch and not used, one finding per reason."""
    counts: dict[tuple[str, str], int] = {}
    for row in verdicts:
        if row.verdict in _REFUSALS:
            group = (row.verdict, row.reason or "no reason was recorded")
            counts[group] = counts.get(group, 0) + 1
    return [
        Finding(
            tone="problem",
            title=_REFUSALS[verdict][0],
            text=f"{count(number, 'artifact')}: {reason}",
            advice=_REFUSALS[verdict][1],
        )
        for (verdict, reason), number in counts.items()
    ]


def findings(index: Index, keys: Iterable[CompileKey]) -> list[Finding]:
    """Return the failures, then the graph breaks, then the recompiles of some compiles; a break that repeats is one."""
    wanted = dict.fromkeys(keys)
    compiles = [index.compiles[key] for key in wanted if key in index.compiles]
    breaks: dict[tuple[str | None, int | None, str], list[GraphBreak]] = {}
    for key in wanted:
        for row in index.graph_breaks.get(key, ()):
            breaks.setdefault((row.filename, row.line, row.reason), []).append(row)
    return [
        *(failure(row) for row in compiles if not row.is_ok and row.status != "open"),
        *(graph_break(rows) for rows in breaks.values()),
        *(recompile(index, row) for row in compiles if row.is_recompile and row.status != "served"),
    ]
