"""Lazy backward: a forward whose backward has not run yet, kept so that another process can still run it.

Layer: compiler. Torch lowers a backward when it first runs, and keeps no AOT artifact of a graph before that. A model
that is called with gradients on and never trained would so never be kept. Here its forward is, with the backward as a
graph: if it runs after all, inductor lowers it then, as it would have done in the first process.

Source: `_cache_autograd_info` in `torch/_functorch/_aot_autograd/graph_compile.py`, `AOTAutogradCache.make_entry` in
`autograd_cache.py` beside it, `compile_fx_backward` in `torch/_inductor/compile_fx.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch._functorch._aot_autograd.aot_autograd_result import SerializedGraphModule
from torch._functorch._aot_autograd.autograd_cache import AOTAutogradCache


def entry_of(facts: Mapping[str, Any]) -> bytes | None:
    """Return an AOT entry of a forward alone.

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
    with torch.utils._python_dispatch._disable_current_modes():
        return pickle.dumps(entry)


class LazyBackward:
    """Stands where torch's entries hold a compiled backward, and lowers it when it first runs.

    Args:
        graph: The backward, as `entry_of` kept it.
        options: The inductor options that `torch.compile` was given.
    """

    num_symints_saved_for_bw_ = 0

    def __init__(self, graph: SerializedGraphModule, options: Mapping[str, Any]) -> None:
        self.backward_state_indices: list[int] = []
        self._graph = graph
        self._options = dict(options)
        self._context: torch._guards.CompileContext | None = None

    def load(self, _example_inputs: Sequence[Any]) -> Callable[[list[Any]], Any]:
        """Return the callable that lowers and then runs; what it lowers belongs to the compile that goes on now."""
        self._context = torch._guards.CompileContext.try_get()
        lowered: list[Callable[..., Any]] = []

        def run(inputs: list[Any]) -> Any:
            if not lowered:
                lowered.append(self._lowered(inputs))
            return lowered[0](inputs)

        run._boxed_call = True  # type: ignore[attr-defined]
        return run

    def post_compile(self, result: Callable[..., Any], _fx_config: Mapping[str, Any]) -> Callable[..., Any]:
        """Keep Dynamo out of it, as torch does with its own."""
        made: Callable[..., Any] = torch._dynamo.disable(result, reason="do not trace generated backwards pass")  # type: ignore[no-untyped-call]
        return made

    def _lowered(self, inputs: Sequence[Any]) -> Callable[..., Any]:
        try:
            return self._lower(inputs)
        except Exception as error:  # noqa: BLE001  inductor may raise anything, and the user only asked for gradients
            with contextlib.suppress(Exception):  # where warnings are errors, the backward goes on all the same
                warnings.warn(f"a backward could not be lowered and runs as it is: {error}", stacklevel=2)
            graph = self._graph.deserialize()
            return lambda boxed: graph(*boxed)

    def _lower(self, inputs: Sequence[Any]) -> Callable[..., Any]:
        from torch._inductor import config
        from torch._inductor.compile_fx import compile_fx_inner
        from torch._inductor.cudagraph_utils import BoxedDeviceIndex
        from torch._inductor.utils import BoxedBool, count_tangents
        from torch._subclasses import FakeTensorMode
        from torch.fx.experimental.symbolic_shapes import ShapeEnv

        graph = self._graph.deserialize()
        fake_mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
        fakes = [
            fake_mode.from_tensor(each, static_shapes=True) if isinstance(each, torch.Tensor) else each
            for each in inputs
        ]
        outputs = next(node for node in graph.graph.nodes if node.op == "output")
        outputs.meta["user_visible_output_idxs"] = []
        with (
            torch._guards.compile_context(self._context),
            config.patch(self._options),
            torch._guards.tracing(torch._guards.TracingContext(fake_mode)),
        ):
            made: Callable[..., Any] = compile_fx_inner(
                graph,
                fakes,
                static_input_idxs=list(range(count_tangents(graph))),
                cudagraphs=BoxedBool(config.triton.cudagraphs),
                is_backward=True,
                boxed_forward_device_index=BoxedDeviceIndex(None),
            )
        return made


def _is_backward_state(value: Any) -> bool:
    return type(value).__name__ == "BackwardState"


def _without_meta(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Return a copy of a graph without what only this process knows; the original is still to be lowered here."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    for node in graph.nodes:
        node.meta = {}
    return torch.fx.GraphModule(module, graph)
