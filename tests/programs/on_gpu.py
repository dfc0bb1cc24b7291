"""Compile for a GPU in a session, or start from its bundle, and print the Triton kernels and what was served, as JSON.

Arguments: the bundle. Needs a CUDA GPU and Triton.
"""

import json
import sys

import torch

import megacache


def summed(x):
    return (x.sin() + x.cos()).sum(dim=1)


def main(path):
    x = torch.arange(4096.0, device="cuda").reshape(64, 64)
    with torch.no_grad(), megacache.session("gpu", bundle=path, precompile=False) as session:
        result = torch.compile(summed)(x)
    recording = session.recording()
    facts = {
        "kernels": [[each.name, each.has_binary] for each in recording.triton_kernels],
        "states": sorted({each.state for each in recording.artifact_uses if each.state}),
        "difference": (result - summed(x)).abs().max().item(),
        "gpu": recording.systems[0].gpu_name,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
