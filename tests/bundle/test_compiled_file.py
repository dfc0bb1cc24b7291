"""Compiled files of torch's, read without torch: both formats, and everything that can be wrong with one."""

import pickle
import zlib

import pytest
from typer.testing import CliRunner

from megacache.bundle import Bundle
from megacache.bundle.compiled_file import CompiledFile, is_compiled, mark_of, writer_of
from megacache.bundle.compiled_rows import rows_of
from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from megacache.cli import app
from megacache.errors import BundleNotFoundError, CorruptBundleError, NotABundleError
from megacache.explorer.sources import source_of

KNOWN = bytes.fromhex("d34d1007edd62bb52cb10ffdeb5f6e36975ee877f120be2df6df7e8d3dd2e62c")
LINE = f"[abc] torch_version: {mark_of(KNOWN)}"
ARTIFACTS = (
    TorchArtifact("inductor", "fabc", pickle.dumps({"lines": [LINE]})),
    TorchArtifact("aot_autograd", "adef", pickle.dumps(["nothing"])),
)


def framed(*pieces):
    body = b"".join(len(each).to_bytes(8) + each for each in pieces)
    return zlib.crc32(body).to_bytes(4) + body


CACHE = framed(b"CacheCompiledArtifact", KNOWN, b"YWRlZg==", write_artifacts(ARTIFACTS))
FUNCTION = framed(b"AOTCompiledArtifact", b"\1" * 32, pickle.dumps(("entry", {}, {})))


@pytest.fixture
def binary(tmp_path):
    path = tmp_path / "mlp.bin"
    path.write_bytes(CACHE)
    return path


@pytest.fixture
def unpacked(tmp_path):
    path = tmp_path / "mlp.dir"
    (path / "aotautograd" / "adef").mkdir(parents=True)
    (path / "aotautograd" / "adef" / "content").write_bytes(ARTIFACTS[1].content)
    (path / "fxgraph" / "ab" / "fabc").mkdir(parents=True)
    (path / "fxgraph" / "ab" / "fabc" / "content").write_bytes(ARTIFACTS[0].content)
    return path


# -- both formats


def test_a_binary_file_tells_its_writer_its_key_and_its_artifacts(binary):
    file = CompiledFile.open(binary)
    assert (file.file_format, file.is_aot, file.key, file.name) == ("binary", False, "adef", "mlp.bin")
    assert file.artifacts == ARTIFACTS
    assert writer_of(file.torch_mark) == "torch 2.13.0+cpu"


def test_a_folder_tells_the_same_but_for_torchs_key(unpacked):
    file = CompiledFile.open(unpacked)
    assert (file.file_format, file.key, file.torch_key) == ("unpacked", "adef", b"")
    assert file.artifacts == ARTIFACTS
    assert writer_of(file.torch_mark) == "torch 2.13.0+cpu", "inductor's key components name it"
    assert file.binary(KNOWN) == CACHE


def test_a_pickled_function_tells_its_writer(tmp_path):
    file = CompiledFile.of(FUNCTION, tmp_path / "f.bin")
    assert (file.is_aot, file.key, file.artifacts) == (True, "", ())
    assert writer_of(file.torch_mark) == "another build of torch"
    assert file.function == pickle.dumps(("entry", {}, {}))


@pytest.mark.parametrize("content", [CACHE, FUNCTION])
def test_the_binary_format_is_written_as_it_was_read(content, tmp_path):
    assert CompiledFile.of(content, tmp_path).binary() == content


# -- what can be wrong


@pytest.mark.parametrize("content", [CACHE, FUNCTION], ids=["cache", "function"])
def test_every_truncation_has_a_name(content, tmp_path):
    for size in range(len(content)):
        with pytest.raises((CorruptBundleError, NotABundleError)) as caught:
            CompiledFile.of(content[:size], tmp_path / "x.bin")
        assert "x.bin" in str(caught.value)
        if size > 20:
            assert isinstance(caught.value, CorruptBundleError)


def test_every_flipped_byte_has_a_name(tmp_path):
    for at in range(len(CACHE)):
        flipped = CACHE[:at] + bytes([CACHE[at] ^ 0x55]) + CACHE[at + 1 :]
        with pytest.raises((CorruptBundleError, NotABundleError)):
            CompiledFile.of(flipped, tmp_path / "x.bin")


@pytest.mark.parametrize(
    "content",
    [
        framed(b"CacheCompiledArtifact", KNOWN),
        framed(b"CacheCompiledArtifact", KNOWN, b"no base64!", b""),
        framed(b"CacheCompiledArtifact", KNOWN, b"YQ==", b"no container"),
        CACHE[4:] and framed(b"AOTCompiledArtifact", KNOWN, b"x", b"and more"),
    ],
)
def test_what_is_framed_well_and_filled_wrongly_is_damaged(content, tmp_path):
    with pytest.raises(CorruptBundleError):
        CompiledFile.of(content, tmp_path / "x.bin")


def test_another_header_is_told(tmp_path):
    with pytest.raises(NotABundleError, match="its header is 'FutureArtifact'"):
        CompiledFile.of(framed(b"FutureArtifact", KNOWN), tmp_path / "x.bin")


def test_nothing_there_and_other_folders_have_names(tmp_path):
    with pytest.raises(BundleNotFoundError, match="nothing at"):
        CompiledFile.open(tmp_path / "none")
    with pytest.raises(NotABundleError, match="without aotautograd"):
        CompiledFile.open(tmp_path)


def test_a_folder_must_be_as_torch_wrote_it(unpacked):
    (unpacked / "aotautograd" / "second").mkdir()
    with pytest.raises(CorruptBundleError, match="has 2 entries"):
        CompiledFile.open(unpacked)
    (unpacked / "aotautograd" / "second").rmdir()
    content = unpacked / "aotautograd" / "adef" / "content"
    content.unlink()
    with pytest.raises(CorruptBundleError, match="is empty"):
        CompiledFile.open(unpacked)
    content.symlink_to("/etc/hostname")
    with pytest.raises(CorruptBundleError, match="no plain file"):
        CompiledFile.open(unpacked)


# -- as rows, and in every face


def test_a_bundle_takes_one_and_gives_the_same_bytes_back(binary, tmp_path):
    recording, contents = rows_of(CompiledFile.open(binary))
    with Bundle.open_or_create(tmp_path / "b.megacache") as bundle:
        assert bundle.append(recording, contents).new_artifact_count == 3
        assert bundle.append(recording, contents).new_artifact_count == 0
        assert bundle.verify().is_ok
        kept = [each for each in bundle.recording().artifacts if each.artifact_type == "compiled_artifact"]
        assert [each.cache_key for each in kept] == ["mlp"]
        assert bundle.read(kept[0].content_sha256) == CACHE


def test_is_compiled_reads_only_the_beginning(binary, unpacked, tmp_path):
    assert is_compiled(binary)
    assert is_compiled(unpacked)
    assert not is_compiled(tmp_path)
    assert not is_compiled(tmp_path / "none")
    binary.write_bytes(CACHE[:40])
    assert is_compiled(binary), "it is damaged, and that must be said"


@pytest.mark.parametrize("name", ["mlp.bin", "mlp.dir"])
def test_the_commands_read_it(binary, unpacked, name, tmp_path):
    path = str(tmp_path / name)
    listed = CliRunner().invoke(app, ["ls", path])
    assert listed.exit_code == 0
    assert "compiled_artifact mlp" in listed.output
    shown = CliRunner().invoke(app, ["show", path, "mlp"])
    assert shown.exit_code == 0, shown.output
    assert "compiled_artifact" in shown.output
    grown = CliRunner().invoke(app, ["tree", path])
    assert "compiled_artifact mlp" in grown.output
    bundle = tmp_path / "b.megacache"
    made = CliRunner().invoke(app, ["import", path, str(bundle)])
    assert made.exit_code == 0, made.output
    assert "3 new artifacts" in made.output


def test_a_damaged_one_is_a_finding_of_the_commands(binary):
    binary.write_bytes(CACHE[:-1])
    done = CliRunner().invoke(app, ["ls", str(binary)])
    assert done.exit_code == 1
    assert "is damaged" in done.output


def test_the_explorer_shows_it_by_its_name(binary):
    source = source_of(binary)
    assert source.about.title == "mlp.bin"
    assert [each.artifact_type for each in source.recording().artifacts][-1] == "compiled_artifact"
