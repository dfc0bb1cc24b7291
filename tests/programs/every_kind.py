"""Compile one function of every kind that the tree must show, in one session, and save it to a bundle.

Arguments: the bundle, and a file for what torch's own `save_cache_artifacts` says, as JSON.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

import torch

import megacache


def helper(x):
    return torch.sin(x)


def broken(x, n):
    y = helper(x) * n
    print("a graph break")
    return (y * 2).sum()


def whole(x):
    print("cannot be one graph")
    return x


def filtered(x):
    return torch.cos(x) + 1


def drop_type_guards(entries):
    return [entry.guard_type != "TENSOR_MATCH" for entry in entries]


def main(bundle, facts):
    with megacache.session("every kind", bundle=bundle) as session:
        compiled = torch.compile(broken)
        compiled(torch.randn(8, 4, requires_grad=True), 1).backward()  # break, resume, forward and backward
        compiled(torch.randn(9, 4, requires_grad=True), 1).backward()  # recompiles for the shape
        compiled(torch.randn(9, 4, requires_grad=True), 2)  # recompiles for the value
        with suppress(torch._dynamo.exc.Unsupported):  # a compile that fails before the user
            torch.compile(whole, fullgraph=True)(torch.ones(3))
        torch.compile(filtered, options={"guard_filter_fn": drop_type_guards}, backend="inductor")(torch.ones(5))
    content, info = torch.compiler.save_cache_artifacts()
    counts = {name: len(keys) for name, keys in info.artifacts.items()}
    live = {"rows": len(session.tables.artifacts), "summary": session.summary(), "faults": megacache_faults()}
    Path(facts).write_text(json.dumps({"counts": counts, "size_bytes": len(content), **live}))


def megacache_faults():
    from megacache import verbs

    return [line for line in verbs.status().splitlines() if "fault" in line]


if __name__ == "__main__":
    main(*sys.argv[1:])
