"""Backends: the callable of one compiled graph, made from torch's own artifacts and nothing else.

Layer: compiler. An AOT artifact names its graphs by their FX key and their guards; the graphs are put back into it, and
torch's own code for its bundled entries makes the callable. No lookup happens and no cache key is computed.

Source: `AOTAutogradResult`, `BundledAOTAutogradResult` and `deserialize_bundled_cache_entry` in
`torch/_functorch/_aot_autograd/aot_autograd_result.py`, `CompiledFxGraph` in `torch/_inductor/output_code.py`; the same
in 2.13.0, 2.14.1 and 2.15.0.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch._functorch._aot_autograd.aot_autograd_result import (
    AOTAutogradResult,
    BundledAOTAutogradResult,
    BundledCompiledBackward,
    BundledCompiledForward,
    deserialize_bundled_cache_entry,
)

from megacache.compiler.content import UnprovableError
from megacache.compiler.lazy_backward import LazyBackward

Contents = Callable[[str], Iterable[bytes]]
"""Returns every stored content of an FX key."""


def callable_of(aot_content: bytes, graphs: Contents, options: Mapping[str, Any]) -> Callable[..., Any]:
    """Make the callable of an AOT artifact.

    Args:
        aot_content: The artifact's content, as torch pickled it, or an entry of a forward alone (see `lazy_backward`).
        graphs: The stored FX graphs, by key.
        options: The inductor options that `torch.compile` was given; a backward that is still to be lowered needs them.

    Returns:
        What Dynamo's bytecode calls, with the backward in it if there is one.

    Raises:
        UnprovableError: When a graph is not stored, or the artifact is of another kind.
    """
    entry = pickle.loads(aot_content)  # noqa: S301  The caller decided to load.
    if isinstance(entry, AOTAutogradResult):
        entry = _bundled(entry, graphs, options)
    if not isinstance(entry, BundledAOTAutogradResult):
        raise UnprovableError(f"its AOT artifact is a {type(entry).__name__}, which is not known")
    made: Callable[..., Any] = deserialize_bundled_cache_entry(entry)
    return made


def _bundled(entry: Any, graphs: Contents, options: Mapping[str, Any]) -> BundledAOTAutogradResult[Any]:
    values = {each.name: getattr(entry, each.name) for each in dataclasses.fields(entry)}
    backward = values["compiled_bw"]
    values["compiled_fw"] = BundledCompiledForward(_graph_of(values["compiled_fw"], graphs))
    if backward is not None:
        values["compiled_bw"] = BundledCompiledBackward(
            _graph_of(backward, graphs), backward.backward_state_indices, backward.num_symints_saved_for_bw_
        )
    elif entry.serialized_bw_module is not None:
        values["compiled_bw"] = LazyBackward(entry.serialized_bw_module, options)
    return BundledAOTAutogradResult(**values)


def _graph_of(reference: Any, graphs: Contents) -> Any:
    """Return the stored graph that an AOT artifact means: of one key, the one with its very guards."""
    key = reference.fx_graph_cache_info[0]
    for content in graphs(key):
        graph = pickle.loads(content)  # noqa: S301  The caller decided to load.
        if graph.guards_expr == reference.fx_graph_guard_expr:
            return graph
    raise UnprovableError(f"its FX graph {key[:12]} is not stored")
