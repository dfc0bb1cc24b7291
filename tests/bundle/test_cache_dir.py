"""Torch's cache directory, opened like a bundle: what is listed, what is passed over, and what it never does."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from megacache.bundle import Bundle
from megacache.bundle.cache_dir import import_cache_dir, is_cache_dir, open_cache_dir
from megacache.errors import (
    ArtifactNotFoundError,
    BundleError,
    BundleNotFoundError,
    CorruptBundleError,
    NotABundleError,
)
from megacache.explain import UNKNOWN_SYSTEM_ID

NOBODY = 65534

FILES = {
    "fxgraph/ab/fabc/d1": ("inductor", "fabc", b"a graph"),
    "fxgraph/ab/fabc/d2": ("inductor", "fabc", b"another guarded graph"),
    "aotautograd/adef/d3": ("aot_autograd", "adef", b"an entry"),
    "dynamo/0a1b/entry": ("precompile", "0a1b", b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."),
    "dynamo/code_state_job_0_.pkl": ("pgo", "job_0_", b"a profile"),
    "xy/123.best_config": ("autotune", "xy/123.best_config", b"{}"),
}
OTHERS = (
    "xy/c123.py",
    "xy/c123.so",
    "locks/a.lock",
    "fxgraph/ab/fabc/.1.2.tmp",
    "dynamo/0a1b/entry.tmp",
    "abc/1.best_config",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory as torch lays it out, one second between its files."""
    contents = {name: content for name, (_, _, content) in FILES.items()} | dict.fromkeys(OTHERS, b"something else")
    for at, (name, content) in enumerate(contents.items()):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000 + at,) * 2)
    return tmp_path / "cache"


def told(recording):
    return [(each.artifact_type, each.cache_key, recording.read(each.content_sha256)) for each in recording.artifacts]


def test_every_cached_file_is_an_artifact_and_nothing_else_is(folder):
    recording = open_cache_dir(folder).recording()
    assert told(recording) == list(FILES.values())
    assert [each.added_us for each in recording.artifacts] == [(1_700_000_000 + at) * 10**6 for at in range(6)]
    assert {each.system_id for each in recording.artifacts} == {UNKNOWN_SYSTEM_ID}
    assert [each.size_bytes for each in recording.artifacts] == [len(each[2]) for each in FILES.values()]
    (session,) = recording.sessions
    assert session.name == f"cache directory {folder}"
    assert [each.cache_key for each in recording.artifact_uses] == [each[1] for each in FILES.values()]


@pytest.mark.parametrize(("name", "types"), [("dynamo", {"precompile", "pgo"}), ("fxgraph", {"inductor"})])
def test_a_folder_of_it_can_be_opened_alone(folder, name, types):
    assert {each.artifact_type for each in open_cache_dir(folder / name).recording().artifacts} == types


def test_it_has_the_faces_of_a_bundle(folder):
    opened = open_cache_dir(folder)
    assert "fabc" in str(opened.tree())
    assert list(opened.tables.artifacts["cache_key"]) == [each[1] for each in FILES.values()]
    assert opened.size_bytes == sum(len(each[2]) for each in FILES.values())
    assert [file.path.is_file() for file in opened.files] == [True] * 6
    assert str(folder) in repr(opened)
    assert opened.cache_info().inductor_artifacts == ["fabc"]
    assert opened.cache_info().counts["inductor"] == 1


def test_what_the_files_tell_is_read_once_while_none_changes_and_never_for_a_list(folder, monkeypatch):
    from megacache.bundle.torch_artifacts import rows

    opened = open_cache_dir(folder)
    recording = opened.recording()
    assert {each.detail for each in recording.artifact_uses if each.artifact_type != "autotune"} == {"unreadable"}
    reason = next(each.reason for each in recording.artifact_uses if each.artifact_type == "precompile")
    assert "os.system" in reason
    monkeypatch.setattr(rows, "read_entry", None)
    assert opened.recording() is recording
    assert opened.outline().artifacts == recording.artifacts
    assert opened.cache_info()
    assert open_cache_dir(folder).size_bytes == opened.size_bytes


def test_a_directory_that_changed_is_another_session(folder, tmp_path):
    """Its compiles are numbered anew: in a bundle they must not mix with those of the earlier state."""
    path = tmp_path / "made.megacache"
    import_cache_dir(folder, path)
    (folder / "aotautograd/adef/d3").write_bytes(b"a later entry")
    assert import_cache_dir(folder, path).new_artifact_count == 1
    with Bundle.open(path) as bundle:
        assert len({each.session_id for each in bundle.recording().sessions}) == 2
        assert len(bundle.recording().artifact_uses) == 12


def test_it_is_read_anew_at_each_look_and_a_content_that_changed_is_an_error(folder):
    opened = open_cache_dir(folder)
    before = opened.recording()
    changed = folder / "aotautograd/adef/d3"
    changed.write_bytes(b"a later entry")
    digest = next(each.content_sha256 for each in before.artifacts if each.cache_key == "adef")
    with pytest.raises(CorruptBundleError, match="was changed since"):
        before.read(digest)
    assert (b"a later entry") in [content for _, _, content in told(opened.recording())]
    changed.unlink()
    assert len(opened.recording().artifacts) == 5
    with pytest.raises(BundleNotFoundError, match="is gone"):
        before.read(digest)
    with pytest.raises(ArtifactNotFoundError):
        before.read("0" * 64)


def test_links_are_not_followed(folder, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    (folder / "aotautograd" / "linked").symlink_to(tmp_path / "secret")
    (folder / "aotautograd" / "adef" / "linked").symlink_to(tmp_path / "secret" / "file")
    assert told(open_cache_dir(folder).recording()) == list(FILES.values())


def test_what_is_no_cache_directory_is_named(tmp_path, folder):
    with pytest.raises(BundleNotFoundError, match="no directory"):
        open_cache_dir(tmp_path / "nowhere")
    with pytest.raises(NotABundleError, match="TORCHINDUCTOR_CACHE_DIR"):
        open_cache_dir(tmp_path)
    assert not is_cache_dir(tmp_path / "nowhere")
    assert open_cache_dir(folder / "dynamo").name == "dynamo"
    (tmp_path / "empty" / "dynamo").mkdir(parents=True)
    assert open_cache_dir(tmp_path / "empty").recording().artifacts == ()


def test_what_cannot_be_read_is_named(folder):
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        closed = Path(shutil.copytree(folder, f"{name}/cache"))
        closed.chmod(0o755)
        (closed / "dynamo").chmod(0)
        try:
            with nobody(), pytest.raises(BundleError, match="check its permissions"):
                open_cache_dir(closed).recording()
        finally:
            (closed / "dynamo").chmod(0o755)


@contextmanager
def nobody():
    """Be a user to whom something can be closed: nothing is to root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_it_becomes_a_bundle_once(folder, tmp_path):
    path = tmp_path / "made.megacache"
    assert import_cache_dir(folder, path).new_artifact_count == 6
    assert import_cache_dir(folder, path).new_artifact_count == 0
    with Bundle.open(path) as bundle:
        assert sorted(told(bundle.recording())) == sorted(FILES.values())
        assert bundle.verify().is_ok


def megacache(*arguments: object) -> str:
    """Run a command where torch cannot be imported and pickle cannot load."""
    code = (
        "import pickle, sys\n"
        "sys.modules['torch'] = None\n"
        "pickle.loads = pickle.load = pickle.Unpickler = None\n"
        "from megacache.cli import main\n"
        f"sys.argv = ['megacache', *{list(map(str, arguments))!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_read_it_without_torch_and_without_a_pickle(folder, tmp_path):
    listed = megacache("ls", folder)
    assert "6 artifacts" in listed
    assert "precompile" in listed
    assert "2023-11-14 22:13:23" in listed
    assert len(json.loads(megacache("ls", folder, "--json"))["artifacts"]) == 6
    assert "adef" in megacache("show", folder, "adef")
    assert "fabc" in megacache("tree", folder)
    assert "6 new artifacts" in megacache("import", folder, tmp_path / "made.megacache")


@pytest.mark.torch
def test_torch_lays_it_out_like_that(tmp_path):
    import torch
    from torch._dynamo.package import DynamoCache
    from torch._dynamo.pgo import code_state_path
    from torch._functorch._aot_autograd.autograd_cache import AOTAutogradCache
    from torch._inductor.codecache import FxGraphCache
    from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

    with temporary_cache_dir(str(tmp_path)), torch._dynamo.config.patch(automatic_dynamic_local_pgo=True):
        AOTAutogradCache._write_to_local_cache("akey", pickle.dumps(1))
        folder = Path(FxGraphCache._get_tmp_dir_for_key("fkey"))
        folder.mkdir(parents=True)
        (folder / "digest").write_bytes(b"a graph")
        DynamoCache._write_to_local_cache(b"an entry", "pkey")
        Path(code_state_path("job:0")).write_bytes(b"a profile")
        found = open_cache_dir(tmp_path).files
    assert [(each.artifact_type, each.cache_key) for each in found] == [
        ("aot_autograd", "akey"),
        ("inductor", "fkey"),
        ("pgo", "job_0"),
        ("precompile", "pkey"),
    ]
