"""Compile two functions and save one of them; or load one of them and call both. Prints what became of each, as JSON.

Arguments: `save` or `load`, the bundle of both, and the bundle of one.
"""

import json
import sys

import torch

import megacache


def f(x):
    y = torch.sin(x) * 2
    torch._dynamo.graph_break()
    return y + 1


def g(x):
    return torch.cos(x) * 3


def main(verb, both, one):
    x = torch.arange(4.0)
    megacache.enable()
    told = {}
    if verb == "load":
        told["report"] = megacache.load(both, only="__main__.f").counts
    with torch.no_grad():
        results = [torch.compile(f)(x), torch.compile(g)(x)]
    told["right"] = all(map(torch.allclose, results, [f(x), g(x)]))
    recording = megacache.verbs.everything().recording()
    names = {each.code_id: each.qualname for each in recording.codes}
    told["status"] = {names[each.code_id]: each.status for each in recording.compiles}
    if verb == "save":
        megacache.save(both)
        megacache.save(one, only=torch.compile(f))
        for path, only in ((one, "g"), ("never.megacache", len)):
            try:
                megacache.save(path, only=only) if only is len else megacache.load(path, only=only)
            except megacache.MegacacheError as error:
                told[type(error).__name__] = str(error)
    print(json.dumps(told))


if __name__ == "__main__":
    import megacache.verbs

    main(*sys.argv[1:])
