"""A transformer of 12 layers, the model of the capture benchmark."""

import torch
from torch import nn


class Layer(nn.Module):
    """One layer: attention and a feed-forward part, each with its norm and its residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, of the shape of its input: (batch, length, width)."""
        batch, length, width = x.shape
        parts = self.project(self.norms[0](x)).chunk(3, dim=-1)
        query, key, value = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.feed(self.norms[1](x))


def transformer(layers: int = 12, width: int = 128) -> nn.Module:
    """Return a transformer with fixed random weights.

    Args:
        layers: How many layers.
        width: Of each; a multiple of 4.
    """
    torch.manual_seed(0)
    return nn.Sequential(*(Layer(width, heads=4) for _ in range(layers)))
