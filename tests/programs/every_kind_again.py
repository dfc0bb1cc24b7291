"""Run what `every_kind` compiled once more, from its bundle, and print what became of each artifact, as JSON."""

import collections
import json
import sys

from every_kind import broken, drop_type_guards, filtered

import megacache
from megacache.model import ARTIFACT_TYPES


def main(bundle):
    import torch

    # Their digests do not depend on where they are defined, but torch's keys name no module either.
    with megacache.session("every kind again", bundle=bundle) as session:
        compiled = torch.compile(broken)
        compiled(torch.randn(8, 4, requires_grad=True), 1).backward()
        compiled(torch.randn(9, 4, requires_grad=True), 1).backward()
        compiled(torch.randn(9, 4, requires_grad=True), 2).backward()
        torch.compile(filtered, options={"guard_filter_fn": drop_type_guards}, backend="inductor")(torch.ones(5))
    # They are of another module here, so Dynamo traces them again, and only torch's caches and the kernels serve.
    verdicts = collections.Counter(
        each.verdict for each in session.load_report.verdicts if each.artifact_type in ARTIFACT_TYPES
    )
    uses = session.recording().artifact_uses
    states = sorted({use.state or "none" for use in uses if use.artifact_type in ARTIFACT_TYPES})
    print(json.dumps({"verdicts": verdicts, "states": states}))


if __name__ == "__main__":
    main(*sys.argv[1:])
