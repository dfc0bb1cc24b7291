"""Golden: bundles of every format version, with what any reader must see in them. See `make_golden.py`."""

import json
import sqlite3
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from megacache.bundle import Bundle, frames, merge
from megacache.bundle.torch_format import read_artifacts

GOLDEN = sorted(Path(__file__).parent.glob("v*/*.megacache"))


@pytest.fixture(params=GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def golden(request):
    return request.param


@pytest.fixture
def expected(golden):
    return json.loads(golden.with_suffix(".json").read_text(encoding="utf-8"))


def test_each_version_has_its_files():
    assert [(path.parent.name, path.stem) for path in GOLDEN] == [
        (v, name) for v in ("v1", "v2") for name in ("notebook", "torch")
    ]
    assert all(path.stat().st_size < 200_000 for path in GOLDEN)


def test_every_row_is_seen(golden, expected):
    with Bundle.open(golden) as bundle:
        assert bundle.format_version == expected["format_version"]
        recording = bundle.recording()
    for name, rows in expected["rows"].items():
        found = json.loads(json.dumps([asdict(row) for row in getattr(recording, name)]))
        # A later model may have more fields than the file.
        assert [{key: row[key] for key in known} for row, known in zip(found, rows, strict=True)] == rows


def test_every_content_is_read(golden, expected):
    before = golden.read_bytes()
    with Bundle.open(golden) as bundle:
        assert {digest: len(bundle.read(digest)) for digest in expected["contents"]} == expected["contents"]
        assert bundle.verify().is_ok
        assert len(read_artifacts(bundle.to_torch())) == len(expected["rows"]["artifacts"])
    assert golden.read_bytes() == before


def test_it_can_be_merged_into_a_new_bundle(golden, expected, tmp_path):
    merge([golden], tmp_path / "new.megacache")
    with Bundle.open(tmp_path / "new.megacache") as bundle:
        assert len(bundle.recording().artifacts) == len(expected["rows"]["artifacts"])
        assert bundle.verify().is_ok


def test_a_reader_made_from_the_format_document_sees_the_same(golden, expected):
    """Nothing of ours but zstd: SQL, JSON and hashes, as FORMAT.md tells them."""
    connection = sqlite3.connect(f"{golden.as_uri()}?mode=ro", uri=True)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x6D676361,)
    assert connection.execute("PRAGMA user_version").fetchone() == (expected["format_version"],)
    found = connection.execute("SELECT compile_id, stack FROM compile ORDER BY started_us").fetchall()
    known = [(row["compile_id"], row["stack"]) for row in expected["rows"]["compiles"]]
    assert [(compile_id, json.loads(stack or "[]")) for compile_id, stack in found] == known
    packs = {
        pack_id: frames._zstd().decompress(frame)
        for pack_id, frame, digest in connection.execute("SELECT pack_id, frame, sha256 FROM pack")
        if sha256(frame).hexdigest() == digest
    }
    contents: dict[str, bytes] = {}
    parts = connection.execute("SELECT sha256, pack_id, offset, size_bytes FROM blob_part ORDER BY sha256, part")
    for digest, pack_id, offset, size in parts:
        contents[digest] = contents.get(digest, b"") + packs[pack_id][offset : offset + size]
    connection.close()
    assert {digest: len(content) for digest, content in contents.items()} == expected["contents"]
    assert all(sha256(content).hexdigest() == digest for digest, content in contents.items())
