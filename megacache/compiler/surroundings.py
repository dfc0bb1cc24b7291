"""Surroundings: what traced code can reach by the names that it mentions, told without the values that guards compare.

Layer: compiler. Dynamo guards what it reads, but not all: a lookup that found nothing, the keys of a dict that was
taken whole, what decides on `isinstance`, whether a tensor is a leaf. Within one process that is torch's own affair;
between two processes it would make a stored variant wrong. So what the names reach is told: the kind of each value, the
keys and lengths of containers, which of the mentioned attributes are there. Plain values are not told: Dynamo guards
those, and knows when a number may be any number.

No code of the user's runs, but for `isinstance` where a class has its own answer; Dynamo asks it as well.
"""

from __future__ import annotations

import abc
import enum
import functools
import os
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from megacache.compiler.content import UnprovableError, digest
from megacache.compiler.mentions import mentions_of
from megacache.compiler.origins import is_by_release, is_module_by_release, modules_of_file

Scope = Mapping[str, Any]

_MOST_OBJECTS = 50_000
"""Objects that are looked at for one variant."""

_MOST_ELEMENTS = 1_000
"""Elements of a container that are looked at one by one."""

_DEEPEST = 60

_ASK_FOR_ALL_NAMES = frozenset({"__dict__", "dir", "getattr", "hasattr", "vars"})
"""Where code mentions one of these, any attribute may matter, not only those that it mentions."""

_NOT_TOLD = ("__", "_dynamo", "_torchdynamo")
"""How the names begin that Python keeps for itself, and those that Dynamo gives to what it has met."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range, slice)

_TENSOR_FACTS: Mapping[str, Callable[[torch.Tensor], object]] = {
    "_base": lambda tensor: tensor._base is None,
    "_is_view": lambda tensor: tensor._is_view(),
    "_version": lambda tensor: tensor._version,
    "grad_fn": lambda tensor: tensor.grad_fn is None or type(tensor.grad_fn).__name__,
    "is_leaf": lambda tensor: tensor.is_leaf,
    "is_pinned": lambda tensor: tensor.is_pinned(),
    "is_shared": lambda tensor: tensor.untyped_storage().is_shared(),
    "nbytes": lambda tensor: tensor.untyped_storage().nbytes(),
    "output_nr": lambda tensor: tensor.output_nr,
    "retains_grad": lambda tensor: tensor.retains_grad,
    "storage_offset": lambda tensor: tensor.storage_offset(),
}
"""What Dynamo takes from a tensor as a constant and leaves without a guard, by the attribute that asks for it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where traced code begins to read, and the names by which it goes on.

    Attributes:
        roots: Per module, the globals that its code reads; the frame's own module is "".
        names: The attributes that any of the code mentions.
        texts: The texts that may be a name.
    """

    roots: tuple[tuple[str, tuple[str, ...]], ...]
    names: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, codes: Iterable[types.CodeType], module: str) -> Surroundings:
        """Take the names that code mentions.

        Args:
            codes: What was traced; torch's and Python's own are passed over.
            module: `__name__` of the frame's globals.
        """
        roots: dict[str, set[str]] = {"": set()}
        names: set[str] = set()
        texts: set[str] = set()
        for code in codes:
            if is_by_release(code):
                continue
            mentions = mentions_of(code)
            own = next(modules_of_file(code.co_filename), module)
            read = roots.setdefault("" if own == module else own, set())
            read |= mentions.global_names
            if "globals" in mentions.global_names:
                read |= mentions.texts
            names |= mentions.attributes | mentions.texts | (mentions.global_names & _ASK_FOR_ALL_NAMES)
            texts |= mentions.texts
        told = ((place, tuple(sorted(read))) for place, read in sorted(roots.items()))
        return cls(tuple(told), frozenset(names), frozenset(texts))

    def __reduce__(self) -> tuple[Any, ...]:
        """Write the names in order, so that equal surroundings are equal bytes."""
        return _read_back, (self.roots, tuple(sorted(self.names)), tuple(sorted(self.texts)))

    def told(self, local_scope: Scope, global_scope: Scope) -> Iterator[str]:
        """Yield one line per root that is there, then what decides on `isinstance`.

        Args:
            local_scope: The locals of the frame.
            global_scope: Its globals.

        Raises:
            UnprovableError: When too much is within reach.
        """
        walk = _Walk(self.names)
        for name, value in sorted(local_scope.items()):
            yield f"L['{name}'] reaches {walk.told(value)}"
        for module, read in self.roots:
            scope = _scope_of(module) if module else global_scope
            for name in (name for name in read if name in scope):
                yield f"G['{name}']{module and f' of {module}'} reaches {walk.told(scope[name])}"
        for name in sorted(self.texts & os.environ.keys()):
            yield f"environment variable {name} is {digest((os.environ[name],))}"
        yield from walk.told_instances()


def _scope_of(module: str) -> Scope:
    found = sys.modules.get(module)
    return {} if found is None else vars(found)


def _read_back(roots: tuple[Any, ...], names: Iterable[str], texts: Iterable[str]) -> Surroundings:
    return Surroundings(roots, frozenset(names), frozenset(texts))


class _Walk:
    """Follows names from value to value; each object is told once.

    Args:
        names: The attributes to follow.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._is_all_named = bool(names & _ASK_FOR_ALL_NAMES)
        self._asked = tuple(sorted(names & _TENSOR_FACTS.keys()))
        self._known: dict[int, tuple[object, str]] = {}
        self._depth = 0
        self._classes: dict[type, None] = {}
        self._samples: dict[type, object] = {}

    def told(self, value: object) -> str:
        """Return a digest of what a value is and reaches; of a plain value, its type."""
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        if len(self._known) >= _MOST_OBJECTS:
            raise UnprovableError(f"it can reach more than {_MOST_OBJECTS:,} objects by the names that it mentions")
        name = f"{kind.__module__}.{kind.__qualname__}"
        self._known[id(value)] = value, f"again {name}"
        self._depth += 1
        parts = tuple(self._parts(value, kind)) if self._depth <= _DEEPEST else ()
        self._depth -= 1
        found = digest((name, *parts)) if parts else name
        self._known[id(value)] = value, found
        return found

    def told_instances(self) -> Iterator[str]:
        """Tell what decides on `isinstance` and `issubclass`, for every class that does not leave it to its bases."""
        deciding = sorted(filter(_has_own_answer, self._classes), key=_name_of)
        for decides in deciding:
            kinds = sorted((each for each in (*self._samples, *self._classes) if each is not decides), key=_name_of)
            answers = tuple((_name_of(each), *self._answers(decides, each)) for each in kinds)
            yield f"instances of {_name_of(decides)}: {digest(answers)}"

    def _answers(self, decides: type, kind: type) -> Iterator[str]:
        yield _answer(issubclass, kind, decides)
        if kind in self._samples:
            yield _answer(isinstance, self._samples[kind], decides)

    def _parts(self, value: Any, kind: type) -> Iterator[object]:
        if issubclass(kind, type):
            yield from self._class(value)
            return
        self._samples.setdefault(kind, value)
        if not is_module_by_release(kind.__module__):
            yield self.told(kind)
        tell = next((tell for kinds, tell in _TELLERS if issubclass(kind, kinds)), _Walk._attributes)
        yield from tell(self, value)

    def _function(self, value: types.FunctionType) -> Iterator[object]:
        if is_by_release(value.__code__):
            return
        yield from self._named(_dict_of(value))
        for cell in value.__closure__ or ():
            yield self._cell(cell)
        yield from map(self.told, value.__defaults__ or ())
        yield from self._items(value.__kwdefaults__ or {})

    def _cell(self, cell: types.CellType) -> object:
        try:
            return self.told(cell.cell_contents)
        except ValueError:  # a variable that was not assigned yet
            return "empty"

    def _method(self, value: types.MethodType) -> Iterator[object]:
        yield self.told(value.__self__)
        yield self.told(value.__func__)

    def _partial(self, value: functools.partial[object]) -> Iterator[object]:
        yield self.told(value.func)
        yield from map(self.told, value.args)
        yield from self._items(value.keywords)

    def _module(self, value: types.ModuleType) -> Iterator[object]:
        yield value.__name__
        if type(value) is not types.ModuleType:  # such a one makes its attributes when they are first read
            return
        held = vars(value)
        if not is_module_by_release(value.__name__):
            yield from self._named(held)
            return
        for name in sorted(self._names & held.keys()):
            each = held[name]
            if isinstance(each, types.ModuleType):  # whether it is imported yet is not told
                self.told(each)
            else:
                yield name
                if isinstance(each, type):
                    self.told(each)

    def _class(self, value: type) -> Iterator[object]:
        self._classes[value] = None
        if issubclass(value, enum.Enum):
            yield from ((name, self._key(each._value_)) for name, each in value.__members__.items())
        for each in value.__mro__:
            if not is_module_by_release(each.__module__):
                yield _name_of(each), *self._named(vars(each))

    def _tensor(self, value: torch.Tensor) -> Iterator[object]:
        for name in self._asked:
            yield name, _TENSOR_FACTS[name](value)
        yield from self._named(_dict_of(value))

    def _nn_module(self, value: torch.nn.Module) -> Iterator[object]:
        held = _dict_of(value)
        yield from self._named(held)
        for name in ("_parameters", "_buffers", "_modules"):
            yield name, *self._items(held.get(name, {}))
        # Of hooks, Dynamo guards those that are there, by number, and not that there is no other.
        yield from ((name, len(held[name])) for name in sorted(held) if "_hooks" in name and held[name])

    def _dict(self, value: Mapping[object, object]) -> Iterator[object]:
        yield from self._items(value)
        yield from self._attributes(value)

    def _sequence(self, value: Any) -> Iterator[object]:
        elements = _elements(value)
        yield len(elements)
        yield from map(self.told, elements if len(elements) <= _MOST_ELEMENTS else ())
        yield from self._attributes(value)

    def _set(self, value: Any) -> Iterator[object]:
        elements = sorted(_elements(value), key=_rank)
        yield len(elements)
        yield from sorted(map(self._key, elements)) if len(elements) <= _MOST_ELEMENTS else ()
        yield from self._attributes(value)

    def _items(self, value: Mapping[Any, object]) -> Iterator[object]:
        items = _pairs(value)
        yield len(items)
        is_small = len(items) <= _MOST_ELEMENTS
        for key, each in items:
            yield (self._key(key), self.told(each)) if is_small else self._key(key)

    def _key(self, key: object) -> str:
        return repr(key) if type(key) in _PLAIN else self.told(key)

    def _attributes(self, value: object) -> Iterator[object]:
        yield from self._named(_dict_of(value))
        yield from self._slots(value)

    def _slots(self, value: object) -> Iterator[object]:
        for each in type(value).__mro__:
            if each.__flags__ & _IS_MADE_IN_PYTHON and "__slots__" in vars(each):
                yield from self._filled_slots(value, each)

    def _filled_slots(self, value: object, owner: type) -> Iterator[object]:
        for name, member in vars(owner).items():
            if isinstance(member, types.MemberDescriptorType) and name in self._names:
                try:
                    yield name, self.told(member.__get__(value))
                except AttributeError:  # it was not assigned yet
                    continue

    def _named(self, held: Mapping[str, object]) -> Iterator[object]:
        """Tell the mentioned attributes that are there, in the order of their names."""
        if self._is_all_named:
            yield from (name for name in held if not name.startswith(_NOT_TOLD))
        for name in sorted(self._names & held.keys()):
            yield name, self.told(held[name])


_IS_MADE_IN_PYTHON = 1 << 9
"""`Py_TPFLAGS_HEAPTYPE`."""

Teller = Callable[[_Walk, Any], Iterator[object]]

_TELLERS: tuple[tuple[type | tuple[type, ...], Teller], ...] = (
    (torch.Tensor, _Walk._tensor),
    (torch.nn.Module, _Walk._nn_module),
    (types.FunctionType, _Walk._function),
    (types.MethodType, _Walk._method),
    (types.ModuleType, _Walk._module),
    (functools.partial, _Walk._partial),
    ((dict, types.MappingProxyType), _Walk._dict),
    ((tuple, list, deque), _Walk._sequence),
    ((set, frozenset), _Walk._set),
)


def _has_own_answer(kind: type) -> bool:
    """Say whether a class decides itself what is an instance of it."""
    meta = type(kind)
    return issubclass(meta, abc.ABCMeta) or meta.__instancecheck__ is not type.__instancecheck__


def _answer(ask: Callable[[Any, Any], bool], what: object, decides: type) -> str:
    try:
        return str(ask(what, decides))
    except Exception as error:  # noqa: BLE001  the user's own answer; Dynamo meets the same
        return type(error).__name__


# A class of the user's may have its own way of telling what its instances hold: Python's own is asked.


def _dict_of(value: object) -> Mapping[str, Any]:
    """Return an object's attributes, or nothing where it has no `__dict__` or one that is computed."""
    owner = next((each for each in type(value).__mro__ if "__dict__" in vars(each)), None)
    if owner is None or not isinstance(vars(owner)["__dict__"], types.GetSetDescriptorType):
        return {}
    found: Mapping[str, Any] = object.__getattribute__(value, "__dict__")
    return found


def _elements(value: Any) -> list[object]:
    base: Any = next(each for each in (tuple, list, deque, set, frozenset) if issubclass(type(value), each))
    return list(base.__iter__(value))


def _rank(value: object) -> tuple[str, str]:
    """Return where an element of a set is told: a set is in another order in each process."""
    kind = type(value)
    if kind in _PLAIN:
        return _name_of(kind), repr(value)
    return _name_of(kind), _name_of(value) if isinstance(value, type) else ""


def _pairs(value: Any) -> list[tuple[object, object]]:
    base: Any = next((each for each in (OrderedDict, dict) if issubclass(type(value), each)), type(value))
    return list(base.items(value))


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
