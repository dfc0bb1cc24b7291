"""What counts as another result: values, types, dtypes, lengths and keys, at any depth."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from warm_start.comparison import difference

pytestmark = pytest.mark.torch


@dataclass
class Output:
    product: object


@pytest.mark.parametrize(
    ("found", "wanted", "where"),
    [
        (torch.ones(2), torch.zeros(2), "result:"),
        (torch.ones(2), torch.ones(2).double(), "result:"),
        (torch.ones(2), torch.ones(3), "result:"),
        ([torch.ones(2), 1], [torch.ones(2), True], "result[1]"),
        ((1,), [1], "result"),
        ([1], [1, 2], "result has 1 items"),
        ({"a": 1}, {"b": 1}, "result has keys"),
        ({"a": [1.0]}, {"a": [2.0]}, "result['a'][0]"),
        (Output(torch.ones(2)), Output(torch.zeros(2)), "result['product']"),
        ("a", "b", "result is 'a', not 'b'"),
        (None, 0, "result is None, not 0"),
    ],
)
def test_difference_is_found_and_named(found, wanted, where):
    assert difference(found, wanted).startswith(where)


@pytest.mark.parametrize("value", [torch.tensor([1.0, float("nan")]), [1, "a", None], {"a": (2.5, Output(3))}])
def test_equal_values_have_none(value):
    assert difference(value, value) is None


def test_numbers_may_be_close():
    assert difference(torch.ones(2) + 1e-7, torch.ones(2)) is None
