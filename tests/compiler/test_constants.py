"""Tests of `megacache.compiler.constants`: objects among the constants of bytecode, carried by name."""

import collections
import marshal
import types
from typing import NamedTuple

import pytest

from megacache.compiler.content import UnprovableError

pytestmark = pytest.mark.torch


class Pair(NamedTuple):
    a: int
    b: int


class Kind:
    @classmethod
    def make(cls):
        return cls()


def with_constant(value):
    """Code that returns a constant, as Dynamo writes it."""
    code = compile("def f(): return 'it'", "<text>", "exec").co_consts[0]
    return code.replace(co_consts=tuple(value if each == "it" else each for each in code.co_consts))


def carried(code):
    """Write code and read it again, as in another process."""
    from megacache.compiler.constants import constants_in, values_of, with_constants, without_constants

    names = constants_in(code)
    written = marshal.loads(marshal.dumps(without_constants(code, names)))  # noqa: S302  ours
    return with_constants(written, values_of(names.values())), [each.value for each in names.values()]


def returned(code):
    return types.FunctionType(code, {})()


@pytest.mark.parametrize("value", [Pair, Kind, dict, collections.OrderedDict])
def test_a_class_is_carried_by_its_name(value):
    code, names = carried(with_constant(value))
    assert returned(code) is value
    assert names == [f"{value.__module__}:{value.__qualname__}"]


def test_what_torch_names_is_carried():
    import torch

    for value in (torch.bfloat16, torch.strided, torch.channels_last):
        assert returned(carried(with_constant(value))[0]) is value


def test_a_method_of_a_class_is_carried():
    assert returned(carried(with_constant(Pair._make))[0])([1, 2]) == Pair(1, 2)
    assert isinstance(returned(carried(with_constant(Kind.make))[0])(), Kind)


def test_constants_in_tuples_and_in_code_inside_are_carried_once():
    import torch

    inner = with_constant((1, (torch.float16, Pair), "text"))
    code, names = carried(with_constant(inner))
    assert returned(returned(code)) == (1, (torch.float16, Pair), "text")
    assert names == ["torch:float16", f"{__name__}:Pair"]


def test_other_constants_stay_as_they_are():
    code = with_constant((1, 2.5, None, ..., b"a", frozenset({3}), "text", True))
    again, names = carried(code)
    assert again == code
    assert names == []


@pytest.mark.parametrize("value", [object(), [1], types.SimpleNamespace(), Kind().make.__func__])
def test_what_has_no_name_is_unprovable(value):
    from megacache.compiler.constants import constants_in

    with pytest.raises(UnprovableError, match="as a constant"):
        constants_in(with_constant(value))


def test_a_class_that_is_not_found_by_its_name_is_unprovable():
    from megacache.compiler.constants import constants_in

    class Local:
        pass

    other = type("Kind", (), {"__module__": __name__})
    for value in (Local, other):
        with pytest.raises(UnprovableError):
            constants_in(with_constant(value))


def test_another_content_under_the_name_is_another_need(define):
    from megacache.compiler.constants import constant_digest

    digests = []
    for text in ("class A: pass", "# moved\nclass A: pass", "class A:\n    def go(self): pass"):
        module = define(text)
        digests.append(constant_digest(f"{module.__name__}:A"))
    assert digests[0] == digests[1] != digests[2]
    with pytest.raises(UnprovableError, match="there is no B"):
        constant_digest(f"{module.__name__}:B")
