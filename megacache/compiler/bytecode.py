"""Bytecode: what Dynamo made of a frame, with placeholders for the names that only this process has.

Layer: compiler. Dynamo puts functions, modules and the compiled graph into the frame's globals under names that it
makes up; two processes may make up the same name for two things. So none of them is kept, and new ones are made when a
guarded code is served.

Source: `OutputGraph.install_global`, `install_resume_function_global` in `torch/_dynamo/output_graph.py`, `CleanupHook`
in `torch/_dynamo/utils.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch._dynamo
from torch._dynamo.bytecode_transformation import unique_id
from torch._dynamo.symbolic_convert import _import_module
from torch._dynamo.utils import CleanupHook, CleanupManager

from megacache.compiler.constants import constants_in, values_of, with_constants, without_constants
from megacache.compiler.content import UnprovableError
from megacache.compiler.guard_state import BUILTINS_ALIAS, module_alias
from megacache.compiler.guarded_code import Body, Name, names_in, renamed

Scope = dict[str, Any]

_RESUME_CODES: dict[tuple[str, CodeType], CodeType] = {}
"""The code objects of the resume functions that were served, by module: all variants of a function go on in one, so
that their frames are one to Dynamo. Equal ones of two modules do not: Dynamo checks the guards of a code object in the
globals for which they were made."""


def body_of(
    code: CodeType, scope: Scope, *, installed: Collection[str], imports: Mapping[str, str], guards: bytes
) -> Body:
    """Take what Dynamo made of a frame apart.

    Args:
        code: The bytecode.
        scope: The globals of the frame.
        installed: The names that this compile put there.
        imports: The aliases of modules that Dynamo put there, for all compiles alike.
        guards: What goes with it.

    Raises:
        UnprovableError: When the bytecode reads something of Dynamo's that another process cannot make.
    """
    names: dict[str, Name] = {}
    for name in names_in(code):
        if name in installed:
            names[name] = _stored(name, scope[name], len(names))
        elif name in imports:
            names[name] = Name(name, "module", imports[name])
    placeholders = {name: each.placeholder for name, each in names.items()}
    constants = constants_in(code, *(each.code for each in names.values() if each.code is not None))
    stored = without_constants(renamed(code, placeholders), constants)
    return Body(stored, (*(_without(each, constants) for each in names.values()), *constants.values()), guards)


def has_graph(body: Body) -> bool:
    """Say whether the bytecode calls a compiled graph."""
    return any(each.kind == "backend" for each in body.names)


def installed_code(body: Body, scope: Scope, backend: Callable[..., Any] | None) -> CodeType:
    """Put what the bytecode reads into the globals, until the bytecode is gone, as Dynamo does.

    Args:
        body: What was stored.
        scope: The globals of the live frame.
        backend: The compiled graph.

    Returns:
        The bytecode, with the names that its parts have in this process.
    """
    names: dict[str, str] = {}
    hooks = []
    values = values_of(body.names)
    for each in (name for name in body.names if name.kind != "constant"):
        names[each.placeholder], hook = _installed(each, scope, backend, values)
        hooks += [hook] if hook is not None else []
    code = with_constants(renamed(body.code, names), values)
    CleanupManager.instance[code] = hooks
    return code


def _stored(name: str, value: Any, number: int) -> Name:
    if name.startswith("__compiled_fn"):
        return Name(f"__compiled_fn__{number}", "backend")
    if name.startswith("__builtins_dict__"):
        return Name(BUILTINS_ALIAS, "builtins")
    if name.startswith("__resume_at"):
        code, module = _resume_function(value)
        return Name(f"__resume_at__{number}", "resume", module, code)
    if isinstance(value, ModuleType):
        return Name(module_alias(value.__name__), "module", value.__name__)
    raise UnprovableError(f"its bytecode needs a {type(value).__name__} that Dynamo made")


def _without(name: Name, constants: Mapping[int, Name]) -> Name:
    return name if name.code is None else replace(name, code=without_constants(name.code, constants))


def _resume_function(value: FunctionType) -> tuple[CodeType, str]:
    """Return code and module of a resume function, or of the factory that Dynamo makes for one with a closure."""
    if not value.__closure__:
        return value.__code__, str(value.__globals__.get("__name__"))
    held = dict(zip(value.__code__.co_freevars, (cell.cell_contents for cell in value.__closure__), strict=True))
    return held["code"], str(held["f_globals"].get("__name__"))


def _installed(
    name: Name, scope: Scope, backend: Callable[..., Any] | None, constants: Mapping[str, Any]
) -> tuple[str, CleanupHook | None]:
    """Put one name into the globals; return what it is called there, and what takes it away again."""
    if name.kind == "builtins":
        return BUILTINS_ALIAS, None
    if name.kind == "module":
        scope.setdefault(name.placeholder, _import_module(name.value))
        return name.placeholder, None
    value: Any
    if name.kind == "backend":
        live = unique_id("__compiled_fn", with_uuid=True)
        value = torch._dynamo.disable(backend, reason="do not trace Dynamo-compiled graph")  # type: ignore[no-untyped-call]
    else:
        live = unique_id("__resume_at_served")
        value = _resumed(name, live, scope, constants)
    return live, CleanupHook.create(scope, live, value)


def _resumed(name: Name, live: str, scope: Scope, constants: Mapping[str, Any]) -> Callable[..., Any]:
    """Make a resume function, or the factory of one with a closure."""
    if name.code is None:
        raise UnprovableError("a resume function has no code")
    made = with_constants(name.code, constants)
    code = _RESUME_CODES.setdefault((name.value, made), made)
    module = sys.modules.get(name.value)
    owner = scope if scope.get("__name__") == name.value or module is None else module.__dict__
    if not code.co_freevars:
        return FunctionType(code, owner, live)
    # No function of ours: Dynamo would take it for one of the user's, and compile it.
    return partial(FunctionType, code, owner, live, None)
