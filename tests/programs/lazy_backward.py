"""Compile a forward in one session and its backward in a later one; print the later session's tree and rows, as JSON.

Arguments: a bundle that all sessions are saved into.
"""

import json
import sys

import torch

import megacache


def f(x):
    return torch.sin(x).sum()


def main(bundle):
    with megacache.session("forward"):
        loss = torch.compile(f)(torch.randn(8, requires_grad=True))
    with megacache.session("backward") as later:
        loss.backward()
    recording = later.recording()
    megacache.save(bundle)
    facts = {
        "tree": str(later.tree()),
        "kinds": [entry.kind for entry in recording.backend_entries],
        "compile_ids": [compiled.compile_id for compiled in recording.compiles],
        "artifact_types": sorted(artifact.artifact_type for artifact in recording.artifacts),
        "rows": len(later.tables.artifacts),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
