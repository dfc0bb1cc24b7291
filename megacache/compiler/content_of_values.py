"""The content of values: containers, modules, and what torch has.

Layer: compiler. A container is what it holds, read past the methods of its class: these may say something else.
"""

from __future__ import annotations

import collections
import gc
import hashlib
import logging
import types
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch._library.custom_ops import OPDEFS, CustomOpDef

from megacache.compiler.content_of_objects import state
from megacache.compiler.facts import PLAIN, Facts, UnprovableError, name_of

if TYPE_CHECKING:
    from megacache.compiler.content import Content

_LARGEST_TENSOR = 1 << 16
"""Elements of a tensor that is still told by its values."""

_TENSOR_TYPES = (torch.Tensor, torch.nn.Parameter)


# -- containers --------------------------------------------------------------------------------------------------------


def of_sequence(_content: Content, value: tuple[object, ...] | list[object], tell: Callable[[object], Facts]) -> Facts:
    """Tell a tuple or a list by its elements."""
    elements = tuple.__iter__(value) if isinstance(value, tuple) else list.__iter__(value)
    return (name_of(type(value)), *map(tell, elements))


def of_set(_content: Content, value: set[object] | frozenset[object], tell: Callable[[object], Facts]) -> Facts:
    """Tell a set by its elements, which are in another order in each process."""
    elements = set.__iter__(value) if isinstance(value, set) else frozenset.__iter__(value)
    return (name_of(type(value)), *sorted(map(tell, sorted(elements, key=_rank)), key=repr))


def _rank(value: object) -> tuple[str, str]:
    """Return where an element of a set is told: what it holds may be told by what was met before."""
    kind = type(value)
    return name_of(kind), repr(value) if kind in PLAIN else str(getattr(value, "__qualname__", ""))


def of_dict(_content: Content, value: dict[object, object], tell: Callable[[object], Facts]) -> Facts:
    """Tell a dict by its items in their order, and by what makes the missing ones."""
    of = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
    items: Iterable[tuple[object, object]] = of.items(value)
    told = (name_of(type(value)), *((tell(name), tell(each)) for name, each in items))
    if not isinstance(value, collections.defaultdict):
        return told
    return (*told, ("default", tell(vars(collections.defaultdict)["default_factory"].__get__(value))))


def of_proxy(
    _content: Content, value: types.MappingProxyType[object, object], tell: Callable[[object], Facts]
) -> Facts:
    """Tell a read-only view of a mapping by the mapping."""
    return ("mappingproxy", *map(tell, gc.get_referents(value)))


def of_slice(content: Content, value: slice) -> Facts:
    """Tell a slice."""
    return ("slice", *map(content.facts, (value.start, value.stop, value.step)))


def by_repr(_content: Content, value: object) -> Facts:
    """Tell what says all of itself."""
    return (name_of(type(value)), repr(value))


# -- what is known by name ---------------------------------------------------------------------------------------------


def of_module(content: Content, value: types.ModuleType) -> Facts:
    """Tell a module by its name; what deep content reaches through it is told when all names are known."""
    if content.is_deep:
        content.reach.note_module(value)
    return ("module", value.__name__)


def of_logger(_content: Content, value: logging.Logger) -> Facts:
    """Tell a logger by its name."""
    return ("logger", value.name)


# -- torch's -----------------------------------------------------------------------------------------------------------


def of_tensor(content: Content, value: torch.Tensor) -> Facts:
    """Tell a small tensor by its values.

    Raises:
        UnprovableError: When it is no small and plain one, and where Dynamo guards what it reads of it.
    """
    if not content.is_deep or not _is_small(value):
        raise UnprovableError("a tensor of which only the values could tell what it is")
    told = (value.dtype, tuple(value.shape), value.stride(), value.requires_grad, value.is_conj(), value.is_neg())
    values = hashlib.sha256(repr(value.detach().flatten().tolist()).encode()).hexdigest()
    return ("tensor", name_of(type(value)), repr(told), values, *state(value, content.facts))


def _is_small(value: torch.Tensor) -> bool:
    """Say whether a tensor is its values: no view, no part of a graph, and with no gradient of its own."""
    is_plain = type(value) in _TENSOR_TYPES and value.layout is torch.strided and not value.is_quantized
    is_alone = is_plain and not value._is_view() and value.is_leaf and value.grad is None
    return is_alone and value.device.type == "cpu" and value.numel() <= _LARGEST_TENSOR


def of_operator(content: Content, value: Any) -> Facts:
    """Tell an operator: by its name, and in deep content by its parts in Python."""
    packet = value.overloadpacket if isinstance(value, torch._ops.OpOverload) else value
    definition = OPDEFS.get(getattr(packet, "_qualified_op_name", "")) if content.is_deep else None
    return ("op", str(value)) if definition is None else ("op", str(value), content.facts(definition))


def of_custom_op(content: Content, value: CustomOpDef) -> Facts:
    """Tell an operator that is made of Python functions. Dynamo looks into none of them."""
    if not content.is_deep:
        return ("custom op", content.deep().facts(value))
    return ("custom op", value._qualname, value._schema, *_choices(value), *_functions(content, value))


def _choices(value: CustomOpDef) -> Iterator[str]:
    yield repr(sorted(map(str, value._tags)))
    yield repr(sorted(map(str, value._autocast_dtype.items())))
    yield repr(sorted(value._disabled_kernel))


def _functions(content: Content, value: CustomOpDef) -> Iterator[Facts]:
    functions = (value._init_fn, value._abstract_fn, value._setup_context_fn, value._backward_fn, value._vmap_fn)
    yield tuple(map(content.facts, functions))
    for name, each in sorted(value._backend_fns.items(), key=str):
        yield ("kernel", str(name), content.facts(each))
    for kind, function in value._torch_dispatch_fns.items():
        yield ("dispatch", content.facts(kind), content.facts(function))
