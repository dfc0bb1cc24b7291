"""A function of five graphs, one of the inputs of the warm-start benchmark.

It breaks once, so each call runs two graphs. Another size makes torch compile both again, with that size as a symbol;
the flag, which is read behind the break, makes it compile the second one alone.
"""

from __future__ import annotations

import torch


def normalized(x: torch.Tensor) -> torch.Tensor:
    """Return rows of mean 0 and variance 1."""
    return (x - x.mean(dim=-1, keepdim=True)) * torch.rsqrt(x.var(dim=-1, keepdim=True) + 1e-5)


def five_graphs(x: torch.Tensor, weight: torch.Tensor, is_gated: bool) -> torch.Tensor:
    """Return something of the shape of `x`."""
    hidden = torch.softmax(normalized(x) @ weight, dim=-1)
    torch._dynamo.graph_break()  # noqa: SLF001  The public way to break a graph on purpose.
    mixed = torch.tanh(hidden) + torch.sin(hidden @ weight)
    return mixed * torch.sigmoid(mixed) if is_gated else normalized(mixed)


def five_graphs_calls() -> list[tuple[torch.Tensor, torch.Tensor, bool]]:
    """Return the arguments of the three calls that need all five graphs."""
    torch.manual_seed(0)
    weight = torch.randn(64, 64)
    return [(torch.randn(rows, 64), weight, is_gated) for rows, is_gated in ((32, False), (48, False), (40, True))]
