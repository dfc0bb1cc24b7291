"""Key components: what torch hashed into a cache key, one part at a time.

Layer: explain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

GROUPS = ("system", "config", "env", "device", "inputs", "graph")
"""The groups of components, in the order in which they explain a miss best."""

_BEGINNING = re.compile(r"([0-9a-z]{8,})\] ([^\s:\[]+(?:\[[^\]\n]*\])?): ?")

_GROUP_OF_ATTRIBUTE = {
    "torch_version": "system",
    "system_info": "system",
    "autocast_state": "env",
    "cache_key_tag": "env",
    "cpp_runtime_thread_count": "env",
    "cuda_matmul_settings": "env",
    "default_dtype": "env",
    "deterministic_algorithms": "env",
    "deterministic_algorithms_settings": "env",
    "grad_enabled": "env",
    "default_cuda_device_index": "device",
    "act_input_paths": "inputs",
    "example_inputs": "inputs",
    "inputs_to_check": "inputs",
    "var_to_hint_override": "inputs",
    "aot_config": "graph",
    "cudagraph_annotation": "graph",
    "cudagraph_override": "graph",
    "gm": "graph",
    "region_activation_memory_budget": "graph",
    "region_activation_memory_budget_annotations": "graph",
    "sac_context_fn_hashes": "graph",
    "saved_tensors_hooks_fx_wrap_cache_hashes": "graph",
    "triton_kernel_source_codes": "graph",
    "user_defined_triton_source": "graph",
    "fx_kwargs[is_backward]": "graph",
    "fx_kwargs[is_inference]": "graph",
    "fx_kwargs[static_input_idxs]": "graph",
}


@dataclass(frozen=True, slots=True)
class Component:
    """One input of a cache key: its name, torch's own hash of it, and the text that torch shows for it.

    The hash decides whether two are equal: torch cuts long texts, and some hold addresses.
    """

    name: str
    digest: str
    text: str


def parse_components(text: str) -> dict[str, Component]:
    """Read a document of key components.

    Args:
        text: One component after the other as `[hash] name: text`, where a text may span lines.

    Returns:
        The components by name, in torch's order. What stands before the first one is passed over.

    Source: `FxGraphCachePickler.debug_lines`, `torch/_inductor/codecache.py`, 2.13.0 to 2.15.0.
    """
    found: dict[str, Component] = {}
    last = None
    for part in f"\n{text}".split("\n[")[1:]:
        beginning = _BEGINNING.match(part)
        if beginning:
            last = Component(beginning[2], beginning[1], part[beginning.end() :].rstrip("\n"))
        elif last:
            # The text of a graph has many lines, and any of them may begin with a bracket.
            last = replace(last, text=f"{last.text}\n[{part}".rstrip("\n"))
        if last:
            found[last.name] = last
    return found


def group_of(name: str) -> str:
    """Return the group of a component, one of `GROUPS`.

    Args:
        name: Such as `gm`, `example_inputs[1]` or `inductor_config[epilogue_fusion]`. An unknown one is an option.
    """
    return _GROUP_OF_ATTRIBUTE.get(name) or _GROUP_OF_ATTRIBUTE.get(name.partition("[")[0], "config")
