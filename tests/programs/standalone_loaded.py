"""Load what `standalone_made` saved, each in this one fresh process, and print as JSON what became of it.

Arguments: the folder in which the two meet, torch's key, and that of another torch.
"""

import json
import os
import shutil
import sys
import zlib
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from made_rows import artifact_of

from forgery import forge
from megacache import CompiledArtifact, process, session
from megacache.bundle import Bundle
from megacache.bundle.compiled_file import CompiledFile
from megacache.bundle.compiled_rows import rows_of
from megacache.errors import MegacacheError
from megacache.recording import Recording

UNPICKLED = []
"""What pickles imported: nothing may be unpickled of what is refused."""

STARTED = []
"""The compilers that this process started to compile something."""

LOWERING = {"create_aot_dispatcher_function", "inductor_compile", "GraphLowering.run", "code_gen"}
"""The spans of a graph on its way to code. The graphs' texts tell nothing: torch logs those of what it loads, too."""


def attempt(action, inputs):
    """Load and run, and tell what came of it."""
    UNPICKLED.clear()
    try:
        artifact = action()
    except MegacacheError as error:
        told = {"error": type(error).__name__, "message": str(error), "mismatches": getattr(error, "mismatches", ())}
        return {**told, "unpickled": len(UNPICKLED)}
    recording = artifact.recording()
    return {
        "name": artifact.name,
        "result": artifact(*inputs)[0].tolist(),
        "lowered": sorted({each.name for each in recording.events} & LOWERING),
        "backends": [each.backend_id for each in recording.backend_entries],
        "misses": [each.cache_key for each in recording.artifact_uses if each.state == "miss"],
        "hits": sorted(each.artifact_type for each in recording.artifact_uses if each.state == "hit"),
        "tree": str(artifact.tree()),
    }


def hear(event, told):
    if event == "pickle.find_class":
        UNPICKLED.append(told)
    elif event in ("subprocess.Popen", "os.posix_spawn"):
        command = " ".join(map(str, told[1]))
        if "g++" in command and "--version" not in command and "/dev/null" not in command:  # what it knows is asked
            STARTED.append(command)


def framed(*pieces):
    body = b"".join(len(each).to_bytes(8) + each for each in pieces)
    return zlib.crc32(body).to_bytes(4) + body


def main(folder, live_key, other_key):
    inputs = torch.load(folder / "inputs.pt")
    sys.addaudithook(hear)
    load, facts = CompiledArtifact.load, {}
    whole = (folder / "mlp.bin").read_bytes()
    other = CompiledFile.of(whole, folder / "mlp.bin").binary(b"\0" * 32)
    known = CompiledFile.of(whole, folder / "mlp.bin").binary(bytes.fromhex(other_key))
    written = {
        "other.bin": other,
        "known.bin": known,
        "cut.bin": whole[: len(whole) // 2],
        "start.bin": whole[:20],
        "flipped.bin": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "header.bin": framed(b"OtherArtifact", b"\0" * 32, b"x"),
        "foreign.bin": b"nothing of the kind",
        "empty.bin": b"",
        "garbage.bin": framed(b"AOTCompiledArtifact", bytes.fromhex(live_key), b"no pickle"),
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    (folder / "plain_folder").mkdir()
    facts["refused"] = {name: attempt(lambda name=name: load(folder / name), inputs) for name in written}
    facts["refused"] |= {
        name: attempt(lambda name=name: load(folder / name), inputs) for name in ("plain_folder", "missing.bin")
    }
    facts["loaded"] = {
        name: attempt(lambda name=name: load(folder / name), inputs)
        for name in ("mlp.bin", "mlp.dir", "once.bin", "plain.bin", "plain.dir")
    }
    both = folder / "both.megacache"
    facts["named"] = {name: attempt(lambda name=name: load(both, name), inputs) for name in ("mlp", "once")}
    facts["fused"] = attempt(lambda: load(folder / "fused.megacache"), inputs)
    facts["fused_expected"] = ((inputs[0] @ inputs[1]) * (inputs[1] * 3 + 1)).tolist()
    facts["compilers"] = list(STARTED)
    facts["libraries"] = [each.name for each in Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).rglob("*.main.so")]
    facts["unnamed"] = attempt(lambda: load(both), inputs)
    facts["misnamed"] = attempt(lambda: load(both, "mlq"), inputs)

    with session("user", bundle=folder / "both.megacache") as user:
        again = load(both, "mlp")
        again.save(folder / "copy.megacache")
        again.save(folder / "copy.bin")
    facts["user_verdicts"] = [
        [each.verdict, each.artifact_type, each.cache_key, each.reason]
        for each in user.load_report.verdicts
        if each.artifact_type == "compiled_artifact"
    ]
    facts["copied"] = attempt(lambda: load(folder / "copy.megacache"), inputs)
    facts["copied_is_equal"] = (folder / "copy.bin").read_bytes() == whole
    facts["copied_later"] = saved_after_a_change(folder)
    with torch._inductor.config.patch(epilogue_fusion=False):
        facts["other_config"] = attempt(lambda: load(both, "mlp"), inputs)
    facts["other_isa"] = attempt(lambda: load(other_isa(both), "mlp"), inputs)
    file = CompiledFile.open(folder / "plain.bin")
    with Bundle.open_or_create(folder / "imported.megacache") as bundle:
        bundle.append(*rows_of(file))
    facts["imported"] = attempt(lambda: load(folder / "imported.megacache"), inputs)
    facts["trusted"] = attempt(lambda: load(folder / "imported.megacache", trust_unknown=True), inputs)
    plain = torch._inductor.CompiledArtifact.load(path=str(folder / "mlp.bin"), format="binary")
    unpacked = torch._inductor.CompiledArtifact.load(path=str(folder / "mlp.dir"), format="unpacked")
    facts["by_torch"] = [each(*inputs)[0].tolist() for each in (plain, unpacked)]
    facts["faults"] = [each.error for each in process.process.capture.faults]
    print(json.dumps(facts))


def saved_after_a_change(folder):
    """Load one of a bundle into which somebody then puts another content of its name; say what is saved of it."""
    changing = folder / "changing.megacache"
    shutil.copy(folder / "copy.megacache", changing)
    loaded = CompiledArtifact.load(changing)
    with Bundle.open(changing) as bundle:
        rows = bundle.recording()
        kept = next(each for each in rows.artifacts if each.artifact_type == "compiled_artifact")
        newer = artifact_of(b"another", kept.cache_key, artifact_type=kept.artifact_type)
        uses = tuple(
            replace(each, ordinal=each.ordinal + 1000, content_sha256=newer.content_sha256)
            for each in rows.artifact_uses
            if each.content_sha256 == kept.content_sha256
        )
        bundle.append(Recording(artifacts=(newer,), artifact_uses=uses), {newer.content_sha256: b"another"})
    loaded.save(folder / "later.megacache")
    with Bundle.open(folder / "later.megacache") as bundle:
        return [each.content_sha256 == kept.content_sha256 for each in bundle.recording().artifacts if same(each, kept)]


def same(one, other):
    return (one.artifact_type, one.cache_key) == (other.artifact_type, other.cache_key)


def other_isa(path):
    """Write a copy of a bundle whose rows say another CPU ISA."""
    copy = path.with_name("other_isa.megacache")
    shutil.copy(path, copy)
    forge(copy, "UPDATE system_info SET cpu_isa = 'avx9000'")
    return copy


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
