"""Needs: what a guarded code relies on that no guard of torch watches, by name and content.

Layer: compiler. Dynamo guards what it reads, and takes for granted what it inlines through a class, what it calls and
does not look into, and the Python parts of operators. Each becomes a need: (kind, name, digest).

`inlined`: a function that was traced, by `module:qualname`. `called`: a function that stands in the graph as it is.
`op`: an operator that does not come with torch (see `operators`). `method`: a method of `torch.Tensor` that the graph
calls (see `methods`). `constant`: what stands in the bytecode as an object (see `constants`).
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from megacache.compiler.constants import constant_digest
from megacache.compiler.content import Content, Facts, UnprovableError, code_digest, digest
from megacache.compiler.mentions import mentions_of
from megacache.compiler.methods import is_torchs_own, method_digest, methods_of
from megacache.compiler.operators import fake_digest, fake_of, is_foreign, is_operator, operator_digest, operator_name
from megacache.compiler.origins import is_by_release, is_module_by_release, modules_of_file

Need = tuple[str, str, str]

_NUMBERS_OF_THIS_PROCESS = frozenset({"hash", "id"})
"""Built-in functions whose answer Dynamo makes a constant, and which answer otherwise in every process."""


def needs_of(
    output_graph: Any, frame_code: types.CodeType, scope: dict[str, Any], guarded: Iterable[str]
) -> tuple[Need, ...]:
    """Return what a compile relies on without a guard.

    Args:
        output_graph: Torch's `OutputGraph`, at the end of its compile.
        frame_code: The code object of the frame.
        scope: The globals of the frame.
        guarded: The digests of the code objects that its guards tell.

    Raises:
        UnprovableError: When something has no name by which another process could find it, or is another thing there.
    """
    known = frozenset(guarded)
    found: dict[Need, None] = {}
    for code in output_graph.tracing_context.traced_code:
        if code_digest(code) not in known and not is_by_release(code):
            found[_inlined(code, scope)] = None
    for code in (frame_code, *output_graph.tracing_context.traced_code):
        if not is_by_release(code):
            _check_numbers(code, scope)
    found |= dict.fromkeys(_graph_needs(output_graph.graph, is_whole=True))
    unmet = first_unmet(found)
    if unmet is not None:
        raise UnprovableError(f"it {unmet[0]} {unmet[1].rpartition(':')[2]}, which cannot be found by that name")
    return tuple(found)


def needs_of_constants(names: Iterable[str]) -> tuple[Need, ...]:
    """Return what the constants of bytecode must be, wherever it is to run.

    Args:
        names: Where each is found.

    Raises:
        UnprovableError: When one has no content to be told by.
    """
    return tuple(("constant", name, constant_digest(name)) for name in dict.fromkeys(names))


def needs_of_graph(module: Any) -> tuple[Need, ...]:
    """Return what a graph calls that is not torch's.

    Args:
        module: A `GraphModule` as Dynamo makes it.

    Raises:
        UnprovableError: When something has no content to be told by.
    """
    return tuple(dict.fromkeys(_graph_needs(module.graph, is_whole=False)))


def needs_of_aten_graph(module: Any) -> tuple[Need, ...]:
    """Return the fakes of the operators that a graph calls and that are not torch's: all else of them runs live.

    Args:
        module: A `GraphModule` as AOTAutograd makes it.

    Raises:
        UnprovableError: When a fake has no content to be told by.
    """
    targets = _targets(_nodes(module.graph, is_whole=False))
    names = dict.fromkeys(operator_name(target) for target in targets if is_foreign(target))
    return tuple(("fake", name, fake_digest(name)) for name in names if fake_of(name) is not None)


def foreign_decompositions() -> tuple[Need, ...]:
    """Return the decompositions of inductor's that are not torch's own.

    Raises:
        UnprovableError: When one has no content to be told by.
    """
    room = sys.modules.get("torch._inductor.decomposition")
    table = room.decompositions if room is not None else {}
    foreign = ((str(op), each) for op, each in table.items() if not _comes_with_torch(each))
    return tuple(("decomposition", op, digest(Content(is_deep=True).facts(each))) for op, each in foreign)


def first_unmet(needs: Iterable[Need]) -> Need | None:
    """Return the first need that the live process does not meet, or None when it meets all."""
    return next((need for need in needs if not _is_met(need)), None)


def described(need: Need) -> str:
    """Return what a need is called in a sentence."""
    kind, name, _ = need
    own_name = name.partition(":")[2]
    match kind:
        case "op":
            return f"operator `{name}`"
        case "constant":
            return f"`{own_name}`"
        case "method":
            return f"method `{name}` of tensors"
        case _:
            return f"`{own_name}`, which it {kind},"


def _resolved(name: str) -> object:
    """Return what `module:qualname` stands for now; of a function inside another, the outer one.

    Args:
        name: The module, a colon, and the names below it.

    Raises:
        UnprovableError: When there is nothing of that name.
    """
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.partition(".<locals>")[0].split("."):
        try:
            found = vars(found)[part] if isinstance(found, (type, types.ModuleType)) else getattr(found, part)
        except (KeyError, AttributeError, TypeError):
            raise UnprovableError(f"there is no {qualname} in {module}") from None
    return _unwrapped(found)


def _is_met(need: Need) -> bool:
    kind, name, wanted = need
    tell = _TELLERS.get(kind)
    try:
        return tell is not None and tell(name) == wanted
    except UnprovableError:
        return False


def _inlined_digest(name: str) -> str:
    """Tell a function with what it holds: one that only holds the traced code is another function."""
    return digest(Content().facts(_resolved(name)))


def _called_digest(name: str) -> str:
    return digest(Content(is_deep=True).facts(_resolved(name)))


_TELLERS: Mapping[str, Callable[[str], str]] = {
    "called": _called_digest,
    "constant": constant_digest,
    "inlined": _inlined_digest,
    "method": method_digest,
    "op": operator_digest,
}
"""How the digest of each kind of need is found from its name."""


def _unwrapped(value: Any) -> object:
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property):
        return tuple(each for each in (value.fget, value.fset, value.fdel) if each is not None)
    return value


def _inlined(code: types.CodeType, scope: dict[str, Any]) -> Need:
    """Return the need of a traced code object: its function is in the frame's module, or in the one of its file."""
    modules = [str(scope.get("__name__")), *modules_of_file(code.co_filename), "__main__"]
    for name in dict.fromkeys(f"{module}:{code.co_qualname}" for module in modules):
        facts = _facts_if_of(code, name)
        if facts is not None:
            return "inlined", name, digest(facts)
    raise UnprovableError(f"it inlined {code.co_qualname}, which cannot be found by that name")


def _facts_if_of(code: types.CodeType, name: str) -> Facts | None:
    content = Content()
    try:
        facts = content.facts(_resolved(name))
    except UnprovableError:
        return None
    return facts if code_digest(code) in content.codes else None


def _check_numbers(code: types.CodeType, scope: dict[str, Any]) -> None:
    """Refuse code that asks Python for a number which only this process has."""
    for name in sorted(mentions_of(code).global_names & _NUMBERS_OF_THIS_PROCESS):
        if _globals_of(code, scope).get(name, getattr(builtins, name)) is getattr(builtins, name):
            raise UnprovableError(f"it asks for `{name}`, which is another number in every process")


def _globals_of(code: types.CodeType, scope: dict[str, Any]) -> dict[str, Any]:
    module = sys.modules.get(next(modules_of_file(code.co_filename), ""))
    return scope if module is None else vars(module)


def _graph_needs(graph: Any, *, is_whole: bool) -> Iterator[Need]:
    """Yield the needs of a graph.

    Args:
        graph: An FX graph.
        is_whole: Whether the graph must hold nothing but calls, and every method is told. Else only those that are not
            torch's own are.
    """
    nodes = tuple(_nodes(graph, is_whole=is_whole))
    for target in _targets(nodes):
        yield from _needs_of_target(target)
    for name in methods_of(nodes):
        if is_whole or not is_torchs_own(name):
            yield "method", name, method_digest(name)


def _nodes(graph: Any, *, is_whole: bool) -> Iterator[Any]:
    """Yield the nodes of a graph and of the graphs inside it.

    Args:
        graph: An FX graph.
        is_whole: Refuse a graph that holds more than calls.

    Raises:
        UnprovableError: When the graph holds a module or a tensor, which no guard tells.
    """
    owner = graph.owning_module
    for node in graph.nodes:
        if node.op == "call_module" and is_whole:
            raise UnprovableError("its graph holds a module")
        inner = _attribute(owner, node.target) if node.op == "get_attr" else None
        if isinstance(inner, torch.fx.GraphModule):
            yield from _nodes(inner.graph, is_whole=is_whole)
        elif node.op == "get_attr" and is_whole:
            raise UnprovableError("its graph holds a tensor")
        else:
            yield node


def _targets(nodes: Iterable[Any]) -> Iterable[Any]:
    """Return what nodes call, and the operators that they hand to others, each once."""
    calls = [node for node in nodes if node.op == "call_function"]
    called = {id(node.target): node.target for node in calls}
    handed = {id(each): each for node in calls for each in node.args if isinstance(each, torch._ops.OpOverload)}
    return (called | handed).values()


def _attribute(owner: Any, target: str) -> Any:
    for part in target.split("."):
        owner = getattr(owner, part, None)
    return owner


def _needs_of_target(target: Any) -> Iterator[Need]:
    if is_operator(target):
        if is_foreign(target):
            name = operator_name(target)
            yield "op", name, operator_digest(name)
    elif not isinstance(target, types.FunctionType):
        _check_object(target)
    elif not is_by_release(target.__code__):
        yield "called", _name_of_called(target), digest(Content(is_deep=True).facts(target))


def _name_of_called(target: types.FunctionType) -> str:
    """Return `module:qualname`; of a function that was made inside another, the global that holds it."""
    if "<locals>" in target.__qualname__:
        scope = vars(sys.modules.get(target.__module__, types))
        held = (name for name, value in scope.items() if value is target)
        return f"{target.__module__}:{next(held, target.__qualname__)}"
    return f"{target.__module__}:{target.__qualname__}"


def _check_object(target: Any) -> None:
    """Let torch's own objects and what is built into Python pass, and nothing else."""
    module = getattr(target, "__module__", None) or type(target).__module__
    if not is_module_by_release(module):
        raise UnprovableError(f"its graph calls a {type(target).__name__} of {module}")


def _comes_with_torch(value: Any) -> bool:
    """Say whether a decomposition is torch's own, whatever name a decorator gave it."""
    if isinstance(value, functools.partial):
        return _comes_with_torch(value.func)
    module = getattr(value, "__module__", None) or type(value).__module__
    is_named_so = str(module).partition(".")[0] == "torch"
    return is_named_so and (not isinstance(value, types.FunctionType) or is_by_release(value.__code__))
