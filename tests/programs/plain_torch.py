"""Load a file with torch alone, compile what it holds once more, and print what torch's caches counted, as JSON."""

import json
import sys
from pathlib import Path

sys.modules["megacache"] = None  # importing it raises

import torch  # noqa: E402
from torch._dynamo.utils import counters  # noqa: E402

WEIGHT = torch.ones(4, 4)


def scaled(x):
    return x @ WEIGHT


def main(path, job, *sizes):
    torch.compiler.config.job_id = job
    info = torch.compiler.load_cache_artifacts(Path(path).read_bytes())
    compiled = torch.compile(scaled)
    with torch.no_grad():
        sums = [compiled(torch.ones(int(size), 4)).sum().item() for size in sizes]
    facts = {
        "loaded": {name: len(keys) for name, keys in info.artifacts.items()},
        "sums": sums,
        "aot": [counters["aot_autograd"][f"autograd_cache_{state}"] for state in ("hit", "miss")],
        "inductor": [counters["inductor"][f"fxgraph_cache_{state}"] for state in ("hit", "miss")],
        "frames": counters["frames"]["ok"],
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
