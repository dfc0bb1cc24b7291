"""Compile functions with `aot_compile`, and with a precompile capture where there is one, and print JSON facts.

Argument: the folder in which this program and `functions_loaded` meet.
"""

import json
import sys
from pathlib import Path

import torch

import megacache
from megacache import process
from megacache.errors import MegacacheError

SCALE = 3.0


def scaled(x, w):
    return (x @ w) @ (w * SCALE)


def made_by(factor):
    def inner(x, w):
        return x @ w @ factor

    return inner


def closing_over(linear):
    def closed(x, w):
        return linear(x) @ w

    return closed


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, w):
        return self.linear(x) @ w


def aot(function, *inputs):
    return torch.compile(function, fullgraph=True).aot_compile((inputs, {}))


def error_of(action):
    try:
        action()
    except MegacacheError as error:
        return [type(error).__name__, str(error)]
    return None


def main(folder):
    torch.manual_seed(0)
    x, w = torch.arange(16.0).reshape(4, 4), torch.eye(4) * 2
    torch.save([x, w], folder / "inputs.pt")
    facts = {"version": torch.__version__}
    model, factor = Model(), torch.eye(4)
    with megacache.session("functions", bundle=folder / "functions.megacache") as session:
        function = aot(scaled, x, w)
        nested = aot(made_by(factor), x, w)
        bound = aot(model.forward, x, w)
        closed = aot(closing_over(model.linear), x, w)
        facts["is_right"] = [
            torch.equal(function(x, w), scaled(x, w)),
            torch.equal(nested(x, w), x @ w @ factor),
            torch.allclose(bound(model, x, w) if facts_need_self(bound) else bound(x, w), model(x, w)),
        ]
        if hasattr(getattr(torch.compiler, "precompile", None), "capture"):
            paths = {"artifact_path": folder / "pair.py", "cache_path": folder / "pair.cache"}
            with torch.compiler.precompile.capture(scaled, **paths) as capture:
                facts["captured"] = torch.equal(capture(x, w), scaled(x, w))
    recording = session.recording()
    facts["backends"] = [each.backend_id for each in recording.backend_entries]
    facts["artifacts"] = [[each.artifact_type, each.cache_key, each.size_bytes] for each in recording.artifacts]
    facts["bypasses"] = [
        [each.artifact_type, each.cache_key, each.reason]
        for each in recording.artifact_uses
        if each.state == "bypass" and each.artifact_type == "aot_function"
    ]
    facts["documents"] = sorted({each.name for each in recording.documents})
    facts["tree"] = str(session.tree())
    torch.save(closed(x, w).detach(), folder / "closed.pt")
    facts["is_equal"] = function.save_compiled_function(str(folder / "scaled.bin")).serialized_data == next(
        recording.read(each.content_sha256) for each in recording.artifacts if each.cache_key == "__main__.scaled"
    )
    target = folder / "saved.megacache"
    facts["saved"] = [
        megacache.save_compiled_function(function, target).new_artifact_count,
        megacache.save_compiled_function(
            closed, target, name="closed", external_data={"linear": model.linear}
        ).new_artifact_count,
    ]
    if "captured" in facts:
        pair = (folder / "pair.py", folder / "pair.cache")
        facts["saved"].append(megacache.save_compiled_function(pair, target).new_artifact_count)
    (folder / "kept.py").write_text("print()")
    (folder / "kept.cache").write_bytes(b"nothing")
    megacache.save_compiled_function((folder / "kept.py", folder / "kept.cache"), folder / "pairs.megacache")
    facts["unpickled"] = error_of(lambda: megacache.save_compiled_function(closed, folder / "no.megacache"))
    facts["no_function"] = error_of(lambda: megacache.save_compiled_function(scaled, folder / "no.megacache"))
    facts["no_file"] = error_of(lambda: megacache.save_compiled_function((folder / "x", folder / "y"), target))
    torch.save(model.linear.state_dict(), folder / "linear.pt")
    facts["faults"] = [each.error for each in process.process.capture.faults]
    print(json.dumps(facts))


def facts_need_self(function):
    """Say whether torch's function takes the instance as its first argument."""
    return "self" in function._artifacts.signature.parameters


if __name__ == "__main__":
    main(Path(sys.argv[1]))
