"""Content: what a live object is, told by what it holds and not by where it is, so that two processes can compare.

Layer: compiler. The digest of a function covers its code, that of a class its methods and those of its bases, that of a
module its name. What has no content that can be told apart for certain raises `UnprovableError`: such a thing is never
taken for another.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import logging
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from megacache.compiler.codes import digest_of

Facts = tuple[object, ...]
"""What an object is, as nested tuples of texts: equal for equal content, in every process."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented))

_BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)

_TORCHS_OWN = frozenset({"torch", "torchgen", "functorch"})
"""Packages whose release the system info tells; their functions are known by name."""

_LARGEST_TENSOR = 1 << 16
"""Elements of a tensor that is still told by its values."""


class UnprovableError(Exception):
    """Say that an object has no content by which another process could recognize it. Never leaves the compiler room."""


def digest(facts: Facts) -> str:
    """Return the digest of facts, 32 hexadecimal digits."""
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Content:
    """Tells the facts of live objects, of each object once.

    Args:
        is_deep: Tell also what a function reads when it runs: its globals, defaults and closure. Needed for what Dynamo
            calls and does not look into. Without it, what Dynamo reads in a function has guards of its own.

    Attributes:
        codes: The digests of all code objects that were told so far, with those inside them.
    """

    def __init__(self, *, is_deep: bool = False) -> None:
        self.codes: set[str] = set()
        self._is_deep = is_deep
        self._known: dict[int, tuple[object, Facts]] = {}
        self._open: set[int] = set()

    def facts(self, value: object) -> Facts:
        """Return what an object is.

        Raises:
            UnprovableError: When that cannot be told.
        """
        if isinstance(value, _PLAIN) and type(value) in _PLAIN:
            return (type(value).__name__, repr(value))
        if id(value) in self._known:
            return self._known[id(value)][1]
        if id(value) in self._open:
            return ("cycle", type(value).__name__, getattr(value, "__qualname__", ""))
        self._open.add(id(value))
        try:
            found = self._facts(value)
        finally:
            self._open.discard(id(value))
        self._known[id(value)] = (value, found)
        return found

    def _facts(self, value: object) -> Facts:
        for kinds, tell in _TELLERS:
            if isinstance(value, kinds):
                return tell(self, value)
        return self._torchs(value)

    # -- code --------------------------------------------------------------------------------------------------------

    def _code(self, value: types.CodeType) -> Facts:
        return ("code", value.co_qualname, self._digest(value))

    def _digest(self, value: types.CodeType) -> str:
        self.codes.update(map(code_digest, codes_in(value)))
        return code_digest(value)

    def _function(self, value: types.FunctionType) -> Facts:
        name = (str(value.__module__), value.__qualname__)
        if _package(value.__module__) in _TORCHS_OWN and _is_found_by_name(value):
            return ("function", *name)
        told = ("function", *name, self._digest(value.__code__), self._closure(value), self._defaults(value))
        return (*told, self._globals(value)) if self._is_deep else told

    def _closure(self, value: types.FunctionType) -> Facts:
        return tuple(self._read_later(each) for each in _filled(value.__closure__ or ()))

    def _defaults(self, value: types.FunctionType) -> Facts:
        keywords = value.__kwdefaults__ or {}
        return (
            *(self._read_later(each) for each in value.__defaults__ or ()),
            *((name, self._read_later(keywords[name])) for name in sorted(keywords)),
        )

    def _read_later(self, value: object) -> Facts:
        """Tell what a function holds: functions and classes always, other values only where nobody guards them."""
        if self._is_deep or isinstance(value, (types.FunctionType, types.MethodType, type, *_PLAIN)):
            return self.facts(value)
        return ("value", _name_of(type(value)))

    def _globals(self, value: types.FunctionType) -> Facts:
        names = frozenset(name for code in codes_in(value.__code__) for name in code.co_names)
        scope = value.__globals__
        return tuple((name, self._global(scope[name], names)) for name in sorted(names) if name in scope)

    def _global(self, value: object, names: frozenset[str]) -> Facts:
        if not isinstance(value, types.ModuleType) or _is_by_name(value.__name__):
            return self.facts(value)
        # A module of the user's: which of its names are read is not known, so all that the code mentions are told.
        found = ((name, getattr(value, name)) for name in sorted(names) if name in vars(value))
        return ("module", value.__name__, *((name, self.facts(each)) for name, each in found))

    def _method(self, value: types.MethodType) -> Facts:
        owner = value.__self__
        return ("method", self.facts(value.__func__), self.facts(owner if isinstance(owner, type) else type(owner)))

    def _partial(self, value: functools.partial[object]) -> Facts:
        keywords = [(name, self.facts(each)) for name, each in sorted(value.keywords.items())]
        return ("partial", self.facts(value.func), *map(self.facts, value.args), *keywords)

    def _cached(self, value: functools._lru_cache_wrapper[object]) -> Facts:
        return ("lru_cache", self.facts(value.__wrapped__))

    def _logger(self, value: logging.Logger) -> Facts:
        return ("logger", value.name)

    def _built_in(self, value: Any) -> Facts:
        owner = getattr(value, "__self__", None) or getattr(value, "__objclass__", None)
        where = owner.__name__ if isinstance(owner, types.ModuleType) else _name_of(owner) if owner is not None else ""
        return ("built-in", where, str(getattr(value, "__qualname__", value.__name__)))

    # -- classes and modules -----------------------------------------------------------------------------------------

    def _module(self, value: types.ModuleType) -> Facts:
        return ("module", value.__name__)

    def _class(self, value: type) -> Facts:
        name = ("class", value.__module__, value.__qualname__)
        if not value.__flags__ & _IS_MADE_IN_PYTHON:
            return name
        if issubclass(value, tuple) and hasattr(value, "_fields"):
            name = (*name, *value._fields)
        return (*name, tuple(self.facts(base) for base in value.__bases__), *self._members(value), *self._fields(value))

    def _fields(self, value: type) -> Iterator[Facts]:
        """Tell the defaults of a dataclass: the `__init__` that Python makes of them has no source to be guarded by."""
        for name, field in sorted(getattr(value, "__dataclass_fields__", {}).items()):
            yield ("field", name, self._read_later(field.default), self._read_later(field.default_factory))

    def _members(self, value: type) -> Iterator[Facts]:
        for name, member in sorted(vars(value).items()):
            told = self._member(member)
            if told is not None:
                yield (name, told)

    def _member(self, member: object) -> Facts | None:
        """Tell a method; a plain attribute is guarded where it is read, so its value is not told."""
        if isinstance(member, (staticmethod, classmethod)):
            return (type(member).__name__, self._read_later(member.__func__))
        if isinstance(member, property):
            return ("property", *(self._read_later(each) for each in (member.fget, member.fset, member.fdel)))
        if isinstance(member, (types.FunctionType, functools._lru_cache_wrapper)):
            return self.facts(member)
        return self._descriptor(member) if hasattr(type(member), "__get__") else None

    def _descriptor(self, member: object) -> Facts:
        """Tell what decides on an attribute when it is read: its class, and the functions that it holds."""
        held = sorted(vars(member).items()) if hasattr(member, "__dict__") else []
        functions = ((name, self.facts(each)) for name, each in held if isinstance(each, types.FunctionType))
        return ("descriptor", self.facts(type(member)), *functions)

    # -- values ------------------------------------------------------------------------------------------------------

    def _enum(self, value: enum.Enum) -> Facts:
        return ("enum", value.__class__.__module__, value.__class__.__qualname__, value.name, self.facts(value.value))

    def _sequence(self, value: Iterable[object]) -> Facts:
        return (_name_of(type(value)), *map(self.facts, value))

    def _set(self, value: Iterable[object]) -> Facts:
        return (_name_of(type(value)), *sorted(map(self.facts, value), key=repr))

    def _mapping(self, value: Mapping[object, object]) -> Facts:
        return (_name_of(type(value)), *((self.facts(name), self.facts(each)) for name, each in value.items()))

    def _by_repr(self, value: object) -> Facts:
        return (_name_of(type(value)), repr(value))

    def _torchs(self, value: Any) -> Facts:
        import torch
        from torch._library.custom_ops import CustomOpDef

        if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
            return self._by_repr(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, CustomOpDef):
            return ("custom op", value._qualname, *self._custom_op(value))
        if isinstance(value, (torch._ops.OpOverload, torch._ops.OpOverloadPacket, torch._ops.HigherOrderOperator)):
            return ("op", str(value))
        name = getattr(value, "__name__", "")
        if _name_of(type(value)) == "numpy.ufunc" and getattr(sys.modules["numpy"], name, None) is value:
            return ("ufunc", name)  # torch has one of its own for each, which it takes by name
        raise UnprovableError(f"a {_name_of(type(value))} has no content that another process can compare")

    def _custom_op(self, value: Any) -> Iterator[Facts]:
        deep = self if self._is_deep else Content(is_deep=True)
        functions = (value._init_fn, value._abstract_fn, value._setup_context_fn, value._backward_fn, value._vmap_fn)
        yield from (deep.facts(each) for each in functions)
        yield from (
            ("kernel", str(name), deep.facts(each)) for name, each in sorted(value._backend_fns.items(), key=str)
        )
        yield ("autocast", repr(sorted(map(str, value._autocast_dtype.items()))))

    def _tensor(self, value: Any) -> Facts:
        if not self._is_deep or value.numel() > _LARGEST_TENSOR or value.device.type != "cpu" or value.is_sparse:
            raise UnprovableError("a tensor of which only the values could tell what it is")
        values = hashlib.sha256(repr(value.detach().flatten().tolist()).encode()).hexdigest()
        return ("tensor", str(value.dtype), str(tuple(value.shape)), values)


_IS_MADE_IN_PYTHON = 1 << 9
"""`Py_TPFLAGS_HEAPTYPE`: a class that a `class` statement made, or a C extension at its import."""

Teller = Callable[[Content, Any], Facts]

_TELLERS: tuple[tuple[type | tuple[type, ...], Teller], ...] = (
    (enum.Enum, Content._enum),
    (types.CodeType, Content._code),
    (types.FunctionType, Content._function),
    (types.MethodType, Content._method),
    (_BUILT_IN, Content._built_in),
    (type, Content._class),
    (types.ModuleType, Content._module),
    (functools.partial, Content._partial),
    (functools._lru_cache_wrapper, Content._cached),
    (logging.Logger, Content._logger),
    ((tuple, list), Content._sequence),
    ((set, frozenset), Content._set),
    ((dict, types.MappingProxyType), Content._mapping),
    ((range, slice), Content._by_repr),
)

_CODE_DIGESTS: WeakKeyDictionary[types.CodeType, str] = WeakKeyDictionary()


def code_digest(code: types.CodeType) -> str:
    """Return the digest of a code object, found once."""
    # Equal code objects are one key of this mapping, and have one digest unless their lines alone differ.
    found = _CODE_DIGESTS.get(code)
    if found is None:
        found = _CODE_DIGESTS[code] = digest_of(code)
    return found


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and all that are inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def _filled(cells: Iterable[types.CellType]) -> Iterator[object]:
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that was not assigned yet
            yield None


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _is_by_name(module: str) -> bool:
    return _package(module) in _TORCHS_OWN or _package(module) in sys.stdlib_module_names


def _is_found_by_name(value: types.FunctionType) -> bool:
    found: object = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _name_of(value: object) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
