"""Every case of the warm-start matrix: right numbers, no exception, and the verdict that is promised."""

from __future__ import annotations

import pytest
from warm_start.cases import ITEMS

pytestmark = [pytest.mark.matrix, pytest.mark.torch, pytest.mark.slow]


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_warm_start(item, rows):
    row = rows[item.id]
    assert row.is_right, f"{item.case.name}, {item.where}: expected {item.expected}, got {row.got}: {row.reason}"
