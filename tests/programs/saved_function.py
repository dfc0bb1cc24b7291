"""What `torch_saves` compiles: a function with an inlined helper and a graph break."""

import torch


def helper(x):
    return torch.relu(x) * 2


def forward(x, weight):
    y = helper(x) @ weight
    print(end="")
    return torch.sin(y).sum()


def late(x):
    return torch.cos(x) + 1
