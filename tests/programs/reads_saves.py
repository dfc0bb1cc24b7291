"""Open what `torch_saves` wrote, where torch cannot be imported; print what each face shows as JSON."""

import contextlib
import io
import json
import random
import sys
import time
from pathlib import Path

from megacache.bundle import Bundle
from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.torch_artifacts.entries import read_entry
from megacache.bundle.torch_artifacts.rows import TorchRows
from megacache.bundle.torch_format import TorchArtifact, read_artifacts
from megacache.cli import app

looked_up = []
sys.addaudithook(lambda event, arguments: looked_up.append(arguments[1:]) if event == "pickle.find_class" else None)


def command(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as written:
        app([*map(str, arguments)], standalone_mode=False)
    return written.getvalue()


def shown(folder, name):
    data = (folder / f"{name}.torch").read_bytes()
    artifacts = read_artifacts(data)
    started = time.perf_counter()
    for each in artifacts:
        read_pickle(each.content)
    read_us = (time.perf_counter() - started) * 1e6
    with Bundle.from_torch(data, folder / f"{name}.megacache") as bundle:
        recording = bundle.recording()
        again = sorted((each.artifact_type, each.cache_key, each.content) for each in read_artifacts(bundle.to_torch()))
        tables = {each: len(getattr(bundle.tables, each)) for each in ("codes", "compiles", "guards", "artifacts")}
        return {
            "read_us": read_us,
            "size_bytes": sum(len(each.content) for each in artifacts),
            "is_whole": bundle.verify().is_ok,
            "is_same_again": again == sorted((each.artifact_type, each.cache_key, each.content) for each in artifacts),
            "tree": str(bundle.tree()),
            "tables": tables,
            "html_size_bytes": bundle.export_html(folder / f"{name}.html"),
            "torch_versions": [each.torch_version for each in recording.systems],
            "codes": [
                [each.qualname, each.first_line, each.source, each.parent_code_id is not None]
                for each in recording.codes
            ],
            "files": sorted({Path(each.filename).name for each in recording.codes}),
            "modules": sorted({str(each.module) for each in recording.codes}),
            "compiles": [[each.compile_id, each.status, each.guard_count] for each in recording.compiles],
            "breaks": [[each.compile_id, each.line, each.source_line] for each in recording.graph_breaks],
            "guards": [[each.compile_id, each.guard_type, each.expression, each.source] for each in recording.guards],
            "dimensions": [[each.compile_id, each.source] for each in recording.dimensions],
            "backends": [[each.compile_id, each.backend_id, each.kind] for each in recording.backend_entries],
            "documents": [
                [each.name, each.kind, each.compile_id, recording.text(each)[:5000]] for each in recording.documents
            ],
            "uses": [
                [each.artifact_type, each.cache_key, each.compile_id, each.kind, each.reason]
                for each in recording.artifact_uses
            ],
            "components": [
                len(recording.read(each.components_sha256).splitlines())
                for each in recording.artifact_uses
                if each.components_sha256
            ],
            "show": {
                "key": command("show", bundle.path, next(each.cache_key for each in artifacts)),
                "compile": command("show", bundle.path, "0/0"),
                "function": command("show", bundle.path, "forward"),
            },
        }


def damaged(folder):
    """Read each artifact with bytes flipped or cut at random, and return how many gave something to show."""
    chance = random.Random(7)  # noqa: S311  the same damage in every run
    shown_count = 0
    for each in read_artifacts((folder / "once.torch").read_bytes()):
        for _ in range(12):
            content = bytearray(each.content)
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            cut = bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
            artifact = TorchArtifact(each.artifact_type, each.cache_key, cut)
            TorchRows([artifact], ["0" * 64], "origin", 0).recording()
            shown_count += read_entry(artifact).content is not None
    return shown_count


folder = Path(sys.argv[1])
found = {name: shown(folder, name) for name in ("plain", "once", "twice")}
print(json.dumps({**found, "damaged": damaged(folder), "looked_up": looked_up, "torch": "torch" in sys.modules}))
