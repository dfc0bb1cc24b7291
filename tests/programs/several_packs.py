"""Compile a few functions, each in a session of its own, and save each session: a bundle of several packs.

Packs are made smaller than they are elsewhere, or so few graphs would be one.

Argument: the bundle.
"""

import sys

import torch

import megacache
from megacache.bundle import frames

PACK_SIZE_BYTES = 512 << 10


def waves(x):
    return torch.sin(x) * torch.cos(x) + x


def softmax(x):
    print("a graph break")
    return torch.softmax(x * 2, dim=-1)


def trained(x):
    return (torch.tanh(x) * x).sum()


def main(bundle):
    frames.PACK_SIZE_BYTES = PACK_SIZE_BYTES
    x = torch.arange(0, 111, dtype=torch.float32).reshape(3, 37) / 50
    with megacache.session("waves", bundle=bundle):
        compiled = torch.compile(waves)
        compiled(x)
        compiled(x[:2])  # recompiles for the shape
    with megacache.session("softmax", bundle=bundle):
        torch.compile(softmax)(x)
    with megacache.session("trained", bundle=bundle):
        torch.compile(trained)(x.clone().requires_grad_()).backward()


if __name__ == "__main__":
    main(*sys.argv[1:])
