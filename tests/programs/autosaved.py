"""Compile in a session that saves itself; be killed in it, or start warm and print what was served.

Arguments: the bundle, and `killed` or `warm`.
"""

import json
import os
import signal
import sys
import time

import torch

import megacache

WEIGHT = torch.ones(4, 4)


def first(x):
    return x @ WEIGHT


def second(x):
    return (x @ WEIGHT) @ WEIGHT


def wait_for(session, save_count):
    end = time.monotonic() + 60
    while session.autosave.save_count < save_count:
        assert time.monotonic() < end, f"no save in 60 s: {session.autosave.failure}"
        time.sleep(0.05)


def be_killed(bundle):
    with torch.no_grad(), megacache.session("batches", bundle=bundle, autosave=True) as session:
        torch.compile(first)(torch.ones(3, 4))
        wait_for(session, 1)
        torch.compile(second)(torch.ones(3, 4))
        wait_for(session, session.autosave.save_count + 1)
        os.kill(os.getpid(), signal.SIGKILL)


def start_warm(bundle):
    with torch.no_grad(), megacache.session("again", bundle=bundle) as session:
        loaded_counts = [len(session.load_report.verdicts), len(session.load(bundle).verdicts)]
        loaded_counts.append(len(session.load_report.verdicts))
        results = [torch.compile(each)(torch.ones(3, 4)).sum().item() for each in (first, second)]
    served = [each.status for each in session.recording().compiles]
    print(json.dumps({"results": results, "statuses": served, "loaded_counts": loaded_counts}))


if __name__ == "__main__":
    path, how = sys.argv[1:]
    be_killed(path) if how == "killed" else start_warm(path)
