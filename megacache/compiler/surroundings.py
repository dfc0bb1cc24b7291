"""Surroundings: what traced code can reach by the names that it mentions, told without the values that guards compare.

Layer: compiler. Dynamo guards what it reads, but not all: a lookup that found nothing, the keys of a dict that was
taken whole, what decides on `isinstance`, whether a tensor is a leaf, whether two names hold one list. Within one
process that is torch's own affair; between two processes it would make a stored variant wrong. So what the names reach
is told (see `walk`).
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from megacache.compiler.facts import digest
from megacache.compiler.mentions import mentions_of
from megacache.compiler.origins import is_by_release, is_module_by_release, modules_of_file
from megacache.compiler.walk import ASK_FOR_ALL_NAMES, Walk

Scope = Mapping[str, Any]

_READ_THE_ENVIRONMENT = frozenset({"environ", "getenv"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where traced code begins to read, and the names by which it goes on.

    Attributes:
        roots: Per module, the globals that its code reads; the frame's own module is "".
        modules: The modules of the user's that code imports when it runs.
        names: The attributes that any of the code mentions.
        texts: The texts that may be a name.
    """

    roots: tuple[tuple[str, tuple[str, ...]], ...]
    modules: tuple[str, ...]
    names: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, codes: Iterable[types.CodeType], module: str, imported: Iterable[str] = ()) -> Surroundings:
        """Take the names that code mentions.

        Args:
            codes: What was traced; torch's and Python's own are passed over.
            module: `__name__` of the frame's globals.
            imported: The modules that Dynamo went to, or that the code imported.
        """
        modules = tuple(sorted({each for each in imported if not is_module_by_release(each)}))
        roots: dict[str, set[str]] = {"": set()}
        names: set[str] = set()
        texts: set[str] = set()
        for code in codes:
            if is_by_release(code):
                continue
            mentions = mentions_of(code)
            read = set(mentions.global_names)
            if "globals" in read:
                read |= mentions.texts
            for place in _places_of(code, module, modules):
                roots.setdefault(place, set()).update(read)
            names |= mentions.attributes | mentions.texts | (mentions.global_names & _TOLD_AS_ATTRIBUTES)
            texts |= mentions.texts
        told = ((place, tuple(sorted(read))) for place, read in sorted(roots.items()))
        return cls(tuple(told), modules, frozenset(names), frozenset(texts))

    def __reduce__(self) -> tuple[Any, ...]:
        """Write the names in order, so that equal surroundings are equal bytes."""
        return _read_back, (self.roots, self.modules, tuple(sorted(self.names)), tuple(sorted(self.texts)))

    def told(self, local_scope: Scope, global_scope: Scope, closure: tuple[types.CellType, ...] = ()) -> Iterator[str]:
        """Yield one line per root that is there, then what decides on `isinstance`.

        Args:
            local_scope: The locals of the frame.
            global_scope: Its globals.
            closure: The cells of its function, which other functions may share.

        Raises:
            UnprovableError: When too much is within reach.
        """
        walk = Walk(self.names)
        if closure:
            yield f"its closure reaches {walk.told(closure)}"
        for name, value in sorted(local_scope.items()):
            yield f"L['{name}'] reaches {walk.told(value)}"
        for module, read in self.roots:
            scope = _scope_of(module) if module else global_scope
            for name in (name for name in read if name in scope):
                yield f"G['{name}']{module and f' of {module}'} reaches {walk.told(scope[name])}"
        for module in (module for module in self._all_modules() if module in sys.modules):
            yield f"module {module} reaches {walk.told(sys.modules[module])}"
        yield from self._environment()
        yield from walk.told_instances()

    def _all_modules(self) -> Iterable[str]:
        """Return the modules that code reaches by no variable."""
        if "modules" not in self.names:
            return self.modules
        asked = (text for text in self.texts if text in sys.modules and not is_module_by_release(text))
        return sorted({*self.modules, *asked})

    def _environment(self) -> Iterator[str]:
        for name in sorted(self.texts & os.environ.keys()):
            yield f"environment variable {name} is {digest((os.environ[name],))}"
        if self.names & _READ_THE_ENVIRONMENT:  # the name of a variable may be computed
            yield f"names of the environment is {digest(tuple(sorted(os.environ)))}"


_TOLD_AS_ATTRIBUTES = ASK_FOR_ALL_NAMES | _READ_THE_ENVIRONMENT


def _places_of(code: types.CodeType, module: str, imported: Iterable[str]) -> Iterator[str]:
    """Yield the modules whose globals code may read: its file's, or where it has none, all in question."""
    own = next(modules_of_file(code.co_filename), None)
    if own is not None:
        yield "" if own == module else own
        return
    yield ""
    yield from (each for each in ("__main__", *imported) if each != module)


def _scope_of(module: str) -> Scope:
    found = sys.modules.get(module)
    return {} if found is None else vars(found)


def _read_back(
    roots: tuple[Any, ...], modules: tuple[str, ...], names: Iterable[str], texts: Iterable[str]
) -> Surroundings:
    return Surroundings(roots, modules, frozenset(names), frozenset(texts))
