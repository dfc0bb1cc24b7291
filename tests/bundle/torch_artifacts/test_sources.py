"""Sources: torch's source objects become the expressions that torch itself writes."""

import pytest
from torch_pickles import Made, pickled

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import PickledName, PickledObject
from megacache.bundle.torch_artifacts.sources import source_name


def source(name, *fields):
    return Made(f"torch._dynamo.source.{name}", fields)


SELF = source("LocalSource", "self", True)
X = source("LocalSource", "x", True, None)


@pytest.mark.parametrize(
    ("made", "expression"),
    [
        (X, "L['x']"),
        (source("GlobalSource", "CFG"), "G['CFG']"),
        (source("GlobalStateSource"), ""),
        (source("AttrSource", SELF, "weight"), "L['self'].weight"),
        (source("AttrSource", SELF, "a.b"), "L['self'].a.b"),
        (source("AttrSource", SELF, "not a name"), "getattr(L['self'], 'not a name')"),
        (source("GetItemSource", X, 0, False), "L['x'][0]"),
        (source("DictGetItemSource", X, "k"), "L['x']['k']"),
        (source("DictGetItemSource", X, source("ConstDictKeySource", X, 1)), "L['x'][list(dict.keys(L['x']))[1]]"),
        (source("DefaultsSource", X, 2, False), "L['x'].__defaults__[2]"),
        (source("DefaultsSource", X, "k", True), "L['x'].__kwdefaults__['k']"),
        (source("TensorPropertySource", X, source("TensorProperty", 0), 1), "L['x'].size()[1]"),
        (source("TensorPropertySource", X, source("TensorProperty", 1), 0), "L['x'].stride()[0]"),
        (source("TensorPropertySource", X, source("TensorProperty", 2), None), "L['x'].storage_offset()"),
        (source("TypeSource", source("UnspecializedNNModuleSource", SELF)), "type(L['self'])"),
        (source("NewSource", X, 3), "NewSource(L['x'])"),
        (source("NewSource", "x", 3), "NewSource(…)"),
        (source("{0.__class__}", X, 3), "__class__}(L['x'])"),
        ("x", "'x'"),
    ],
)
def test_a_source_is_the_expression_that_torch_writes(made, expression):
    assert source_name(read_pickle(pickled(made)).value) == expression


def test_a_chain_of_any_length_is_written_up_to_a_length():
    chain = X
    for _ in range(200):
        chain = source("AttrSource", chain, "a" * 500)
    assert len(source_name(read_pickle(pickled(chain)).value)) < 20_000


def test_a_source_within_itself_ends():
    value = PickledObject(PickledName("torch._dynamo.source.GetItemSource"))
    value.arguments = (value, value)
    assert source_name(value)


def test_keys_within_keys_do_not_multiply():
    key = read_pickle(pickled(X)).value
    for _ in range(60):
        key = PickledObject(PickledName("torch._dynamo.source.DictGetItemSource"), (key, key))
    assert len(source_name(key)) < 1_000_000
