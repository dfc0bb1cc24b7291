"""Needs: what a guarded code relies on that no guard of torch watches, by name and content.

Layer: compiler. Dynamo guards what it reads, and takes for granted what it inlines through a class, what it calls and
does not look into, and the Python parts of operators. Each becomes a need: (kind, name, digest).

`inlined`: a function that was traced, by `module:qualname`. `called`: a function that stands in the graph as it is.
`op`: an operator that `torch.library.custom_op` made, with its kernels, its fake and its backward.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

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


def needs_of(output_graph: Any, scope: dict[str, Any], guarded: Iterable[str]) -> tuple[Need, ...]:
    """Return what a compile relies on without a guard.

    Args:
        output_graph: Torch's `OutputGraph`, at the end of its compile.
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
    for target in _targets(output_graph.graph):
        need = _need_of_target(target)
        if need is not None:
            found[need] = None
    unmet = first_unmet(found)
    if unmet is not None:
        raise UnprovableError(f"it {unmet[0]} {unmet[1].partition(':')[2]}, which cannot be found by that name")
    return tuple(found)


def first_unmet(needs: Iterable[Need]) -> Need | None:
    """Return the first need that the live process does not meet, or None when it meets all."""
    return next((need for need in needs if not _is_met(need)), None)


def _is_met(need: Need) -> bool:
    kind, name, wanted = need
    try:
        if kind == "op":
            return _op_digest(name) == wanted
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


def _modules_of_file(filename: str) -> Iterator[str]:
    return (name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == filename)


def _targets(graph: Any) -> Iterator[Any]:
    """Yield what a graph calls, and what the graphs inside it call.

    Raises:
        UnprovableError: When the graph holds a module or a tensor, which no guard tells.
    """
    owner = graph.owning_module
    for node in graph.nodes:
        if node.op == "call_module":
            raise UnprovableError("its graph holds a module")
        if node.op == "get_attr":
            inner = _attribute(owner, node.target)
            if not isinstance(inner, torch.fx.GraphModule):
                raise UnprovableError("its graph holds a tensor")
            yield from _targets(inner.graph)
        elif node.op == "call_function":
            yield node.target


def _attribute(owner: Any, target: str) -> Any:
    for part in target.split("."):
        owner = getattr(owner, part, None)
    return owner


def _need_of_target(target: Any) -> Need | None:
    if isinstance(target, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        packet = target.overloadpacket if isinstance(target, torch._ops.OpOverload) else target
        qualname = str(packet._qualified_op_name)
        return None if qualname.partition("::")[0] in _TORCHS_NAMESPACES else ("op", qualname, _op_digest(qualname))
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


def _op_digest(qualname: str) -> str:
    from torch._library.custom_ops import OPDEFS

    definition = OPDEFS.get(qualname)
    if definition is None:
        raise UnprovableError(f"operator {qualname} was not made by torch.library.custom_op")
    return digest(Content(is_deep=True).facts(definition))
