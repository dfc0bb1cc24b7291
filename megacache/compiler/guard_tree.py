"""The guard tree: torch's text of all guards of one guarded code, taken apart into rows.

Layer: compiler, but needs no torch.

Source: `GuardManagerWrapper.__str__` in `torch/_dynamo/guards.py`, sent as `dynamo_cpp_guards_str`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from megacache.compiler import codes
from megacache.model import Guard

_LINE = re.compile(r"^(?P<indent>[| ]*)\+- (?P<label>[^:]+)(?:: (?P<text>.*))?$")
_SOURCE = re.compile(r"source=(?P<source>.+?), accessed_by=")
_COMMENT = re.compile(r"\s+# (?P<line>.*?)\s+# (?P<location>\S+:\d+ in .+?)(?: \(.*\))?$")
_TORCH_COMMENT = re.compile(r"\s+# (?P<location>\S+:\d+ in \S+)$")


def guards_in(text: str, *, run_id: str, compile_id: str) -> Iterator[Guard]:
    """Yield every guard of the tree, in the order in which torch checks them.

    A guard's `source` is that of the guard manager above it; guards at the root have none.
    """
    sources: list[tuple[int, str]] = []
    ordinal = 0
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        depth = len(found["indent"])
        while sources and sources[-1][0] >= depth:
            sources.pop()
        body = found["text"] or ""
        if found["label"].endswith("Manager") or body.startswith("source="):
            source = _SOURCE.search(body)
            if source:
                sources.append((depth, source["source"]))
            continue
        yield _guard(found["label"], body, sources[-1][1] if sources else None, run_id, compile_id, ordinal)
        ordinal += 1


def _guard(label: str, body: str, source: str | None, run_id: str, compile_id: str, ordinal: int) -> Guard:
    expression, line, location = _without_comment(body)
    return Guard(
        run_id=run_id,
        compile_id=compile_id,
        ordinal=ordinal,
        guard_type=label,
        expression=expression,
        source=source,
        source_line=line,
        location=codes.stable_filenames(location) if location else None,
    )


def _without_comment(body: str) -> tuple[str, str | None, str | None]:
    found = _COMMENT.search(body)
    if found:
        return body[: found.start()].strip(), found["line"].strip(), found["location"]
    found = _TORCH_COMMENT.search(body)
    if found:
        return body[: found.start()].strip(), None, found["location"]
    return body.strip(), None, None
