"""Let compiles end in every way there is: a graph, none, skipped, failed, at the limit, and anew after a reset.

Argument: the bundle.
"""

import sys
from contextlib import suppress

import torch

import megacache


class Context:
    def __enter__(self):
        print("a graph break")

    def __exit__(self, *_):
        pass


def inner(x):
    print("a graph break")
    return x + 1


def skipped(x):
    with Context():
        return inner(x)


def raises(x):
    raise ValueError("the user's own")


def mismatched(x):
    return x @ torch.ones(7, 7)


def empty(x):
    return 3


def scaled(x, n):
    return x * n


def broken_backend(graph, inputs):
    raise KeyError("the backend's own")


def run(function, *arguments, backend="eager", fullgraph=False):
    torch._dynamo.reset()
    with suppress(Exception):
        torch.compile(function, backend=backend, fullgraph=fullgraph)(*arguments)


def main(bundle):
    torch._dynamo.config.recompile_limit = 2
    with megacache.session("every end", bundle=bundle):
        for is_whole in (False, True):
            for function in (skipped, raises, mismatched, empty):
                run(function, torch.ones(3), fullgraph=is_whole)
        run(scaled, torch.ones(3), 2, backend=broken_backend)
        for is_whole in (False, True):
            torch._dynamo.reset()
            compiled = torch.compile(scaled, backend="eager", dynamic=False, fullgraph=is_whole)
            with suppress(Exception):
                for factor in range(2, 6):
                    compiled(torch.ones(3), factor)


if __name__ == "__main__":
    main(*sys.argv[1:])
