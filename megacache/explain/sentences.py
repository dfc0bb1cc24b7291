"""Sentences: differences between two keys in words.

Layer: explain.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from megacache.explain.differences import Difference
from megacache.explain.inputs import inputs_phrase

SHOWN = 3
"""How many differences one sentence names; the others are counted."""

_OPTIONS = {
    "inductor_config": "inductor option",
    "inductor_config_comms": "inductor communication option",
    "autograd_config": "functorch option",
    "fx_kwargs": "compile option",
    "custom_backend_codegen_configs": "codegen option",
}

_NOUNS = {
    "autocast_state": "autocast",
    "cache_key_tag": "the cache key tag",
    "cpp_runtime_thread_count": "the thread count",
    "cuda_matmul_settings": "the matmul precision",
    "default_cuda_device_index": "the device index",
    "default_dtype": "the default dtype",
    "deterministic_algorithms": "the use of deterministic algorithms",
    "deterministic_algorithms_settings": "the use of deterministic algorithms",
    "grad_enabled": "grad mode",
}

_WHOLE = {
    "torch_version": "torch's own sources differ",
    "system_info": "the GPU, the toolkit or Triton differs",
    "autograd_config": "a functorch option differs",
    "triton_kernel_source_codes": "the source of a Triton kernel differs",
    "user_defined_triton_source": "the source of a Triton kernel differs",
}

_BACKEND_ID = re.compile(r"__compiled_fn_\w+")


def sentence(differences: Sequence[Difference]) -> str:
    """Say how a key differs from a stored one.

    Args:
        differences: As `differences` gives them, the most telling first.

    Returns:
        One sentence without a full stop, such as "inductor option `epilogue_fusion` is False now, was True".
    """
    if not differences:
        return "no component differs"
    phrases = list(dict.fromkeys(_phrases(differences)))
    more = len(phrases) - SHOWN
    return "; ".join(phrases[:SHOWN]) + (f"; {more} more" if more > 0 else "")


def _phrases(differences: Sequence[Difference]) -> Iterator[str]:
    inputs = [each for each in differences if each.name.startswith("example_inputs[")]
    for each in differences:
        if each not in inputs:
            yield _phrase(each)
        elif each is inputs[0]:
            yield inputs_phrase(inputs)


def _phrase(difference: Difference) -> str:
    attribute, _, rest = difference.name.partition("[")
    item = rest.removesuffix("]")
    if attribute == "gm":
        return _graph_phrase(difference.old or "", difference.new or "")
    if attribute == "aot_config" and _is_new_backend_id(difference):
        return "the backend id is new: caching_precompile puts it into the AOT key, which so can never hit again"
    if difference.name == "fx_kwargs[is_backward]":
        return "the graph is a backward now, was none" if difference.new == "True" else "the graph is no backward now"
    if attribute in _WHOLE and not (attribute in _OPTIONS and item):
        return _WHOLE[attribute]
    if attribute in _OPTIONS and item:
        return _change(f"{_OPTIONS[attribute]} `{item}`", difference)
    return _change(_NOUNS.get(attribute, f"`{difference.name}`"), difference)


def _change(noun: str, difference: Difference) -> str:
    if difference.new is None:
        return f"{noun} is no part of the key now, was {_short(difference.old)}"
    if difference.old is None:
        return f"{noun} is {_short(difference.new)} now, was no part of the key"
    if difference.old == difference.new:
        return f"{noun} differs, though torch shows the same text for it"
    return f"{noun} is {_short(difference.new)} now, was {_short(difference.old)}"


def shorten(text: str, length: int = 160) -> str:
    """Put a text on one line of at most `length` characters.

    Args:
        text: Any text.
        length: The most characters to keep; a longer text ends in an ellipsis.
    """
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _short(text: str | None) -> str:
    return shorten(text or "", 80) or "empty"


def _is_new_backend_id(difference: Difference) -> bool:
    old, new = difference.old or "", difference.new or ""
    return old != new and _BACKEND_ID.sub("", old) == _BACKEND_ID.sub("", new)


def _graph_phrase(old: str, new: str) -> str:
    lines = [line for line in difflib.ndiff(_statements(old), _statements(new)) if line[:2] in ("- ", "+ ")]
    # The signature repeats what the inputs say.
    lines = [line for line in lines if not line[2:].startswith("def ")] or lines
    gone = next((line[2:] for line in lines if line[0] == "-"), None)
    come = next((line[2:] for line in lines if line[0] == "+"), None)
    if come and gone:
        return f"the graph has `{_short(come)}` where it had `{_short(gone)}`"
    if come or gone:
        return f"the graph has `{_short(come)}` now" if come else f"the graph lacks `{_short(gone)}` now"
    return "the graph differs, though torch shows the same text for it"


def _statements(graph: str) -> list[str]:
    # Torch ends each statement with `;  x = None` for what it frees, which only repeats names.
    return [line.split(";  ")[0].strip() for line in graph.splitlines() if line.strip()]
