"""What the text of torch's guards does not tell: values of which it shows a type or a repr, and shared identities.

Layer: compiler. Torch's text of a guard is made for people. Where it leaves out what a check compares, we add a line.

Source: `GuardBuilder` in `torch/_dynamo/guards.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch._guards import Guard

from megacache.compiler.content import Content, digest
from megacache.compiler.facts import PLAIN

_VALUE_CHECKS = frozenset({"EQUALS_MATCH", "CONSTANT_MATCH", "CONSTANT_SUBCLASS_MATCH"})
_KEY_CHECKS = frozenset({"DICT_KEYS_MATCH", "MAPPING_KEYS_CHECK", "SET_CONTAINS", "SET_NOT_CONTAINS"})
_CHECKS_OF_NO_OBJECT = frozenset(
    {
        *("AUTOGRAD_SAVED_TENSORS_HOOKS", "DEFAULT_DEVICE", "DETERMINISTIC_ALGORITHMS", "DUAL_LEVEL"),
        *("FSDP_TRAINING_STATE", "GLOBAL_STATE", "GRAD_MODE", "SHAPE_ENV", "TORCH_FUNCTION_STATE"),
    }
)
_TENSOR_TYPES = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)


def values_told(name: str, create: Any, source: Any, builder: Any, content: Content) -> Iterator[str]:
    """Tell the values of which a check's text shows only the type or the repr."""
    if name in _VALUE_CHECKS:
        value = builder.get(Guard(source, create))
        if not isinstance(value, (str, int, float, type(None))):
            yield f"{source.name} holds {digest(content.facts(value))}"
    elif name in _KEY_CHECKS:
        value = builder.get(Guard(source, create))
        keys = [key for key in value if type(key) not in (str, int)]
        if keys:
            yield f"{source.name} has keys {digest(tuple(content.facts(key) for key in keys))}"
    elif name == "EMPTY_NN_MODULE_HOOKS_DICT":  # torch trusts that none is added, within one process
        yield f"{source.name} has {len(builder.get(Guard(source, create)))} hooks"
    elif name in ("CLOSURE_MATCH", "FUNCTION_MATCH"):
        value = builder.get(Guard(source, create))
        if getattr(value, "_dynamo_marked_constant", False):  # Dynamo calls it once, and keeps what it returned
            yield f"{source.name} returns {digest(Content(is_deep=True).facts(value))}"
    elif name == "TENSOR_MATCH":
        value = builder.get(Guard(source, create))
        if type(value) not in _TENSOR_TYPES:
            yield f"{source.name} is a {digest(content.facts(type(value)))}"


def identities_told(guards: Iterable[tuple[Any, Any]], builder: Any) -> Iterator[str]:
    """Tell which sources hold one and the same object: Dynamo takes it for granted, of parameters even by intent."""
    groups: dict[tuple[int, ...], dict[str, object]] = {}
    for source, create in guards:
        if source.name and check_name(create) not in _CHECKS_OF_NO_OBJECT:
            value = builder.get(Guard(source, create))
            if type(value) not in PLAIN:
                groups.setdefault(_identity(value), {})[source.name] = value  # kept, so that no other gets its `id`
    yield from (f"one object: {', '.join(sorted(group))}" for group in groups.values() if len(group) > 1)


def _identity(value: Any) -> tuple[int, ...]:
    """Return what tells an object from all others; a bound method is made anew each time that it is read."""
    if isinstance(value, types.MethodType):
        return id(value.__self__), id(value.__func__)
    return (id(value),)


def check_name(create: Any) -> str:
    """Return torch's name of a check, such as `TENSOR_MATCH`."""
    return str((create.func if isinstance(create, functools.partial) else create).__name__)
