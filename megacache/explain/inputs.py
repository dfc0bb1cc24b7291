"""Inputs: the example inputs of a graph, as torch prints them, in words.

Layer: explain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from megacache.explain.differences import Difference

_TELLING_FIELDS = ("device", "dtype", "shape", "stride")
_LONGEST_LIST = 80


def inputs_phrase(differences: Sequence[Difference]) -> str:
    """Say how the inputs of two graphs differ.

    Args:
        differences: Those of `example_inputs[...]`, at least one.

    Returns:
        What one or all inputs have now and had, such as "input 1 has shape [9, 4] now, had [8, 4]", or that they are
        new or gone; otherwise both lists of the inputs that differ.
    """
    numbers = [each.name.partition("[")[2].removesuffix("]") for each in differences]
    noun, has, is_ = ("input", "has", "is") if len(numbers) == 1 else ("inputs", "have", "are")
    who = f"{noun} {', '.join(numbers)}"
    changes = {_field_change(each) for each in differences}
    change = changes.pop() if len(changes) == 1 else None
    if change:
        return f"{who} {has} {change[0]} {change[2]} now, had {change[1]}"
    old, new = [each.old for each in differences], [each.new for each in differences]
    if not any(old):
        return f"{who} {is_} new: {_listed(new)}"
    if not any(new):
        return f"{who} {is_} gone: {_listed(old)}"
    return f"inputs are {_listed(new)} now, were {_listed(old)}"


def _field_change(difference: Difference) -> tuple[str, str, str] | None:
    """Return the first field of a tensor that differs, its old value and its new one; None for any other change."""
    old, new = _fields(difference.old), _fields(difference.new)
    if not old or not new:
        return None
    names = [*_TELLING_FIELDS, *(name for name in new if name not in _TELLING_FIELDS)]
    name = next((name for name in names if old.get(name) != new.get(name)), None)
    return (name, _plain(old.get(name)), _plain(new.get(name))) if name else None


def _listed(texts: Sequence[str | None]) -> str:
    line = ", ".join(_described(text) for text in texts if text is not None)
    return line if len(line) <= _LONGEST_LIST else line[: _LONGEST_LIST - 1] + "…"


def _described(text: str) -> str:
    """Write a tensor as `float32[8, 4]`, with its device unless that is the CPU, and a symbol as itself."""
    fields = _fields(text)
    if not fields:
        symbol = re.fullmatch(r"\('(.*)',\)", text)
        return symbol[1] if symbol else text
    device = _plain(fields.get("device"))
    return _plain(fields.get("dtype")) + _plain(fields.get("shape")) + ("" if device == "cpu" else f" on {device}")


def _fields(text: str | None) -> dict[str, str]:
    """Read `TensorMetadata(name=value, ...)`, in which values nest; empty for any other text."""
    match = re.fullmatch(r"\w*Metadata\((.*)\)", text or "", re.DOTALL)
    if match is None:
        return {}
    parts, depth = [""], 0
    for char in match[1]:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return {name.strip(): value for name, _, value in (part.partition("=") for part in parts)}


def _plain(value: str | None) -> str:
    text = value or "none"
    text = re.sub(r"^torch\.Size\((.*)\)$", r"\1", text)
    text = re.sub(r"^device\(type='(\w+)'(?:, index=(\d+))?\)$", _device, text)
    return text.removeprefix("torch.")


def _device(match: re.Match[str]) -> str:
    return match[1] + (f":{match[2]}" if match[2] else "")
