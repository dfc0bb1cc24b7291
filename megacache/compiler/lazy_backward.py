"""Lazy backward: the backward of a forward that was kept alone, lowered when it first runs.

Layer: compiler. The forward was kept with its backward as a graph (see `aot_entries`): if it runs after all, inductor
lowers it then, as it would have done in the first process.

Source: `compile_fx_backward` in `torch/_inductor/compile_fx.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch._functorch._aot_autograd.aot_autograd_result import SerializedGraphModule


class LazyBackward:
    """Stands where torch's entries hold a compiled backward, and lowers it when it first runs.

    Args:
        graph: The backward, as `aot_entries` kept it.
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
