"""Reach: what untraced code reads by name when it runs, its globals and the modules behind them.

Layer: compiler. Which of a module's names code reads is not known for certain, so all that any of the code mentions are
told, for every module of the user's that is within reach. Code that may read any name whatever is told with all names
of these modules, or not at all.
"""

from __future__ import annotations

import dis
import importlib.util
import sys
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch._library.custom_ops import OPDEFS

from megacache.compiler.facts import PLAIN, Facts, UnprovableError
from megacache.compiler.origins import is_by_release, is_module_by_release

if TYPE_CHECKING:
    from megacache.compiler.content import Content

_ASK_FOR_ALL_NAMES = frozenset(
    {"__dict__", "__getattribute__", "attrgetter", "dir", "getattr", "getmembers", "hasattr", "vars"}
)
"""With one of these, code may read any attribute, not only those that it mentions."""

_READ_ANYTHING = {
    "builtins": frozenset({"__import__", "eval", "exec", "globals"}),
    "inspect": frozenset({"currentframe", "getmodule", "stack", "trace"}),
    "sys": frozenset({"_current_frames", "_getframe", "modules"}),
}
"""Per module, what gives code all that there is."""

_MODULES_THAT_READ_ANYTHING = frozenset({"_pickle", "ctypes", "gc", "importlib", "pickle", "pkgutil", "pydoc", "runpy"})

_ATTRIBUTES_THAT_READ_ANYTHING = frozenset({"__builtins__", "__globals__", "__subclasses__", "f_builtins", "f_globals"})

_NOT_TOLD_OF_CLASSES = frozenset(
    {"__annotate__", "__annotations__", "__orig_bases__", "__parameters__", "__type_params__", "get_type_hints"}
)
"""What Python keeps in a class for those who read source, some of it from when it is first asked for."""

_BOOKKEEPING = frozenset(
    {
        *("__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__"),
        "__spec__",
    }
)
"""What the import of a module puts into it."""


class Reach:
    """The modules that were met while one object was told, and the names by which its code reads them."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._modules: list[types.ModuleType] = []

    def note_call(self, module: object, name: str) -> None:
        """Note that code can call what a release tells.

        Raises:
            UnprovableError: When that gives it all that there is.
        """
        package = str(module).partition(".")[0]
        if package in _MODULES_THAT_READ_ANYTHING or name in _READ_ANYTHING.get(str(module), ()):
            raise UnprovableError(f"{module}.{name} can read anything")
        self._names |= {name} & _ASK_FOR_ALL_NAMES

    def note_module(self, module: types.ModuleType) -> None:
        """Note that code can read a module.

        Raises:
            UnprovableError: When that gives it all that there is.
        """
        self.note_call(module.__name__, "")
        self._modules.append(module)

    def globals_facts(self, content: Content, function: types.FunctionType) -> Iterator[Facts]:
        """Yield the globals that a function reads, and the modules that it imports when it runs.

        Raises:
            UnprovableError: When it may read anything, or when something cannot be told.
        """
        from megacache.compiler.mentions import mentions_of  # it needs `content`

        mentions = mentions_of(function.__code__)
        names = mentions.attributes | mentions.texts
        if (mentions.global_names | names) & (_ATTRIBUTES_THAT_READ_ANYTHING | _NOT_TOLD_OF_CLASSES):
            raise UnprovableError(f"{function.__qualname__} can read anything")
        self._names |= names
        for name in sorted(mentions.global_names):
            for scope in (function.__globals__, _builtins_of(function)):
                if name in scope:
                    yield (name, content.facts(scope[name]))
                    break
        yield from (content.facts(each) for each in _imported(function))

    def facts(self, content: Content) -> Iterator[Facts]:
        """Yield the names of modules that the code mentions, until none is left that was not told.

        Raises:
            UnprovableError: When one of them cannot be told.
        """
        told: set[tuple[int, str]] = set()
        while pending := [pair for pair in self._mentioned() if pair not in told]:
            for place, name in pending:
                told.add((place, name))
                yield (place, name, content.facts(_attribute(self._modules[place], name)))

    def _mentioned(self) -> Iterator[tuple[int, str]]:
        for place, module in enumerate(self._modules):
            yield from ((place, name) for name in sorted(self._names_in(module)))

    def _names_in(self, module: types.ModuleType) -> Iterable[str]:
        if isinstance(module, (torch._ops._Ops, torch._ops._OpNamespace)):
            return self._operators_in(module)
        held = vars(module)
        if is_module_by_release(module.__name__):
            for name in self._names & _READ_ANYTHING.get(module.__name__, frozenset()):
                self.note_call(module.__name__, name)
            return (name for name in self._names & held.keys() if _may_differ(held[name]))
        if self._names & _ASK_FOR_ALL_NAMES:
            return held.keys() - _BOOKKEEPING
        # What an installed package imports when it is first asked for, is what its version is.
        maker = "__version__" if "-packages" in str(held.get("__file__")) else "__getattr__"
        return (self._names | {maker}) & held.keys()

    def _operators_in(self, module: types.ModuleType) -> Iterable[str]:
        if self._names & _ASK_FOR_ALL_NAMES:
            return list(OPDEFS)
        names = self._names | {getattr(module, "name", "")}  # a namespace is itself mentioned
        return (name for name in OPDEFS if names.issuperset(name.split("::")))


def _attribute(module: types.ModuleType, name: str) -> Any:
    return OPDEFS[name] if "::" in name else vars(module)[name]


def _may_differ(value: Any) -> bool:
    """Say whether what stands in a module of torch's or Python's own may be more than their release tells."""
    kind = type(value)
    if kind is types.FunctionType:
        return not is_by_release(value.__code__)
    return kind in PLAIN or issubclass(kind, (type, types.ModuleType))


def _builtins_of(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = function.__builtins__
    return found


def _imported(function: types.FunctionType) -> Iterator[types.ModuleType]:
    """Yield the modules that a function imports when it runs."""
    from megacache.compiler.content import codes_in

    for code in codes_in(function.__code__):
        steps = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
        for level, names, step in zip(steps, steps[1:], steps[2:], strict=False):
            if step.opname == "IMPORT_NAME":
                name = _absolute(step.argval, level.argval, function.__globals__)
                yield from _modules_of(name, names.argval or ())


def _absolute(name: str, level: int, scope: dict[str, Any]) -> str:
    package = scope.get("__package__") or scope.get("__name__", "").rpartition(".")[0]
    return importlib.util.resolve_name("." * level + name, package) if level else name


def _modules_of(name: str, names: Iterable[str]) -> Iterator[types.ModuleType]:
    """Yield what the import of some names from a module reads: the module, and the packages around it."""
    if is_module_by_release(name) and name not in sys.modules:
        return
    parts = name.split(".")
    for each in (".".join(parts[:length]) for length in range(1, len(parts) + 1)):
        if each not in sys.modules:
            raise UnprovableError(f"{each} is imported when it runs, and was not yet")
        yield sys.modules[each]
    if not is_module_by_release(name) and not vars(sys.modules[name]).keys() >= set(names):
        raise UnprovableError(f"a part of {name} is imported when it runs, and was not yet")
