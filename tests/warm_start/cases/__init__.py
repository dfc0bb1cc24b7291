"""All cases, one file per family."""

from __future__ import annotations

from collections import Counter

from warm_start.case import Item
from warm_start.cases import (
    breaks,
    bundles,
    classes,
    functions,
    guards,
    helpers,
    modules,
    operators,
    settings,
    shapes,
    state,
    training,
)

FAMILIES = (
    functions,
    helpers,
    classes,
    modules,
    guards,
    shapes,
    training,
    operators,
    breaks,
    state,
    settings,
    bundles,
)

ITEMS = {item.id: item for family in FAMILIES for case in family.CASES for item in (Item(case, w) for w in case.where)}
"""Every case at every place, by its id."""

_TWICE = [
    name for name, count in Counter(each.name for family in FAMILIES for each in family.CASES).items() if count > 1
]
if _TWICE:
    raise ValueError(f"two cases of one name: {_TWICE}")
