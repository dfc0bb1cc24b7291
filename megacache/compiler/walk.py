"""Walk: goes from value to value by the names that code mentions, and tells what is there.

Layer: compiler. Told are the kind of each value, the keys and lengths of containers, which of the mentioned attributes
are there, and where one object is met again. Plain values are not told: Dynamo guards those, and knows when a number
may be any number. No code of the user's runs, but for `isinstance` where a class has its own answer; Dynamo asks it as
well.
"""

from __future__ import annotations

import abc
import enum
import functools
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from megacache.compiler.facts import IS_MADE_IN_PYTHON, UnprovableError, digest, name_of, of_type
from megacache.compiler.origins import is_by_release, is_module_by_release

_MOST_OBJECTS = 50_000
"""Objects that are looked at for one variant."""

_MOST_ELEMENTS = 1_000
"""Plain elements of a container that are looked at one by one."""

_DEEPEST = 60

ASK_FOR_ALL_NAMES = frozenset({"__dict__", "dir", "getattr", "hasattr", "vars"})
"""Where code mentions one of these, any attribute may matter, not only those that it mentions."""

_ASK_FOR_ANNOTATIONS = frozenset({"__annotations__", "annotation", "get_annotations", "get_type_hints", "signature"})

_NOT_TOLD = ("__", "_dynamo", "_torchdynamo")
"""How the names begin that Python keeps for itself, and those that Dynamo gives to what it has met."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range, slice)

_HOLDERS = frozenset({"argparse", "collections", "types", "_thread", "_threading_local"})
"""Modules of Python whose classes hold what the user puts there under names that only their own code mentions."""


def _storage_bytes(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes()


_TENSOR_FACTS: Mapping[str, Callable[[torch.Tensor], object]] = {
    "_base": lambda tensor: tensor._base is None,
    "_is_view": lambda tensor: tensor._is_view(),
    "_version": lambda tensor: tensor._version,
    "grad_fn": lambda tensor: tensor.grad_fn is None or type(tensor.grad_fn).__name__,
    "is_leaf": lambda tensor: tensor.is_leaf,
    "is_pinned": lambda tensor: tensor.is_pinned(),
    "is_shared": lambda tensor: tensor.untyped_storage().is_shared(),
    "nbytes": _storage_bytes,
    "output_nr": lambda tensor: tensor.output_nr,
    "retains_grad": lambda tensor: tensor.retains_grad,
    "storage": _storage_bytes,
    "storage_offset": lambda tensor: tensor.storage_offset(),
    "untyped_storage": _storage_bytes,
}
"""What Dynamo takes from a tensor as a constant and leaves without a guard, by the attribute that asks for it."""


class Walk:
    """Follows names from value to value; each object is told once, and by its number where it is met again.

    Args:
        names: The attributes to follow.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._is_all_named = bool(names & ASK_FOR_ALL_NAMES)
        self._asked = tuple(sorted(names & _TENSOR_FACTS.keys()))
        self._known: dict[int, tuple[object, str]] = {}
        self._count = 0
        self._depth = 0
        self._classes: dict[type, None] = {}
        self._samples: defaultdict[type, list[object]] = defaultdict(list)

    def told(self, value: object) -> str:
        """Return a digest of what a value is and reaches; of a plain value, its type.

        Args:
            value: Anything.

        Raises:
            UnprovableError: When too much is within reach.
        """
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        if len(self._known) >= _MOST_OBJECTS or self._depth >= _DEEPEST:
            raise UnprovableError(f"it can reach more than {_MOST_OBJECTS:,} objects, or deeper than {_DEEPEST}")
        return self._first(value, kind)

    def _first(self, value: object, kind: type) -> str:
        name = name_of(kind)
        is_numbered = _is_the_users(value, kind)
        self._count += is_numbered
        self._known[id(value)] = value, f"again {name} {self._count if is_numbered else ''}"
        self._depth += 1
        parts = tuple(self._parts(value, kind))
        self._depth -= 1
        found = digest((name, *parts)) if parts else name
        if not is_numbered:
            self._known[id(value)] = value, found
        return found

    # -- what decides on `isinstance` --------------------------------------------------------------------------------

    def told_instances(self) -> Iterator[str]:
        """Yield one line per class that decides itself what is an instance of it or a subclass."""
        for decides in sorted(filter(_has_own_answer, self._classes), key=name_of):
            kinds = sorted(
                (each for each in dict.fromkeys((*self._samples, *self._classes)) if each is not decides), key=name_of
            )
            answers = tuple((name_of(each), *self._answers(decides, each)) for each in kinds)
            yield f"instances of {name_of(decides)} is {digest(answers)}"

    def _answers(self, decides: type, kind: type) -> Iterator[str]:
        yield _answer(issubclass, kind, decides)
        samples = self._samples.get(kind, [])
        # An abstract class looks at the type alone; a protocol, or a metaclass of the user's, at each object.
        yield from (_answer(isinstance, each, decides) for each in (samples if _asks_objects(decides) else samples[:1]))

    # -- kinds of values ---------------------------------------------------------------------------------------------

    def _parts(self, value: Any, kind: type) -> Iterator[object]:
        if issubclass(kind, type):
            yield from self._class(value)
            return
        self._samples[kind].append(value)
        if not is_module_by_release(kind.__module__):
            yield self.told(kind)
        tell = next((tell for kinds, tell in _TELLERS if issubclass(kind, kinds)), Walk._attributes)
        yield from tell(self, value)

    def _function(self, value: types.FunctionType) -> Iterator[object]:
        if not is_by_release(value.__code__):
            yield from self._named(_dict_of(value))
            if self._names & _ASK_FOR_ANNOTATIONS:
                yield from ((name, self._exactly(each)) for name, each in value.__annotations__.items())
        yield from map(self.told, value.__closure__ or ())
        yield from map(self.told, value.__defaults__ or ())
        yield from self._items(value.__kwdefaults__ or {})

    def _exactly(self, value: object) -> str:
        return repr(value) if type(value) in (*_PLAIN, torch.dtype, torch.device) else self.told(value)

    def _cell(self, value: types.CellType) -> Iterator[object]:
        try:
            yield self.told(value.cell_contents)
        except ValueError:  # a variable that was not assigned yet
            yield "empty"

    def _wrapper(self, value: Any) -> Iterator[object]:
        yield from (self.told(getattr(value, name, None)) for name in _INSIDE_OF_WRAPPERS)

    def _built_in(self, value: Any) -> Iterator[object]:
        if not isinstance(value.__self__, types.ModuleType):
            yield self.told(value.__self__)

    def _reference(self, value: weakref.ref[object]) -> Iterator[object]:
        yield self.told(weakref.ref.__call__(value))

    def _partial(self, value: functools.partial[object]) -> Iterator[object]:
        yield self.told(value.func)
        yield from map(self.told, value.args)
        yield from self._items(value.keywords)

    def _module(self, value: types.ModuleType) -> Iterator[object]:
        yield value.__name__
        kind, held = type(value), _dict_of(value)
        if kind is torch._ops._Ops:
            yield from sorted(filter(self._is_named_operator, torch._C._dispatch_get_all_op_names()))
        elif kind is torch._ops._OpNamespace:
            yield from (name for name in sorted(self._names) if _is_operator(value.__name__, name))
        elif any("__getattr__" in vars(each) for each in kind.__mro__[: kind.__mro__.index(types.ModuleType)]):
            return  # it makes its attributes when they are first read
        elif not is_module_by_release(value.__name__):
            # Some packages fill theirs from a set, and import their modules when these are first read.
            yield from self._named({name: held[name] for name in sorted(held) if self._is_told_of_module(name, held)})
        else:
            yield from self._named_of_release(held)

    def _is_named_operator(self, qualified: str) -> bool:
        """Say whether an operator, such as `aten::add.out`, is mentioned by its namespace and its name."""
        namespace, _, name = qualified.partition("::")
        return namespace in self._names and name.partition(".")[0] in self._names

    def _is_told_of_module(self, name: str, held: Mapping[str, Any]) -> bool:
        return name in self._names or not isinstance(held[name], types.ModuleType)

    def _named_of_release(self, held: Mapping[str, Any]) -> Iterator[object]:
        """Tell which mentioned names a module of torch's or Python's has, and what is behind those that lead on."""
        late = frozenset(held.get("_lazy_modules", ()))  # of torch's: imported when they are first read
        for name in sorted((self._names & held.keys()) - late):
            yield name
            if isinstance(held[name], (types.ModuleType, type)):
                yield self.told(held[name])

    def _class(self, value: type) -> Iterator[object]:
        self._classes[value] = None
        if issubclass(value, enum.Enum):
            yield from ((name, self._key(each._value_)) for name, each in value.__members__.items())
        for each in of_type(value, "__mro__"):
            if not is_module_by_release(each.__module__):
                yield name_of(each), *self._named(of_type(each, "__dict__"))

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

    # -- containers --------------------------------------------------------------------------------------------------

    def _dict(self, value: Mapping[object, object]) -> Iterator[object]:
        yield from self._items(value)
        yield from self._attributes(value)

    def _sequence(self, value: Any) -> Iterator[object]:
        elements = _elements(value)
        yield len(elements)
        yield from self._values(elements)
        yield from self._attributes(value)

    def _set(self, value: Any) -> Iterator[object]:
        elements = sorted(_elements(value), key=_rank)
        yield len(elements)
        yield from sorted(map(self._key, elements))
        yield from self._attributes(value)

    def _items(self, value: Mapping[Any, object]) -> Iterator[object]:
        items = _pairs(value)
        yield len(items)
        yield from (self._key(key) for key, _ in items)
        yield from self._values([each for _, each in items])

    def _values(self, values: list[object]) -> Iterator[object]:
        kinds = set(map(type, values))
        if len(values) > _MOST_ELEMENTS and kinds <= set(_PLAIN):
            yield from sorted(map(name_of, kinds))
        else:
            yield from map(self.told, values)

    def _key(self, key: object) -> str:
        return repr(key) if type(key) in _PLAIN else self.told(key)

    # -- attributes --------------------------------------------------------------------------------------------------

    def _attributes(self, value: object) -> Iterator[object]:
        held = _dict_of(value)
        if any(each.__module__.partition(".")[0] in _HOLDERS for each in type(value).__mro__):
            yield from self._items(held)
        else:
            yield from self._named(held)
        yield from self._slots(value)

    def _slots(self, value: object) -> Iterator[object]:
        for each in type(value).__mro__:
            if each.__flags__ & IS_MADE_IN_PYTHON and "__slots__" in vars(each):
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


_INSIDE_OF_WRAPPERS = ("__func__", "__self__", "__wrapped__", "fget", "fset", "fdel")

_WRAPPERS = (types.MethodType, staticmethod, classmethod, property, functools._lru_cache_wrapper)

Teller = Callable[[Walk, Any], Iterator[object]]

_TELLERS: tuple[tuple[type | tuple[type, ...], Teller], ...] = (
    (torch.Tensor, Walk._tensor),
    (torch.nn.Module, Walk._nn_module),
    (types.FunctionType, Walk._function),
    (types.CellType, Walk._cell),
    (_WRAPPERS, Walk._wrapper),
    (types.BuiltinFunctionType, Walk._built_in),
    (types.ModuleType, Walk._module),
    (functools.partial, Walk._partial),
    (weakref.ref, Walk._reference),
    ((dict, types.MappingProxyType), Walk._dict),
    ((tuple, list, deque), Walk._sequence),
    ((set, frozenset), Walk._set),
)


def _is_the_users(value: Any, kind: type) -> bool:
    """Say whether it matters that a value is met again: not of what comes with a release, or may be made twice."""
    if issubclass(kind, type):
        return not is_module_by_release(value.__module__)
    if kind is types.FunctionType:
        return not is_by_release(value.__code__)
    return not issubclass(kind, _OFTEN_MADE_ANEW)


_OFTEN_MADE_ANEW = (types.ModuleType, types.BuiltinFunctionType, torch.dtype, torch.device, torch.layout, weakref.ref)


def _is_operator(namespace: str, name: str) -> bool:
    """Say whether an operator is there, without making what torch makes when it is first read."""
    qualified = f"{namespace.rpartition('.')[2]}::{name}"
    return bool(torch._C._jit_get_schemas_for_operator(qualified))


def _has_own_answer(kind: type) -> bool:
    """Say whether a class decides itself what is an instance of it."""
    meta = type(kind)
    return issubclass(meta, abc.ABCMeta) or meta.__instancecheck__ is not type.__instancecheck__


def _asks_objects(kind: type) -> bool:
    """Say whether a class asks more of an object than its type."""
    return type(kind).__instancecheck__ not in (type.__instancecheck__, abc.ABCMeta.__instancecheck__)


def _answer(ask: Callable[[Any, Any], bool], what: object, decides: type) -> str:
    try:
        return str(ask(what, decides))
    except TypeError:  # a protocol with data says so until it was asked for an instance, then no
        return "False"
    except Exception as error:  # noqa: BLE001  the user's own answer; Dynamo meets the same
        return type(error).__name__


# A class of the user's may have its own way of telling what its instances hold: Python's own is asked.


def _dict_of(value: Any) -> Mapping[str, Any]:
    """Return an object's attributes, or nothing where it has no `__dict__` or one that is computed."""
    if issubclass(type(value), threading.local):  # it keeps one for each thread
        own: Mapping[str, Any] = threading.local.__getattribute__(value, "__dict__")
        return own
    owner = next((each for each in type(value).__mro__ if "__dict__" in vars(each)), None)
    kept_by_python = (types.GetSetDescriptorType, types.MemberDescriptorType)
    if owner is None or not isinstance(vars(owner)["__dict__"], kept_by_python):
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
        return name_of(kind), repr(value)
    return name_of(kind), name_of(value) if isinstance(value, type) else ""


def _pairs(value: Any) -> list[tuple[object, object]]:
    base: Any = next((each for each in (OrderedDict, dict) if issubclass(type(value), each)), type(value))
    return list(base.items(value))
