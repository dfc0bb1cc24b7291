"""How the bundles of each format version were made, once. They are never made again: old files must stay readable.

    PYTHONPATH=.:tests python tests/golden/make_golden.py

Makes those of the current version. A file that exists is left alone. A change that this version's reader cannot take
needs a new version.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from megacache.bundle import Bundle
from megacache.bundle.rows import TABLES
from megacache.bundle.schema import FORMAT_VERSION
from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from samples import small_recording

FOLDER = Path(__file__).parent / f"v{FORMAT_VERSION}"

TORCH_ARTIFACTS = [
    TorchArtifact("inductor", "fgraph", b"\x80\x04first"),
    TorchArtifact("inductor", "fgraph", b"\x80\x04second"),
    TorchArtifact("aot_autograd", "agraph", b"\x80\x04" * 1000),
    TorchArtifact("pgo", "frame", b""),
]


def main() -> None:
    """Make what is not there yet."""
    FOLDER.mkdir(exist_ok=True)
    notebook, torch = FOLDER / "notebook.megacache", FOLDER / "torch.megacache"
    if not notebook.exists():
        with Bundle.create(notebook) as bundle:
            bundle.append(*small_recording())
        describe(notebook)
    if not torch.exists():
        Bundle.from_torch(write_artifacts(TORCH_ARTIFACTS), torch).close()
        describe(torch)


def describe(path: Path) -> None:
    """Write down what any reader must see: every row, and the size of every content."""
    with Bundle.open(path) as bundle:
        recording = bundle.recording()
        rows = {each.rows_name: [asdict(row) for row in getattr(recording, each.rows_name)] for each in TABLES}
        digests = {
            *(each.content_sha256 for each in (*recording.artifacts, *recording.documents)),
            *(each.components_sha256 for each in recording.artifact_uses if each.components_sha256),
        }
        contents = {digest: len(bundle.read(digest)) for digest in sorted(digests)}
        assert all(sha256(bundle.read(digest)).hexdigest() == digest for digest in contents)
    expected = {"format_version": FORMAT_VERSION, "rows": rows, "contents": contents}
    path.with_suffix(".json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
