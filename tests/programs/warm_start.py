"""Compile small functions whose graphs need no C++ compiler, cold or warm, and write down what torch did.

Arguments: `cold` or `warm`, and the folder in which the two meet. Cold writes torch's own bytes and its key components.
Warm makes a recording of them, hydrates it, compiles functions that hit, miss and fail their guards, and settles.
"""

import json
import logging
import os
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch

from megacache.bundle.torch_format import read_artifacts
from megacache.compiler.hydrate import hydrate, settle
from megacache.compiler.system import live_system
from megacache.model import Artifact, ArtifactUse
from megacache.recording import Recording

WEIGHT = torch.ones(4, 4)
EVENTS = {"fx_graph_cache": "inductor", "aotautograd_cache": "aot_autograd"}


def served(x):
    return x @ WEIGHT


def idle(x):
    return x @ WEIGHT @ WEIGHT


def trained(x):
    return (x @ WEIGHT).mm(WEIGHT)


def absent(x):
    return torch.mm(x, WEIGHT).mm(WEIGHT.t())


def guarded(x):
    columns = 2
    if x.shape[0] > 8:
        columns = 1 + 1  # a guard on the size, and one graph either way
    return (x @ WEIGHT).reshape(columns, -1) @ x.reshape(-1, columns)


class Lookups(logging.Handler):
    """Keeps what torch says of each lookup, as rows, with the key components as contents."""

    def __init__(self):
        super().__init__()
        self.uses = []
        self.contents = {}

    def handle(self, record):
        name = record.metadata.get("artifact", {}).get("name", "")
        kind, _, state = name.rpartition("_")
        if kind in EVENTS:
            self.keep(EVENTS[kind], state, json.loads(record.payload))
        elif name == "get_local_code_state":
            self.keep("pgo", "hit", {"key": f"{torch.compiler.config.job_id}:None:"})
        return True

    def keep(self, artifact_type, state, said):
        components = "\n".join(said.get("components") or ()).encode()
        digest = sha256(components).hexdigest() if components else None
        self.contents[digest] = components
        use = dict.fromkeys(("compile_id", "backend_id", "kind", "content_sha256"))
        self.uses.append(
            ArtifactUse(
                **use,
                session_id="s",
                run_id="r",
                ordinal=len(self.uses),
                at_us=0,
                artifact_type=artifact_type,
                cache_key=said["key"],
                state=state,
                detail=said.get("cache_status_detailed"),
                reason=said.get("cache_status_guard_expr"),
                components_sha256=digest,
            )
        )


def compile_all(mode):
    torch.compile(served)(torch.ones(3, 4))
    torch.compile(idle if mode == "cold" else absent)(torch.ones(3, 4))
    torch.compile(trained)(torch.ones(3, 4, requires_grad=True)).sum().backward()
    # The same graph under another guard: `9 <= size` was recorded cold and fails warm.
    torch.compile(guarded, dynamic=True)(torch.ones(16 if mode == "cold" else 4, 4))


def recording_of(data, uses, contents, system):
    """A recording of what torch saved, with an older PGO state and a damaged, a foreign and an escaping artifact."""
    contents = dict(contents)
    artifacts = []

    def add(artifact_type, cache_key, content, added_us):
        digest = sha256(content).hexdigest()
        contents[digest] = content
        row = Artifact(
            artifact_type=artifact_type,
            cache_key=cache_key,
            content_sha256=digest,
            size_bytes=len(content),
            added_us=added_us,
            system_id=system.system_id,
        )
        artifacts.append(row)

    for number, each in enumerate(read_artifacts(data)):
        add(each.artifact_type, each.cache_key, each.content, 100 + number)
    add("precompile", "ab12", b"entry", 1)
    add("kernel", "k1", b"library", 1)
    add("autotune", "../../outside.best_config", b"{}", 1)
    add("autotune", "ab/cd.best_config", b'{"num_warps": 4}', 2)
    add("autotune", "ab/cd.best_config", b'{"num_warps": 8}', 1)
    artifacts.append(Artifact(**{**asdict(artifacts[0]), "cache_key": "fgone", "content_sha256": "0" * 64}))
    return Recording(
        systems=(system,), artifacts=tuple(artifacts), artifact_uses=tuple(uses), read=Contents(contents).read
    )


class Contents(dict):
    def read(self, digest):
        from megacache.errors import ArtifactNotFoundError

        if digest not in self:
            raise ArtifactNotFoundError(f"no content {digest[:8]}")
        return self[digest]


def cold(folder, lookups):
    compile_all("cold")
    data, info = torch.compiler.save_cache_artifacts()
    (folder / "torch.bin").write_bytes(data)
    stored = [asdict(use) for use in lookups.uses]
    texts = {digest: text.decode() for digest, text in lookups.contents.items() if digest}
    facts = {"counts": {kind: len(keys) for kind, keys in info.artifacts.items()}, "uses": stored, "texts": texts}
    (folder / "cold.json").write_text(json.dumps(facts))


def warm(folder, lookups):
    before = json.loads((folder / "cold.json").read_text())
    uses = [ArtifactUse(**each) for each in before["uses"]]
    contents = {digest: text.encode() for digest, text in before["texts"].items()}
    system = live_system()
    recording = recording_of((folder / "torch.bin").read_bytes(), uses, contents, system)
    verdicts = hydrate(recording, system)
    cache = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    files = sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())
    compile_all("warm")
    settled = settle(verdicts, lookups.uses, recording, read=Contents(lookups.contents).read)
    counters = torch._dynamo.utils.counters
    facts = {
        "verdicts": [asdict(each) for each in verdicts],
        "settled": [asdict(each) for each in settled],
        "uses": [asdict(each) for each in lookups.uses],
        "files": files,
        "counters": {name: dict(counters[name]) for name in ("inductor", "aot_autograd")},
        "again": [asdict(each) for each in hydrate(recording, system)],
    }
    (folder / "warm.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    listener = Lookups()
    logging.getLogger("torch.__trace").handlers.insert(0, listener)
    {"cold": cold, "warm": warm}[sys.argv[1]](Path(sys.argv[2]), listener)
