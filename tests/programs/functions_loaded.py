"""Load what `functions_made` kept, in a fresh process, and print as JSON what became of it.

Argument: the folder in which the two meet. Nothing of `functions_made` is imported.
"""

import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from forgery import forge
from megacache import load_compiled_function, process, session
from megacache.bundle import Bundle
from megacache.errors import MegacacheError

STARTED = []
"""The compilers that this process started to compile something."""

LOWERING = {"create_aot_dispatcher_function", "inductor_compile", "GraphLowering.run", "code_gen"}


def on_start(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn"):
        command = " ".join(map(str, arguments[1]))
        if "--version" not in command and "/dev/null" not in command:  # asks the compiler what it knows
            STARTED.append(command)


def attempt(path, name=None, inputs=(), **options):
    STARTED.clear()
    with session("load") as recorded:
        try:
            function = load_compiled_function(path, name, **options)
        except MegacacheError as error:
            return {"error": type(error).__name__, "message": str(error)}
        result = function(*inputs)
    recording = recorded.recording()
    return {
        "result": result.tolist(),
        "lowered": sorted({each.name for each in recording.events} & LOWERING),
        "hits": sorted({each.artifact_type for each in recording.artifact_uses if each.state == "hit"}),
        "compilers": [each for each in STARTED if "g++" in each or "clang" in each],
        "libraries": sorted(each.name for each in Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).rglob("*.main.so")),
        "sessions": [each.name for each in recording.sessions],
    }


def altered(path, statement):
    copy = path.with_name("altered.megacache")
    shutil.copy(path, copy)
    forge(copy, statement)
    return copy


def digest_of(path, key):
    with Bundle.open(path) as bundle:
        return next(each.content_sha256 for each in bundle.recording().artifacts if each.cache_key == key)[:12]


def main(folder):
    sys.addaudithook(on_start)
    x, w = torch.load(folder / "inputs.pt")
    kept, saved = folder / "functions.megacache", folder / "saved.megacache"
    linear = torch.nn.Linear(4, 4)
    linear.load_state_dict(torch.load(folder / "linear.pt"))
    facts = {
        "scaled": attempt(kept, "__main__.scaled", (x, w)),
        "inner": attempt(kept, "inner", (x, w)),
        "saved": attempt(saved, "__main__.scaled", (x, w)),
        "unnamed": attempt(kept),
        "misnamed": attempt(kept, "scald"),
        "missing": attempt(folder / "no.megacache"),
        "unimportable": attempt(kept, "Model.forward", (x, w)),
        "closed": attempt(saved, "closed", (x, w), external_data={"linear": linear}),
        "without_external": attempt(saved, "closed", (x, w)),
        "digest": attempt(kept, digest_of(kept, "__main__.scaled"), (x, w)),
        "foreign": attempt(folder / "scaled.bin"),
        "pair": attempt(saved, "pair", (x, w)),
        "broken_pair": attempt(folder / "pairs.megacache", "kept"),
        "other_isa": attempt(altered(kept, "UPDATE system_info SET cpu_isa = 'avx9000'"), "__main__.scaled"),
        "other_torch": attempt(altered(kept, "UPDATE system_info SET torch_version = '2.12.0'"), "__main__.scaled"),
        "unknown": attempt(altered(kept, "UPDATE artifact SET system_id = 'unknown'"), "__main__.scaled"),
        "closed_expected": torch.load(folder / "closed.pt").tolist(),
        "expected": ((x @ w) @ (w * 3.0)).tolist(),
    }
    with torch._inductor.config.patch(epilogue_fusion=False):
        facts["other_config"] = attempt(kept, "__main__.scaled")
    function = load_compiled_function(kept, "inner")
    try:
        function(x[:2], w)
    except RuntimeError as error:
        facts["guarded"] = str(error)
    facts["faults"] = [each.error for each in process.process.capture.faults]
    print(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
