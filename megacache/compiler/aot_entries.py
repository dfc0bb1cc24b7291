"""AOT entries: what torch would have kept of a graph, where it keeps nothing.

Layer: compiler. Torch lowers a backward when it first runs, and keeps no AOT artifact of a graph before that: a model
that is called with gradients on and never trained would never be kept. And it keeps none of a graph that calls a
function which it cannot put into a key, such as the entry into autocast or a callable that the user allowed in graphs;
we prove those functions by their content (see `needs`). In both cases the same entry is made here, for our own use.

Source: `_cache_autograd_info` and `_cache_inference_info` in `torch/_functorch/_aot_autograd/graph_compile.py`,
`AOTAutogradCache.make_entry` in `autograd_cache.py` beside it; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import torch
from torch._functorch._aot_autograd.aot_autograd_result import SerializedGraphModule
from torch._functorch._aot_autograd.autograd_cache import AOTAutogradCache


def inference_entry(facts: Mapping[str, Any]) -> bytes | None:
    """Return an AOT entry of a graph that has no backward.

    Args:
        facts: The arguments of torch's `_cache_inference_info`, by name, after it ran.

    Returns:
        The pickled entry, or None where the graph is not in torch's FX cache, or takes tensor subclasses apart.
    """
    if facts["maybe_subclass_meta"] is not None or getattr(facts["compiled_fw"], "_fx_graph_cache_key", None) is None:
        return None
    return _pickled(
        AOTAutogradCache.make_entry(
            facts["compiled_fw"],
            None,
            None,
            facts["aot_forward_graph_str"],
            None,
            facts["fw_metadata"],
            facts["wrappers"],
            None,
            None,
            [],
            forward_time_taken_ns=0,
            backward_time_taken_ns=0,
            sanitized_aot_config=facts["aot_config"].to_cacheable(),
            guards_expr=None,
            backward_state_indices=None,
            num_symints_saved_for_bw=None,
            serialized_bw_module=None,
            min_cut_info_str=None,
        )
    )


def forward_entry(facts: Mapping[str, Any]) -> bytes | None:
    """Return an AOT entry of a forward whose backward is not lowered yet.

    Args:
        facts: The arguments of torch's `_cache_autograd_info`, by name, after it ran.

    Returns:
        The pickled entry, or None where the forward is not in torch's FX cache, or its backward needs more than its
        graph.
    """
    forward = facts["compiled_fw_func"]
    needs_more = facts["num_symints_saved_for_bw"] or any(map(_is_backward_state, facts["flat_args"]))
    if needs_more or facts["bw_module"] is None or getattr(forward, "_fx_graph_cache_key", None) is None:
        return None
    metadata = copy.copy(facts["fw_metadata"])
    metadata.bw_donated_idxs = []  # a backward that is lowered later cannot know that its inputs are not used again
    entry = AOTAutogradCache.make_entry(
        forward,
        None,
        facts["joint_graph_str"],
        facts["fw_module_str"],
        facts["bw_module_str"],
        metadata,
        facts["wrappers"],
        facts["maybe_subclass_meta"],
        facts["num_fw_outs_saved_for_bw"],
        facts["_indices_of_inps_to_detach"],
        forward_time_taken_ns=0,
        backward_time_taken_ns=0,
        sanitized_aot_config=facts["aot_config"].to_cacheable(),
        guards_expr=None,
        backward_state_indices=[],
        num_symints_saved_for_bw=0,
        serialized_bw_module=SerializedGraphModule(_without_meta(facts["bw_module"])),
        min_cut_info_str=facts["min_cut_info_str"],
    )
    return _pickled(entry)


def _pickled(entry: Any) -> bytes:
    with torch.utils._python_dispatch._disable_current_modes():
        return pickle.dumps(entry)


def _is_backward_state(value: Any) -> bool:
    return type(value).__name__ == "BackwardState"


def _without_meta(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Return a copy of a graph without what only this process knows; the original is still to be lowered here."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    for node in graph.nodes:
        node.meta = {}
    return torch.fx.GraphModule(module, graph)
