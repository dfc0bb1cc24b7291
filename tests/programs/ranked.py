"""Compile in every rank of a job that torchrun starts, each in a session of one bundle that all ranks share.

Arguments: the bundle, and a folder, into which each rank writes what it saw. Started by itself, this is the launcher.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.run

import megacache

RANK_COUNT = 4
RANK = int(os.environ.get("RANK", "-1"))
WEIGHT = torch.ones(4, 4)


def shared(x):
    return torch.relu(x @ WEIGHT)


def own(x):
    return (x * (RANK + 1)).sum()  # Another graph on each rank.


def work(bundle, folder):
    dist.init_process_group("gloo")
    dist.barrier()  # So that all of them load, compile and save at about the same time.
    with torch.no_grad(), megacache.session("train", bundle=bundle) as session:
        total = torch.compile(own)(torch.compile(shared)(torch.ones(3, 4)))
        dist.all_reduce(total)
    told = {
        "rank": RANK,
        "session_id": session.info.session_id,
        "total": total.item(),
        "statuses": [each.status for each in session.recording().compiles],
        "verdicts": [each.verdict for each in session.load_report.verdicts],
    }
    Path(folder, f"rank-{RANK}.json").write_text(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    if RANK < 0:
        torch.distributed.run.main(["--standalone", "--nproc-per-node", str(RANK_COUNT), __file__, *sys.argv[1:]])
    else:
        work(*sys.argv[1:])
