"""Compile and save; or, in a bundle that others may write, start cold, then load what a key signed. Prints JSON.

Arguments: `make BUNDLE`, or `use BUNDLE KEY`.
"""

import json
import shutil
import sys
import warnings

import torch

import megacache
from megacache.errors import UntrustedError


@torch.compile
def f(x):
    return torch.sin(x) * 3 + 1


def counts_of(session):
    return session.load_report.counts


def use(bundle, key):
    x, facts = torch.arange(4.0), {}
    try:
        megacache.load(bundle)
    except UntrustedError as error:
        facts["refused"] = list(error.reasons)
    copy = shutil.copy(bundle, f"{bundle}.copy")  # with its mode: a session saves into its bundle
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with megacache.session("cold", bundle=copy) as cold:
            pass
    facts["warnings"] = [str(each.message) for each in caught if "megacache" in str(each.message)]
    facts["cold"] = counts_of(cold)
    facts["reason"] = cold.load_report.verdicts[0].reason
    facts["saved"] = str(cold.save_report)
    with megacache.session("warm") as warm:
        warm.load(bundle, trust=key)
        facts["is_right"] = f(x).equal(torch.sin(x) * 3 + 1)
    facts["warm"] = counts_of(warm)
    facts["served"] = sum(each.status == "served" for each in warm.recording().compiles)
    print(json.dumps(facts))


def main(what, bundle, key=None):
    if what == "use":
        use(bundle, key)
        return
    with megacache.session("made", bundle=bundle):
        f(torch.arange(4.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
