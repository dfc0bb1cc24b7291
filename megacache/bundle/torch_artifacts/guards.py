"""Guards: the conditions of one guarded code, as `caching_precompile` keeps them, read inertly.

Layer: bundle. They are a pickle within the pickle of the entry. Torch leaves out the guards that it drops.

Source: `GuardsState` in `torch/_dynamo/guards.py`, `Guard` in `torch/_guards.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import PickledDict, PickledName, PickledObject, Value, shown
from megacache.bundle.torch_artifacts.plain_values import MOST_ROWS, items, texts
from megacache.bundle.torch_artifacts.sources import source_name
from megacache.errors import UnreadablePickleError

_COMMENT = re.compile(r"\s+# (?P<line>[^\n]*?)\s+# (?P<location>\S+:\d+ in \S+)(?: \(.*\))?$", re.DOTALL)
_LONGEST = 2000
_MOST_EXPRESSIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One guard; the fields are those of `model.Guard`."""

    guard_type: str
    expression: str
    source: str | None = None
    source_line: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """The guards of one guarded code.

    Attributes:
        conditions: In torch's order.
        callables: What loading them would import or call.
        problem: Why they cannot be read, or None.
    """

    conditions: tuple[Condition, ...] = ()
    callables: tuple[str, ...] = ()
    problem: str | None = None


def guard_state_of(content: bytes) -> GuardState:
    """Read a guards state.

    Args:
        content: Its pickle.

    Returns:
        The guards, or why there are none.
    """
    try:
        pickled = read_pickle(content)
    except UnreadablePickleError as error:
        return GuardState(callables=error.callables, problem=str(error))
    state = pickled.value
    graph = state.get("output_graph") if isinstance(state, PickledObject) else None
    if not isinstance(state, PickledObject) or not isinstance(graph, PickledObject):
        return GuardState(callables=pickled.callables, problem=f"its guards are {shown(state, 100)}")
    sizes = _sizes(graph.get("input_source_to_sizes_strides"))
    guards = graph.get("_guards")
    found = (
        condition
        for guard in items(guards.get("inner") if isinstance(guards, PickledObject) else guards)
        if isinstance(guard, PickledObject)
        for condition in _conditions(guard, sizes)
    )
    first = tuple(islice(found, MOST_ROWS))
    return GuardState(conditions=(*first, *_shape_conditions(state)), callables=pickled.callables)


def _conditions(guard: PickledObject, sizes: dict[str, str]) -> list[Condition]:
    """Return what one guard checks; those of sizes are told apart by torch itself, elsewhere in the state."""
    guard_type = _type_of(guard.get("create_fn"))
    if guard_type == "SHAPE_ENV":
        return []
    source = source_name(guard.get("originating_source"))[:_LONGEST]
    expressions = list(dict.fromkeys(texts(guard.get("code_list"), _LONGEST, _MOST_EXPRESSIONS)))
    if guard_type == "TENSOR_MATCH":
        expressions.insert(0, f"check_tensor({source}{_tensor(guard.get('create_fn'), sizes.get(source))})"[:_LONGEST])
    return [
        Condition(guard_type=guard_type, expression=each, source=source or None)
        for each in expressions or [source or guard_type]
    ]


def _type_of(create: Value) -> str:
    """Return the name of the method of `GuardBuilder` that makes the guard, bare or within a `functools.partial`."""
    if isinstance(create, PickledObject) and isinstance(create.arguments, tuple) and create.arguments:
        create = create.arguments[0]
    return create.name.rpartition(".")[2][:100] if isinstance(create, PickledName) else "UNKNOWN"


def _tensor(create: Value, sizes: str | None) -> str:
    """Write what a tensor must be like: `, torch.float32, size=[None, 4], stride=[4, 1], requires_grad=False`."""
    state = create.state if isinstance(create, PickledObject) else None
    keywords = state[2] if isinstance(state, tuple) and len(state) > 2 else None
    value = keywords.get("value") if isinstance(keywords, PickledDict) else None
    meta = value.arguments[0] if isinstance(value, PickledObject) and isinstance(value.arguments, tuple) else None
    facts = meta.arguments if isinstance(meta, PickledObject) and isinstance(meta.arguments, tuple) else ()
    if len(facts) < 4:
        return f", {sizes}" if sizes else ""
    dtype, size, stride, requires_grad = facts[:4]
    measures = sizes or f"size={shown(list(items(size)))}, stride={shown(list(items(stride)))}"
    return f", {shown(dtype, 60)}, {measures}, requires_grad={shown(requires_grad, 10)}"


def _sizes(value: Value) -> dict[str, str]:
    """Return the sizes and strides of each tensor by its source; a dynamic one is None."""
    pairs = value.pairs if isinstance(value, PickledDict) else []
    found = {}
    for source, measures in pairs[:_LONGEST]:
        if isinstance(measures, PickledDict):
            size, stride = (shown(list(items(measures.get(name)))) for name in ("size", "stride"))
            found[source_name(source)] = f"size={size}, stride={stride}"
    return found


def _shape_conditions(state: PickledObject) -> list[Condition]:
    """Return the guards on sizes, which torch keeps as Python with a comment that tells where each comes from."""
    parts = state.get("shape_code_parts")
    verbose = parts.get("verbose_code_parts") if isinstance(parts, PickledObject) else None
    helper = verbose.state if isinstance(verbose, PickledObject) else None
    expressions = next((texts(each, _LONGEST) for each in items(helper)), ()) or texts(helper, _LONGEST)
    found = []
    for each in expressions:
        comment = _COMMENT.search(each)
        found.append(
            Condition(
                guard_type="SHAPE_ENV",
                expression=each[: comment.start()] if comment else each,
                source_line=comment["line"] if comment else None,
                location=comment["location"] if comment else None,
            )
        )
    return found
