"""Comparison: whether what compiled callables gave is what plain calls gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch


def difference(found: object, wanted: object, name: str = "result") -> str | None:
    """Return the first difference in a few words, or None when both are the same.

    Types and dtypes must be equal, numbers only close.
    """
    if isinstance(found, torch.Tensor) and isinstance(wanted, torch.Tensor):
        return _of_tensors(found.detach(), wanted.detach(), name)
    if type(found) is not type(wanted):
        return f"{name} is {found!r}, not {wanted!r}"
    if dataclasses.is_dataclass(found):
        return difference(vars(found), vars(wanted), name)
    if isinstance(found, Mapping):
        if list(found) != list(wanted):
            return f"{name} has keys {list(found)}, not {list(wanted)}"
        return _first(difference(found[key], wanted[key], f"{name}[{key!r}]") for key in found)
    if isinstance(found, Sequence) and not isinstance(found, str):
        if len(found) != len(wanted):
            return f"{name} has {len(found)} items, not {len(wanted)}"
        return _first(difference(a, b, f"{name}[{at}]") for at, (a, b) in enumerate(zip(found, wanted, strict=True)))
    if isinstance(found, float):
        return _of_tensors(torch.tensor(found), torch.tensor(wanted), name)
    return None if found == wanted else f"{name} is {found!r}, not {wanted!r}"


def _of_tensors(found: torch.Tensor, wanted: torch.Tensor, name: str) -> str | None:
    try:
        torch.testing.assert_close(found, wanted, equal_nan=True)
    except AssertionError as error:
        values = f"{found.flatten()[:3].tolist()}, not {wanted.flatten()[:3].tolist()}"
        return f"{name}: {values}: {' '.join(str(error).split())}"
    return None


def _first(differences) -> str | None:
    return next((each for each in differences if each is not None), None)
