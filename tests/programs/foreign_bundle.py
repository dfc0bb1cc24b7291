"""Open a session on a bundle that another torch is said to have compiled, and print what became of it, as JSON."""

import collections
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import megacache
from forgery import forge


def main(bundle, copy):
    shutil.copyfile(bundle, copy)
    # The rows of the other system: the artifacts of this session belong to the live one.
    forge(
        copy,
        "UPDATE system_info SET torch_version = '2.12.0', system_id = 'foreign'",
        "UPDATE artifact SET system_id = 'foreign'",
        "UPDATE session SET system_id = 'foreign'",
    )
    with megacache.session("foreign", bundle=copy) as session:
        torch.compile(lambda x: torch.tanh(x) * 5)(torch.ones(4))
    verdicts = [each for each in session.load_report.verdicts if each.verdict != "missed"]
    with megacache.Bundle.open(copy) as opened:
        rows_after = len(opened.recording().artifacts)
    counts = collections.Counter(each.verdict for each in verdicts)
    print(json.dumps({"verdicts": counts, "reason": verdicts[0].reason, "rows_after": rows_after}))


if __name__ == "__main__":
    main(*sys.argv[1:])
