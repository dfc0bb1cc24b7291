"""Compile a function under a session with `caching_precompile`; or install what that kept, call, and uninstall.

Arguments: `compile`, `install` or `edited`, and the bundle. Prints what happened, as JSON.
"""

import json
import sys

import torch
from torch._dynamo.utils import counters

import megacache

EDITED = "edited" in sys.argv


def helper(x):
    return x.sin() + 1


if EDITED:

    def helper(x):
        return x.sin() + 2


def f(x):
    return helper(x) * 3


def compile_count():
    return counters["frames"]["total"]


def main(verb, bundle):
    x, longer = torch.arange(4.0), torch.arange(6.0)
    if verb == "compile":
        with torch._dynamo.config.patch(caching_precompile=True), megacache.session("kept", bundle=bundle):
            print(json.dumps({"is_right": torch.allclose(torch.compile(f)(x), f(x))}))
        return
    with megacache.Bundle.open(bundle) as opened:
        package = opened.package(f)
    told = {"refusals": list(package.refusals)}
    if verb == "install":
        compiled = torch.compile(f)
        package.install()
        told["is_right"] = torch.allclose(compiled(x), f(x))
        counts = [compile_count()]
        told["is_right_for_another_shape"] = torch.allclose(compiled(longer), f(longer))
        counts.append(compile_count())
        torch._dynamo.reset()
        package.uninstall()
        results = [torch.compile(f)(each) for each in (x, longer)]
        told["is_right_after_uninstall"] = all(map(torch.allclose, results, (f(x), f(longer))))
        told["compiles"] = [*counts, compile_count()]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
