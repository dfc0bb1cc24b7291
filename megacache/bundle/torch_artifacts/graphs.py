"""Graphs: what the pickles of compiled graphs tell, read inertly.

Layer: bundle. These are the artifacts `inductor`, one compiled graph, and `aot_autograd`, a forward graph with its
backward, which either names its graphs by their keys or, in the bundled form, holds them.

Source: `CompiledFxGraph` in `torch/_inductor/output_code.py`; `AOTAutogradResult`, `BundledAOTAutogradResult` and
`CacheableAOTConfig` in `torch/_functorch/_aot_autograd/`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from megacache.bundle.placeholders import PickledDict, PickledObject, Value
from megacache.bundle.torch_artifacts.plain_values import MOST_ROWS, is_affordable, items, joined, number, text, texts
from megacache.bundle.torch_artifacts.sources import source_name
from megacache.bundle.torch_artifacts.triton import Binaries, binaries_of, kernels
from megacache.model import TritonKernel

_OUTERMOST_FRAME = re.compile(r'\s*File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d{1,9}), in (?P<name>[^\n]{1,500})')
_SYMBOL = re.compile(r'"Sym\((?P<symbol>[a-z]+\d+)\)",?[ ]+# PlainAOTInput\(idx=(?P<input>\d{1,6})\)')
_SEEN_SIZE = re.compile(r"^(?P<symbol>[a-z]+\d+) = (?P<size>\d{1,18})$", re.MULTILINE)
_SEEN_SIZES_LENGTH = 4000
_MOST_PLACES = 500


class Place(NamedTuple):
    """A line of a function in the user's code."""

    filename: str
    line: int
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One compiled graph, or what refers to it by its key.

    Attributes:
        fx_key: The cache key of its `inductor` artifact.
        kind: `forward`, `backward` or `inference`; None of one that is only referred to.
        source_code: The generated code.
        post_grad_graph: The graph that it was generated from.
        guards: The guard on sizes under which the cache may use it.
        components: Its key components, one after the other.
        duration_us: How long inductor took.
        places: For each kernel the line in the compiled function that it comes from.
        sizes: Of each dynamic size, by its symbol, the one that was seen.
        binaries: The files of GPU kernels that it carries.
    """

    fx_key: str | None
    kind: str | None = None
    source_code: str | None = None
    post_grad_graph: str | None = None
    guards: str | None = None
    components: str | None = None
    duration_us: int | None = None
    places: tuple[Place, ...] = ()
    sizes: tuple[tuple[str, str], ...] = ()
    binaries: tuple[Binaries, ...] = ()

    @property
    def triton_kernels(self) -> tuple[TritonKernel, ...]:
        """The GPU kernels that its code names, with the files that it carries of them."""
        return kernels(self.fx_key or "", self.source_code, self.binaries)


@dataclass(frozen=True, slots=True, kw_only=True)
class AotEntry:
    """A forward graph and its backward, as AOTAutograd keeps them.

    Attributes:
        backend_id: Torch's `__compiled_fn_N_uuid`, which is only there with `caching_precompile`.
        forward: The forward or inference graph.
        backward: The backward graph.
        texts: The graphs as text, by the names of documents, and of each the kind of entry that it belongs to.
        guards: The guard on sizes under which the cache may use it.
        dimensions: The symbols of dynamic sizes, and what they are the sizes of.
        forward_us: How long the forward took to compile, the time in inductor included.
        backward_us: The same of the backward.
    """

    backend_id: str | None
    forward: Graph | None = None
    backward: Graph | None = None
    texts: tuple[tuple[str, str], ...] = ()
    guards: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    forward_us: int | None = None
    backward_us: int | None = None


def graph_of(value: Value) -> Graph | None:
    """Read a `CompiledFxGraph`.

    Args:
        value: What its pickle holds.

    Returns:
        What it tells, or None when it is something else.
    """
    if not isinstance(value, PickledObject) or value.name.rpartition(".")[2] != "CompiledFxGraph":
        return None
    keywords = value.get("fx_kwargs")
    facts = keywords if isinstance(keywords, PickledDict) else PickledDict()
    is_backward, is_inference = facts.get("is_backward") is True, facts.get("is_inference") is True
    stacks = (
        text(items(pair)[1], 2000) for pair in items(value.get("cache_linemap"))[:_MOST_PLACES] if len(items(pair)) == 2
    )
    head = text(value.get("runnable_graph_str"), _SEEN_SIZES_LENGTH) or ""
    return Graph(
        fx_key=text(value.get("_fx_graph_cache_key"), 200),
        kind="backward" if is_backward else "inference" if is_inference else "forward",
        source_code=text(value.get("source_code")),
        post_grad_graph=text(value.get("inductor_post_grad_graph_str")),
        guards=text(value.get("guards_expr"), 20_000),
        components=_components(value.get("_fx_graph_cache_debug_lines")),
        duration_us=_microseconds(value.get("_time_taken_ns")),
        places=tuple(place for place in map(_outermost, stacks) if place is not None),
        sizes=tuple((found["symbol"], found["size"]) for found in _SEEN_SIZE.finditer(head)),
        binaries=binaries_of(value.get("_triton_bundle")),
    )


def aot_entry_of(value: Value) -> AotEntry | None:
    """Read an `AOTAutogradResult` or a `BundledAOTAutogradResult`.

    Args:
        value: What its pickle holds.

    Returns:
        What it tells, or None when it is something else.
    """
    if not isinstance(value, PickledObject) or not value.name.endswith("AOTAutogradResult"):
        return None
    config = value.get("sanitized_aot_config")
    forward, backward = (_half(value.get(name)) for name in ("compiled_fw", "compiled_bw"))
    forward_text = text(value.get("aot_forward_graph_str"))
    graphs = {
        "joint_graph": text(value.get("aot_joint_graph_str")),
        "forward_graph" if backward else "inference_graph": forward_text,
        "backward_graph": text(value.get("aot_backward_graph_str")),
    }
    return AotEntry(
        backend_id=text(config.get("precompile_backend_id"), 200) if isinstance(config, PickledObject) else None,
        forward=forward,
        backward=backward,
        texts=tuple((name, graph) for name, graph in graphs.items() if graph),
        guards=text(value.get("guards_expr"), 20_000),
        dimensions=_dimensions(forward_text or "", config),
        forward_us=_microseconds(value.get("forward_time_taken_ns")),
        backward_us=_microseconds(value.get("backward_time_taken_ns")) if backward else None,
    )


def _half(value: Value) -> Graph | None:
    """Read the forward or backward of an entry: the graph itself, or its key with the key's components."""
    if not isinstance(value, PickledObject):
        return None
    if (graph := graph_of(value.get("result"))) is not None:
        return graph
    reference = items(value.get("fx_graph_cache_info"))
    key = text(reference[0], 200) if reference else None
    if key is None:
        return None
    return Graph(fx_key=key, components=_components(reference[1]) if len(reference) > 1 else None)


def _components(lines: Value) -> str | None:
    return joined(texts(lines)) or None


def _outermost(stack: str | None) -> Place | None:
    """Return the first frame of a stack, which is the function that Dynamo compiled; what it inlined comes after."""
    found = _OUTERMOST_FRAME.match(stack or "")
    return Place(found["file"], int(found["line"]), found["name"].strip()) if found else None


def _dimensions(graph: str, config: Value) -> tuple[tuple[str, str], ...]:
    """Join the inputs that the graph says are sizes with what torch says each input comes from."""
    sources = items(config.get("aot_autograd_arg_pos_to_source")) if isinstance(config, PickledObject) else ()
    if not is_affordable(len(graph)):
        return ()
    numbered = ((found["symbol"], int(found["input"])) for found in _SYMBOL.finditer(graph))
    named = [(symbol, source_name(sources[index])) for symbol, index in numbered if index < len(sources)]
    return tuple(dict(named[:MOST_ROWS]).items())


def _microseconds(nanoseconds: Value) -> int | None:
    value = number(nanoseconds)
    return None if value is None else value // 1000
