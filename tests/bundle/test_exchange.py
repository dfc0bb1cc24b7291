"""Exchange: torch's cache artifacts become a bundle and go back; torch itself loads them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from megacache.bundle import Bundle
from megacache.bundle.exchange import ORIGIN
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.errors import CorruptBundleError, NotABundleError, UsageError
from megacache.model import ARTIFACT_TYPES

ARTIFACTS = [
    TorchArtifact("inductor", "fkey", b"\x80\x04first"),
    TorchArtifact("inductor", "fkey", b"\x80\x04second"),
    TorchArtifact("aot_autograd", "akey", b"\x80\x04\x00" * 1000),
    TorchArtifact("pgo", "pkey", b""),
]
DATA = write_artifacts(ARTIFACTS)


@pytest.fixture
def imported(tmp_path):
    with Bundle.from_torch(DATA, tmp_path / "torch.megacache") as bundle:
        yield bundle


def test_every_artifact_is_there(imported):
    recording = imported.recording()
    found = [(each.artifact_type, each.cache_key, imported.read(each.content_sha256)) for each in recording.artifacts]
    assert found == [(each.artifact_type, each.cache_key, each.content) for each in ARTIFACTS]
    assert [each.size_bytes for each in recording.artifacts] == [len(each.content) for each in ARTIFACTS]
    assert {each.system_id for each in recording.artifacts} == {"unknown"}
    assert imported.verify().is_ok


def test_the_session_is_named_after_its_origin(imported):
    (session,) = imported.recording().sessions
    assert (session.name, session.status, session.system_id) == (ORIGIN, "ok", "unknown")
    uses = imported.recording().artifact_uses
    assert [each.cache_key for each in uses] == [each.cache_key for each in ARTIFACTS]
    assert {(each.session_id, each.state) for each in uses} == {(session.session_id, None)}


def test_the_bytes_go_back_as_they_came(imported):
    assert imported.to_torch() == DATA


def test_the_same_file_adds_nothing(imported):
    size = imported.size_bytes
    with Bundle.from_torch(DATA, imported.path) as again:
        assert len(again.recording().sessions) == 1
        assert len(again.recording().artifacts) == len(ARTIFACTS)
        assert again.size_bytes == size


def test_another_file_joins_it(imported):
    more = write_artifacts([TorchArtifact("inductor", "other", b"third")])
    with Bundle.from_torch(more, imported.path) as both:
        assert len(both.recording().sessions) == 2
        assert read_artifacts(both.to_torch(keys=["other"])) == read_artifacts(more)
        assert len(read_artifacts(both.to_torch())) == len(ARTIFACTS) + 1


def test_types_and_keys_choose(imported):
    assert {each.artifact_type for each in read_artifacts(imported.to_torch(types=["pgo"]))} == {"pgo"}
    assert read_artifacts(imported.to_torch(keys=["akey"])) == [ARTIFACTS[2]]
    assert imported.to_torch(types="pgo") == imported.to_torch(types=["pgo"])  # one name, not its letters


def test_a_key_that_nothing_to_export_has_is_named(imported):
    for chosen in ({"keys": ["nope"]}, {"types": ["pgo"], "keys": ["akey"]}):
        with pytest.raises(UsageError, match=f"no artifact to export has the key {chosen['keys'][0]}: give whole keys"):
            imported.to_torch(**chosen)


def test_a_type_that_is_none_is_named(imported):
    with pytest.raises(UsageError, match="indutcor is no artifact type; it is one of precompile, "):
        imported.to_torch(types=["indutcor"])


def test_a_type_that_torch_may_not_know_is_left_out_unless_asked_for(tmp_path):
    """Torch refuses a container whole when it knows one of its types not."""
    data = write_artifacts([*ARTIFACTS, TorchArtifact("kernel", "k", b"ours")])
    with Bundle.from_torch(data, tmp_path / "a.megacache") as bundle:
        assert {each.artifact_type for each in read_artifacts(bundle.to_torch())} <= set(ARTIFACT_TYPES)
        assert read_artifacts(bundle.to_torch(types=["kernel"])) == [TorchArtifact("kernel", "k", b"ours")]


@pytest.mark.parametrize(("data", "error"), [(b"notes", NotABundleError), (DATA[:-1], CorruptBundleError)])
def test_other_bytes_make_no_file(tmp_path, data, error):
    with pytest.raises(error):
        Bundle.from_torch(data, tmp_path / "a.megacache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [None, (DATA, "its CacheInfo")], ids=["nothing", "both"])
def test_what_torch_returns_beside_the_bytes_is_told(tmp_path, data):
    with pytest.raises(NotABundleError, match="give the bytes alone"):
        Bundle.from_torch(data, tmp_path / "a.megacache")
    assert list(tmp_path.iterdir()) == []


def test_no_pickle_is_run(tmp_path):
    """The contents of torch's artifacts are pickles; this one would leave a file."""
    mark = tmp_path / "executed"
    pickle = b"cbuiltins\nopen\n(V" + str(mark).encode() + b"\nVw\ntR."
    with Bundle.from_torch(
        write_artifacts([TorchArtifact("inductor", "k", pickle)]), tmp_path / "a.megacache"
    ) as bundle:
        bundle.verify()
        assert read_artifacts(bundle.to_torch())[0].content == pickle
        assert bundle.recording().artifacts
    assert not mark.exists()


TORCH = """
import json, sys
import torch
from torch.compiler._cache import CacheArtifactManager
from megacache.bundle import Bundle

CacheArtifactManager._ensure_cache_artifacts_registered()

def keys(data):
    found = CacheArtifactManager.deserialize(data)
    return {name: [(each.key, each.content.hex()) for each in found[name]] for name in sorted(found)}

record = CacheArtifactManager.record_artifact
record("inductor", "f1", b"one")
record("aot_autograd", "a1", b"two")
once, info = CacheArtifactManager.serialize()
record("inductor", "f2", b"three")
twice, _ = CacheArtifactManager.serialize()

with Bundle.from_torch(once, sys.argv[1] + "/once") as bundle:
    same = keys(bundle.to_torch()) == keys(once)
with Bundle.from_torch(twice, sys.argv[1] + "/twice") as bundle:
    ours, theirs = keys(bundle.to_torch()), keys(twice)

CacheArtifactManager.clear()
for name, artifacts in sorted(CacheArtifactManager.deserialize(bundle.to_torch()).items()):
    for artifact in artifacts:
        CacheArtifactManager.record_artifact(name, artifact.key, artifact.content)
_, ours_info = CacheArtifactManager.serialize()
infos = {"info": info.artifacts, "ours_info": ours_info.artifacts}
print(json.dumps({"same": same, "ours": ours, "theirs": theirs, **infos}))
"""


@pytest.mark.torch
def test_torch_itself_reads_what_we_write_and_we_keep_what_it_loses(tmp_path):
    house = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", TORCH, str(tmp_path)], capture_output=True, text=True, check=False, cwd=house
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    one, two, three = (["f1", b"one".hex()], ["a1", b"two".hex()], ["f2", b"three".hex()])
    assert found["same"] is True
    assert found["ours"] == {"aot_autograd": [two], "inductor": [one, three]}
    # What torch makes of its own second save: the last group of each type, without the first save's artifacts.
    assert found["theirs"] == {"aot_autograd": [two], "inductor": [three]}
    assert found["info"] == {"inductor": ["f1"], "aot_autograd": ["a1"]}
    assert found["ours_info"] == {"inductor": ["f1", "f2"], "aot_autograd": ["a1"]}
