"""A small function with one helper, the input of the steady-state part of the warm-start benchmark."""

from __future__ import annotations

import torch


def waves(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return what the helper of a small function does."""
    return torch.sin(x) * y


def small(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Return something of the shape of `z`."""
    return waves(x, y) @ z + z
