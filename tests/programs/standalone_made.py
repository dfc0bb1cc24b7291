"""Compile graphs with `standalone_compile`, save them in every format, and print as JSON what is known of them.

Argument: the folder in which this program and `standalone_loaded` meet.
"""

import json
import sys
from pathlib import Path

import torch
from torch.fx.experimental.proxy_tensor import make_fx

import megacache
from megacache import process
from megacache.errors import MegacacheError


def mlp(x, w):
    return [x @ w @ w]


def once(x, w):
    return [x @ w]


def fused(x, w):
    return [(x @ w) * (w * 3 + 1)]


def error_of(action):
    try:
        action()
    except MegacacheError as error:
        return [type(error).__name__, str(error)]
    return None


def unsaveable(x, w):
    """Compile with torch's caches off: there is nothing to save."""
    with torch._inductor.config.patch(force_disable_caches=True):
        return megacache.standalone_compile(make_fx(once)(x, w), [x, w], name="nothing")


def told(recorded):
    recording = recorded.recording()
    return {
        "sessions": [each.name for each in recording.sessions],
        "backends": [each.backend_id for each in recording.backend_entries],
        "artifacts": sorted([each.artifact_type, each.cache_key] for each in recording.artifacts),
        "documents": sorted({each.name for each in recording.documents}),
        "tree": str(recorded.tree()),
    }


def main(folder):
    x, w = torch.arange(16.0).reshape(4, 4), torch.eye(4) * 2
    torch.save([x, w], folder / "inputs.pt")
    facts = {"before": process.process.is_on}
    plain = make_fx(mlp)(x, w)
    artifact = megacache.standalone_compile(plain, [x, w], dynamic_shapes="from_example_inputs")
    facts["is_on_after"] = process.process.is_on
    facts["patched_after"] = torch._dynamo.aot_compile.aot_compile_fullgraph.__module__
    function = megacache.standalone_compile(
        make_fx(once)(x, w), [x, w], name="once", aot=True, dynamic_shapes="from_example_inputs"
    )
    facts["is_right"] = [torch.equal(artifact(x, w)[0], x @ w @ w), torch.equal(function(x, w)[0], x @ w)]
    facts["torch_class"] = [type(each.torch).__name__ for each in (artifact, function)]
    facts["artifact"], facts["function"] = told(artifact), told(function)
    facts["events"] = sorted({each.name for each in artifact.recording().events})
    facts["bundle_reports"] = [each.save(folder / "both.megacache").new_artifact_count for each in (artifact, function)]
    facts["plain_reports"] = [
        artifact.save(folder / "mlp.bin"),
        artifact.save(folder / "mlp.dir", format="unpacked"),
        function.save(folder / "once.bin", "binary"),
    ]
    facts["over_a_folder"] = error_of(lambda: artifact.save(folder, format="unpacked"))
    facts["over_a_bundle"] = error_of(lambda: artifact.save(folder / "both.megacache", format="binary"))
    facts["no_format"] = error_of(lambda: artifact.save(folder / "x", format="zip"))
    facts["unpacked_function"] = error_of(lambda: function.save(folder / "once.dir", format="unpacked"))
    facts["again_unpacked"] = error_of(lambda: artifact.save(folder / "mlp.dir", format="unpacked"))

    # A kernel of C++: the second time torch finds all in its caches, and the kernel is needed all the same.
    for _ in range(2):
        kernel = megacache.standalone_compile(make_fx(fused)(x, w), [x, w], dynamic_shapes="from_example_inputs")
    facts["fused"] = told(kernel)
    wide = megacache.standalone_compile(make_fx(once)(x, w), [x[:2], w], dynamic_shapes="from_example_inputs")
    facts["names"] = [kernel.name, wide.name, repr(wide)]
    kernel.save(folder / "fused.megacache")

    # What plain torch writes, and what it writes while a session is open.
    with megacache.session("open", bundle=folder / "open.megacache") as session:
        inner = megacache.standalone_compile(plain, [x, w], name="inner", dynamic_shapes="from_example_inputs")
        torch_own = torch._inductor.standalone_compile(
            make_fx(once)(x, w), [x, w], dynamic_shapes="from_example_inputs"
        )
    torch_own.save(path=str(folder / "plain.bin"), format="binary")
    torch_own.save(path=str(folder / "plain.dir"), format="unpacked")
    facts["session"] = told(session)
    facts["summary"] = session.summary()
    facts["inner_file"] = inner._binary() is not None
    nothing = unsaveable(x, w)
    facts["nothing"] = [torch.equal(nothing(x, w)[0], x @ w), error_of(lambda: nothing.save(folder / "nothing.bin"))]
    facts["key"] = torch._inductor.codecache.torch_key().hex()
    facts["version"] = torch.__version__
    facts["faults"] = [each.error for each in process.process.capture.faults]
    print(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
