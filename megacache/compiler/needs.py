"""Needs: what a guarded code relies on that no guard of torch watches, by name and content.

Layer: compiler. Dynamo guards what it reads, and takes for granted what it inlines through a class, what it calls and
does not look into, and the Python parts of operators. Each becomes a need: (kind, name, digest).

`inlined`: a function that was traced, by `module:qualname`. `built-in`: a name that is none of the module's globals, so
that Python takes its own. `called`: a function that stands in the graph as it is.
`op`: an operator that `torch.library.custom_op` made, with its kernels, its fake and its backward.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import library
from torch._library import simple_registry
from torch._library.custom_ops import OPDEFS

from megacache.compiler.content import Content, UnprovableError, code_digest, digest

Need = tuple[str, str, str]

_TORCHS_NAMESPACES = frozenset(
    {
        "_c10d_functional",
        "_c10d_functional_autograd",
        "aten",
        "c10d",
        "c10d_functional",
        "higher_order",
        "inductor",
        "mkldnn",
        "onednn",
        "prim",
        "prims",
        "profiler",
        "quantized",
        "quantized_decomposed",
        "rngprims",
        "symm_mem",
    }
)
"""Operators that come with torch; its release tells what they are."""

_TORCHS_FOLDER = str(Path(torch.__file__).parent)
_STDLIB_FOLDER = str(Path(types.__file__).parent)


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
        UnprovableError: When something has no name by which another process could find it.
    """
    known = frozenset(guarded)
    found: dict[Need, None] = {}
    for code in output_graph.tracing_context.traced_code:
        if code_digest(code) not in known and not _is_known_by_release(code):
            found["inlined", _name_of(code, scope), code_digest(code)] = None
    for code in (frame_code, *output_graph.tracing_context.traced_code):
        if not _is_known_by_release(code):
            found |= dict.fromkeys(_built_ins_of(code, scope))
    found |= dict.fromkeys(_graph_needs(output_graph.graph, is_whole=True))
    unmet = first_unmet(found)
    if unmet is not None:
        raise UnprovableError(f"it {unmet[0]} {unmet[1].partition(':')[2]}, which cannot be found by that name")
    return tuple(found)


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
    foreign = filter(_is_foreign_op, _targets(module.graph, is_whole=False))
    names = [name for name in dict.fromkeys(map(_op_name, foreign)) if _fake_of(name) is not None]
    return tuple(("fake", name, _fake_digest(name)) for name in names)


def foreign_decompositions() -> tuple[Need, ...]:
    """Return the decompositions of inductor's that are not torch's own.

    Raises:
        UnprovableError: When one has no content to be told by.
    """
    room = sys.modules.get("torch._inductor.decomposition")
    table = room.decompositions if room is not None else {}
    foreign = ((str(op), each) for op, each in table.items() if not _package_of(each).startswith("torch"))
    return tuple(("decomposition", op, digest(Content(is_deep=True).facts(each))) for op, each in foreign)


def first_unmet(needs: Iterable[Need]) -> Need | None:
    """Return the first need that the live process does not meet, or None when it meets all."""
    return next((need for need in needs if not _is_met(need)), None)


def _is_met(need: Need) -> bool:
    kind, name, wanted = need
    try:
        if kind == "op":
            return _op_digest(name) == wanted
        if kind == "built-in":
            module, _, built_in = name.partition(":")
            return built_in not in vars(sys.modules.get(module, types))
        value = _resolved(*name.split(":", 1))
        content = Content(is_deep=kind == "called")
        facts = content.facts(value)
    except UnprovableError:
        return False
    return wanted in content.codes if kind == "inlined" else digest(facts) == wanted


def _resolved(module: str, qualname: str) -> object:
    """Return what a name stands for now; of a function inside another, the outer one.

    Raises:
        UnprovableError: When there is nothing of that name.
    """
    found: Any = sys.modules.get(module)
    for part in qualname.partition(".<locals>")[0].split("."):
        try:
            found = vars(found)[part] if isinstance(found, (type, types.ModuleType)) else getattr(found, part)
        except (KeyError, AttributeError, TypeError):
            raise UnprovableError(f"there is no {qualname} in {module}") from None
    return _unwrapped(found)


def _unwrapped(value: Any) -> object:
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property):
        return tuple(each for each in (value.fget, value.fset, value.fdel) if each is not None)
    return value


def _is_known_by_release(code: types.CodeType) -> bool:
    name = code.co_filename
    if name.startswith("<frozen "):
        return True
    is_installed = "site-packages" in name.removeprefix(_STDLIB_FOLDER) or "dist-packages" in name
    return name.startswith(_TORCHS_FOLDER) or (name.startswith(_STDLIB_FOLDER) and not is_installed)


def _name_of(code: types.CodeType, scope: dict[str, Any]) -> str:
    """Return `module:qualname` of a traced code object: in the frame's module, or in the one of its file."""
    modules = [str(scope.get("__name__")), *_modules_of_file(code.co_filename), "__main__"]
    wanted = code_digest(code)
    for module in dict.fromkeys(modules):
        name = f"{module}:{code.co_qualname}"
        if _is_met(("inlined", name, wanted)):
            return name
    raise UnprovableError(f"it inlined {code.co_qualname}, which cannot be found by that name")


def _built_ins_of(code: types.CodeType, scope: dict[str, Any]) -> Iterator[Need]:
    """Yield the names that a code object takes from Python itself; a global of that name would take their place."""
    module = next(_modules_of_file(code.co_filename), str(scope.get("__name__")))
    known = vars(sys.modules[module]) if module in sys.modules else scope
    names = (name for name in code.co_names if hasattr(builtins, name) and name not in known)
    yield from (("built-in", f"{module}:{name}", "") for name in names)


def _modules_of_file(filename: str) -> Iterator[str]:
    return (name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == filename)


def _graph_needs(graph: Any, *, is_whole: bool) -> Iterator[Need]:
    for target in _targets(graph, is_whole=is_whole):
        need = _need_of_target(target)
        if need is not None:
            yield need


def _targets(graph: Any, *, is_whole: bool) -> Iterator[Any]:
    """Yield what a graph calls, what the graphs inside it call, and the operators that are handed to others.

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
        if node.op == "get_attr":
            inner = _attribute(owner, node.target)
            if isinstance(inner, torch.fx.GraphModule):
                yield from _targets(inner.graph, is_whole=is_whole)
            elif is_whole:
                raise UnprovableError("its graph holds a tensor")
        elif node.op == "call_function":
            yield node.target
            yield from (each for each in node.args if isinstance(each, torch._ops.OpOverload))


def _attribute(owner: Any, target: str) -> Any:
    for part in target.split("."):
        owner = getattr(owner, part, None)
    return owner


def _need_of_target(target: Any) -> Need | None:
    if isinstance(target, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        name = _op_name(target)
        return ("op", name, _op_digest(name)) if _is_foreign_op(target) and _has_python_parts(name) else None
    if isinstance(target, torch._ops.HigherOrderOperator) or not isinstance(target, types.FunctionType):
        return _need_of_object(target)
    if _is_known_by_release(target.__code__):
        return None
    name = f"{target.__module__}:{target.__qualname__}"
    return ("called", name, digest(Content(is_deep=True).facts(target)))


def _need_of_object(target: Any) -> Need | None:
    """Let torch's own objects and what is built into Python pass, and nothing else."""
    module = getattr(target, "__module__", None) or type(target).__module__
    package = str(module).partition(".")[0]
    if package in ("torch", "_operator", "operator") or package in sys.stdlib_module_names:
        return None
    raise UnprovableError(f"its graph calls a {type(target).__name__} of {module}")


def _op_name(target: Any) -> str:
    packet = target.overloadpacket if isinstance(target, torch._ops.OpOverload) else target
    return str(packet._qualified_op_name)


def _is_foreign_op(target: Any) -> bool:
    if not isinstance(target, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        return False
    return _op_name(target).partition("::")[0] not in _TORCHS_NAMESPACES


def _has_python_parts(name: str) -> bool:
    """Say whether any part of an operator is Python; those of a library in C++ are what its release is."""
    if name in OPDEFS or _fake_of(name) is not None:
        return True
    beginning = name.replace("::", "/")
    return any(each.startswith((f"{beginning}/", f"{beginning}.")) for each in library._impls)


def _op_digest(name: str) -> str:
    definition = OPDEFS.get(name)
    if definition is None:
        raise UnprovableError(f"operator {name} was not made by torch.library.custom_op")
    return digest(Content(is_deep=True).facts(definition))


def _fake_of(name: str) -> Any:
    kernel = simple_registry.singleton.find(name).fake_impl.kernel
    return None if kernel is None else kernel.func


def _fake_digest(name: str) -> str:
    definition = OPDEFS.get(name)
    fake = definition._abstract_fn if definition is not None else _fake_of(name)
    return digest(Content(is_deep=True).facts(fake))


def _package_of(value: Any) -> str:
    if isinstance(value, functools.partial):
        return _package_of(value.func)
    return str(getattr(value, "__module__", None) or type(value).__module__)
