"""Reasons: torch's texts about graph breaks and recompiles, taken apart.

Layer: compiler, but needs no torch.

Source: `torch/_dynamo/exc.py` (format of `unimplemented`), `torch/_dynamo/guards.py` (recompile reasons), the same in
2.13.0 and 2.15.0.
"""

from __future__ import annotations

import json
import re

from megacache.compiler import codes
from megacache.model import GraphBreak, RecompileReason

_PLACE = re.compile(r"^Graph [Bb]reak in user code at (?P<filename>.+):(?P<line>\d+)", re.MULTILINE)
_BREAK_REASON = re.compile(
    r"^Graph Break Reason: (?P<reason>.+?)(?=\nUser code traceback:|\Z)", re.MULTILINE | re.DOTALL
)
_STACK_LINE = re.compile(
    r'^  File "(?P<filename>.+)", line (?P<line>\d+), in (?P<name>.+)\n(?P<source>    .*)?', re.MULTILINE
)
_RECOMPILE = re.compile(
    r"^(?P<failed>!?[\d/]+): (?P<guard>.*?)(?:\s{2,}# (?P<source>.*?))?(?:\s+# (?P<location>\S+:\d+ in .*))?$"
)


def graph_break(text: str, *, run_id: str, compile_id: str, attempt: int, ordinal: int) -> GraphBreak:
    """Read a `dynamo_graph_break_reason` document into a row."""
    place = _PLACE.search(text)
    reason = _first_group(_BREAK_REASON, text) or text
    lines = [line for line in reason.split("\n\n")[1].splitlines() if line] if "\n\n" in reason else [reason]
    user_part = text.partition("User code traceback:")[2].partition("\nTraceback ")[0]
    stack = [match.groupdict() for match in _STACK_LINE.finditer(user_part)]
    return GraphBreak(
        run_id=run_id,
        compile_id=compile_id,
        attempt=attempt,
        ordinal=ordinal,
        reason=reason.strip(),
        gb_type=lines[0].strip() if lines else None,
        explanation=_labelled(reason, "Explanation"),
        hints=tuple(re.findall(r"^  Hint: (.+)$", reason, re.MULTILINE)),
        context=_labelled(reason, "Developer debug context"),
        filename=codes.stable_filenames(place["filename"]) if place else None,
        line=int(place["line"]) if place else None,
        source_line=(stack[-1]["source"] or "").strip() or None if stack else None,
        user_stack=tuple(
            codes.stable_filenames(f"{frame['filename']}:{frame['line']} {frame['name']}") for frame in stack
        ),
    )


def recompile_reasons(payload: str, *, run_id: str, compile_id: str) -> tuple[RecompileReason, ...]:
    """Read a `recompile_reasons` document into rows.

    Torch says that it is JSON, but sends a single reason as bare text.
    """
    try:
        texts = json.loads(payload)
    except ValueError:
        texts = [payload]
    if not isinstance(texts, list):
        texts = [payload]
    return tuple(_recompile_reason(str(text), run_id, compile_id, ordinal) for ordinal, text in enumerate(texts))


def _recompile_reason(text: str, run_id: str, compile_id: str, ordinal: int) -> RecompileReason:
    first, _, rest = text.partition("\n")
    found = _RECOMPILE.match(first.strip())
    stack = list(_STACK_LINE.finditer(rest))
    source = (found["source"] if found else None) or ((stack[-1]["source"] or "").strip() if stack else None)
    location = found["location"] if found else None
    if stack:  # the guard's own comment shortens the path
        location = f"{stack[-1]['filename']}:{stack[-1]['line']} in {stack[-1]['name']}"
    return RecompileReason(
        run_id=run_id,
        compile_id=compile_id,
        ordinal=ordinal,
        failed_compile_id=found["failed"] if found else None,
        guard=(found["guard"] if found else first).strip(),
        source_line=source or None,
        location=codes.stable_filenames(location) if location else None,
    )


def _labelled(text: str, label: str) -> str | None:
    return _first_group(re.compile(rf"^  {label}: (.*)$", re.MULTILINE), text) or None


def _first_group(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1].strip() if found else None
