"""What things are called in one line: codes, places, keys, guards, dimensions."""

from __future__ import annotations

import os
import re
from functools import cache

from megacache.model import WHOLE_TYPES, Code, Dimension, GraphBreak

KEY_LENGTH = 12
"""How many characters of a cache key people are shown; torch's keys differ long before that."""

_MISMATCH = re.compile(
    r"tensor '(?P<name>.+?)' (?P<what>[\w ]+?) mismatch(?: at index (?P<index>\d+))?\.? "
    r"expected (?P<expected>.+?), actual (?P<actual>.+)"
)
_LOCAL = re.compile(r"\b[LG]\['(\w+)'\]")
_SIZE = re.compile(r"\.(size|stride)\(\)\[(\d+)\]")
_INFINITY = re.compile(r"\b(?:int_)?oo\b")
_HOMES = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s\"'`:<>]+|(?<![\w/.-])/root(?=/)")
_USER_CACHE = re.compile(r"torchinductor_[\w.-]+")


@cache
def _own_home() -> re.Pattern[str]:
    home = os.environ.get("HOME", "")
    return re.compile(re.escape(home) + r"(?![\w-])" if len(home) > 1 else r"(?!)")


def without_home(text: str) -> str:
    """Shorten home directories to `~`, and torch's per-user cache directory to its name, so that no user is named."""
    return _USER_CACHE.sub("torchinductor", _HOMES.sub("~", _own_home().sub("~", text)))


def session_title(name: str, rank: int | None) -> str:
    """Return a session's name, and its rank in a distributed job, where all ranks run the same program.

    Args:
        name: The session's name; that of a log tells the rank itself.
        rank: Its rank, if it has one.
    """
    return name if rank is None or re.search(rf"\brank {rank}\b", name) else f"{name}, rank {rank}"


def first_line(text: str | None) -> str:
    """Return the first line that says something."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def code_name(code: Code) -> str:
    """Return the qualified name; a resume function loses torch's prefix: `resume_in_forward_at_16`."""
    head, dot, last = code.title.rpartition(".")
    return last.removeprefix("torch_dynamo_") if code.parent_code_id else f"{head}{dot}{last}"


def code_place(code: Code) -> str:
    """Return where a code begins: `modeling_bert.py:731`, or `cell 4f1c2a, line 12`."""
    return place(code.filename, code.first_line)


def place(filename: str | None, line: int | None) -> str:
    """Return file and line as people say it, without directories."""
    if filename is None:
        return f"line {line}" if line is not None else ""
    if filename.startswith("<") and filename.endswith(">"):
        return f"{filename[1:-1]}, line {line}" if line is not None else filename[1:-1]
    base = re.split(r"[/\\]", filename)[-1]
    return f"{base}:{line}" if line is not None else base


def short_key(cache_key: str | None) -> str:
    """Return the start of what tells a cache key from others, or say that torch made none."""
    return "no key" if cache_key is None else telling_part(cache_key)[:KEY_LENGTH]


def artifact_name(artifact_type: str, cache_key: str | None) -> str:
    """Return what people call an artifact: the start of its key, or the whole name of what is loaded by its name."""
    return cache_key if cache_key is not None and artifact_type in WHOLE_TYPES else short_key(cache_key)


def telling_part(cache_key: str) -> str:
    """Return a cache key; of a guarded code's the variant: `1e149f1f` of `__main__:f@4cc6-1e149f1f`."""
    return cache_key.rpartition("-")[2] if "@" in cache_key else cache_key


def short_backend(backend_id: str) -> str:
    """Return `__compiled_fn_5` for `__compiled_fn_5_<uuid>`."""
    found = re.match(r"__compiled_fn_\d+(?=_)", backend_id)
    return found[0] if found else backend_id


def short_guard(guard: str) -> str:
    """Write a guard that failed in a few words: `input_ids.size(1) 13 → 24`, `scale == 1.0`."""
    line = first_line(guard.partition("  #")[0])
    found = _MISMATCH.match(line)
    if found is None:
        return plain_source(line) or "reason not recorded"
    name, what, index = plain_source(found["name"]), found["what"], found["index"]
    subject = f"{name}.{what}({index})" if index else f"{name} {what}"
    return f"{subject} {found['expected']} → {found['actual']}"


def mismatched_size(guard: str) -> tuple[str, int] | None:
    """Return the tensor and the dimension of a guard whose size was another one: `("input_ids", 1)`."""
    found = _MISMATCH.match(first_line(guard.partition("  #")[0]))
    if found is None or found["what"] != "size" or found["index"] is None:
        return None
    return plain_source(found["name"]), int(found["index"])


def failed_guard(guard: str) -> str:
    """Say in a few words that a guard failed: `input_ids.size(1) 13 → 24`, `scale == 1.0 failed`."""
    text = short_guard(guard)
    return text if "→" in text else f"{text} failed"


def break_title(row: GraphBreak) -> str:
    """Name a graph break: torch's type of it, or the beginning of its reason."""
    return without_home(row.gb_type or first_line(row.reason))


def plain_source(source: str) -> str:
    """Write torch's source expression as the user's own: `L['x'].size()[0]` is `x.size(0)`."""
    return _SIZE.sub(r".\1(\2)", _LOCAL.sub(r"\1", source))


def dimension_text(dimension: Dimension) -> str:
    """Write a dynamic dimension: `s43 = input_ids.size(1) in [2, ∞]`."""
    text = dimension.symbol
    if dimension.source:
        text += f" = {plain_source(dimension.source)}"
    if dimension.range:
        text += f" in {_INFINITY.sub('∞', dimension.range)}"
    return text
