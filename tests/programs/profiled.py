"""Give one function two sizes in a job with a profile, or start again with what the profile has seen.

Arguments: the bundle, the job's id, and the sizes. Prints the profile, the dimensions and the verdicts as JSON.
"""

import json
import sys
from dataclasses import asdict

import torch

import megacache

WEIGHT = torch.ones(4, 4)


def scaled(x):
    return x @ WEIGHT


def main(bundle, job, *sizes):
    torch.compiler.config.job_id = job
    with torch.no_grad(), megacache.session("job", bundle=bundle, precompile=False) as session:
        compiled = torch.compile(scaled)
        for size in sizes:
            compiled(torch.ones(int(size), 4))
    recording = session.recording()
    facts = {
        "profile": [asdict(each) for each in recording.profiled_sizes],
        "compiles": [each.compile_id for each in recording.compiles],
        "dimensions": [each.source for each in recording.dimensions],
        "verdicts": [asdict(each) for each in session.load_report.verdicts if each.artifact_type == "pgo"],
        "keys": [each.cache_key for each in recording.artifacts if each.artifact_type == "pgo"],
        "faults": [each.error for each in megacache.process.process.capture.faults],
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
