"""The content of what is called: functions and their code, methods, and what is built into Python.

Layer: compiler. A function of torch's or of Python's own is its name, which the release tells. Any other one is its
code with what it holds, and in deep content with what it reads when it runs.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from megacache.compiler.facts import Facts, name_of
from megacache.compiler.origins import is_by_release, is_module_by_release

if TYPE_CHECKING:
    from megacache.compiler.content import Content

BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
"""What C code made: it is its name, and the object that it is bound to."""

_EMPTY = object()
"""Stands for a variable that was not assigned yet."""

_OF_TORCHS_COMPILER = ("__dynamo", "_dynamo", "_torchdynamo")
"""How the attributes begin that torch gives to a function when it first meets it."""


def of_code(content: Content, value: types.CodeType) -> Facts:
    """Tell a code object."""
    return ("code", value.co_qualname, content.code(value))


def of_function(content: Content, value: types.FunctionType) -> Facts:
    """Tell a function: by its name where a release tells the rest, or else by its code and what it holds."""
    name = ("function", str(value.__module__), value.__qualname__)
    if _is_own(value):
        if content.is_deep:
            content.reach.note_call(value.__module__, value.__name__)
        return name
    told = (*name, content.code(value.__code__), tuple(_closure(content, value)), tuple(_defaults(content, value)))
    if not content.is_deep or is_by_release(value.__code__):
        return told
    return (*told, tuple(_attributes(content, value)), tuple(content.reach.globals_facts(content, value)))


def _is_own(value: types.FunctionType) -> bool:
    """Say whether a function is what torch's or Python's release says of its name.

    A function of the user's may bear the name of another one, and a wrapper that comes with torch may be around one.
    """
    if not is_module_by_release(value.__module__) or not is_by_release(value.__code__):
        return False
    inside = (each for each in _cells(value) if isinstance(each, types.FunctionType))
    if not all(is_by_release(each.__code__) for each in inside):
        return False
    found: object = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _cells(value: types.FunctionType) -> Iterator[object]:
    for cell in value.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield _EMPTY


def _closure(content: Content, value: types.FunctionType) -> Iterator[Facts]:
    return (("empty",) if each is _EMPTY else content.held(each) for each in _cells(value))


def _defaults(content: Content, value: types.FunctionType) -> Iterator[Facts]:
    yield tuple(content.held(each) for each in value.__defaults__ or ())
    for name, each in sorted((value.__kwdefaults__ or {}).items()):
        yield (name, content.held(each))


def _attributes(content: Content, value: types.FunctionType) -> Iterator[Facts]:
    for name, each in sorted(vars(value).items()):
        if not name.startswith(_OF_TORCHS_COMPILER):
            yield (name, content.facts(each))


def of_method(content: Content, value: types.MethodType) -> Facts:
    """Tell a bound method: its function, and of its object the class and what can be told where it is held."""
    owner = value.__self__
    if content.is_deep or isinstance(owner, type):
        return ("method", content.facts(value.__func__), content.facts(owner))
    return ("method", content.facts(value.__func__), content.facts(type(owner)), content.held(owner))


def of_partial(_content: Content, value: functools.partial[object], tell: Callable[[object], Facts]) -> Facts:
    """Tell a partial: its function and its arguments."""
    keywords = tuple((name, tell(each)) for name, each in sorted(value.keywords.items()))
    attributes = tuple((name, tell(each)) for name, each in sorted(vars(value).items()))
    return ("partial", tell(value.func), tuple(map(tell, value.args)), keywords, attributes)


def of_wrapper(content: Content, value: staticmethod[..., object] | classmethod[Any, ..., object]) -> Facts:
    """Tell a static method or a class method."""
    kind = "staticmethod" if isinstance(value, staticmethod) else "classmethod"
    return (kind, content.held(value.__func__))


def of_property(content: Content, value: property) -> Facts:
    """Tell a property: its functions."""
    return ("property", *(content.held(each) for each in (value.fget, value.fset, value.fdel)))


def of_cached_property(content: Content, value: functools.cached_property[object]) -> Facts:
    """Tell a cached property: its function, and the attribute that keeps the value."""
    return ("cached_property", content.held(value.func), str(value.attrname))


def of_cached_function(content: Content, value: functools._lru_cache_wrapper[object]) -> Facts:
    """Tell a function with a cache: the function inside."""
    return ("lru_cache", content.facts(value.__wrapped__), repr(value.cache_parameters()))


def of_built_in(content: Content, value: Any) -> Facts:
    """Tell a function or a method of C code."""
    owner: Any = getattr(value, "__objclass__", None)
    owner = getattr(value, "__self__", None) if owner is None else owner
    module = str(getattr(value, "__module__", ""))
    name = str(getattr(value, "__qualname__", value.__name__))
    if isinstance(owner, types.ModuleType):
        owner, module = None, owner.__name__
    if content.is_deep:
        content.reach.note_call(module, name)
    if owner is None or type(owner).__name__ == "PyCapsule":  # how C++ code binds what has no object
        return ("built-in", module, name)
    told = name_of(owner) if issubclass(type(owner), type) else content.held(owner)
    return ("built-in", module, name, told)
