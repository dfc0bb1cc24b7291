"""Compile with `caching_precompile` on, and print what torch and the session's bundle count, as JSON."""

import collections
import json
import sys

import torch

import megacache


def f(x):
    return torch.exp(x) + 3


def main(bundle):
    with torch._dynamo.config.patch(caching_precompile=True):
        with megacache.session("precompile", bundle=bundle):
            torch.compile(f)(torch.ones(4))
        _, info = torch.compiler.save_cache_artifacts()
    with megacache.Bundle.open(bundle) as opened:
        counts = collections.Counter(opened.tables.artifacts["artifact_type"])
    print(json.dumps({"torch": {name: len(keys) for name, keys in info.artifacts.items()}, "session": counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
