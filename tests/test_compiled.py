"""Standalone compiled artifacts: compiled, saved in every format, and loaded in a fresh process.

`CompiledArtifact` is torch's in `torch/_inductor/standalone_compile.py`; each test that is about a fact of torch's says
so in its name.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from megacache.bundle import Bundle
from megacache.bundle.compiled_file import CompiledFile, is_compiled
from megacache.compiled import CompiledArtifact
from megacache.errors import TorchError
from megacache.recording import Recording
from samples import small_recording

pytestmark = pytest.mark.torch

KEYS = {
    "2.13.0": "d34d1007edd62bb52cb10ffdeb5f6e36975ee877f120be2df6df7e8d3dd2e62c",
    "2.15.0": "b0d2d48093a2191c1f154a7d8ef867ef62747c218663e5d49bc2368ffc8ce86d",
}
TWICE = [[float(4 * (4 * row + column)) for column in range(4)] for row in range(4)]
ONCE = [[float(2 * (4 * row + column)) for column in range(4)] for row in range(4)]


@pytest.fixture(scope="module")
def made(programs):
    return json.loads(programs.run("standalone_made", programs.folder).splitlines()[-1])


@pytest.fixture(scope="module")
def loaded(programs, made):
    other = KEYS["2.15.0" if made["version"].startswith("2.13.0") else "2.13.0"]
    return json.loads(programs.run("standalone_loaded", programs.folder, made["key"], other).splitlines()[-1])


# -- compiled


def test_an_artifact_is_callable_and_knows_torchs_own(made):
    assert made["is_right"] == [True, True]
    assert made["torch_class"] == ["CacheCompiledArtifact", "AOTCompiledArtifact"]
    assert made["faults"] == []


def test_capturing_is_off_again_where_it_was_off(made):
    assert made["before"] is made["is_on_after"] is False
    assert made["patched_after"] == "torch._dynamo.aot_compile"


def test_an_artifact_shows_what_was_compiled(made):
    facts = made["artifact"]
    assert facts["backends"] == ["standalone_compile mlp"]
    assert [kind for kind, _ in facts["artifacts"]] == ["aot_autograd", "compiled_artifact", "inductor"]
    assert {"inference_graph", "post_grad_graph", "output_code", "events"} <= set(facts["documents"])
    assert "backend standalone_compile mlp  inference" in facts["tree"]
    assert {"create_aot_dispatcher_function", "inductor_compile", "GraphLowering.run", "code_gen"} <= set(
        made["events"]
    )


def test_a_function_of_aot_shows_what_was_compiled(made):
    assert made["function"]["backends"] == ["standalone_compile once"]
    assert ["compiled_artifact", "once"] in made["function"]["artifacts"]


def test_an_open_session_has_it_as_a_part(made):
    facts = made["session"]
    assert facts["sessions"] == ["open", "standalone_compile inner"]
    assert "standalone_compile inner" in facts["backends"]


def test_an_open_session_keeps_what_plain_torch_compiles(made, programs):
    assert ["compiled_artifact", "once-2"] in made["session"]["artifacts"]
    with Bundle.open(programs.folder / "open.megacache") as bundle:
        kept = {each.cache_key for each in bundle.recording().artifacts if each.artifact_type == "compiled_artifact"}
        assert kept == {"inner", "once-2"}, "a graph of the same name and another size is numbered"


def test_a_graph_has_the_name_of_its_class_and_the_same_one_twice(made):
    assert made["names"][:2] == ["fused", "once"]
    assert made["names"][2].startswith("<megacache compiled artifact 'once': 0 compiles")


# -- saved


def test_two_artifacts_are_in_one_bundle(made, programs):
    assert made["bundle_reports"] == [3, 2]
    with Bundle.open(programs.folder / "both.megacache") as bundle:
        assert bundle.verify().is_ok
        assert len(bundle.recording().sessions) == 2


def test_torchs_own_formats_are_torchs_bytes(made, programs, loaded):
    assert made["plain_reports"] == [None, None, None]
    assert loaded["by_torch"] == [TWICE, TWICE]
    own = CompiledFile.open(programs.folder / "plain.bin")
    assert own.binary() == (programs.folder / "plain.bin").read_bytes()
    assert own.torch_key.hex() == made["key"] == KEYS[made["version"].partition("+")[0]]


def test_no_folder_and_no_bundle_is_removed(made, programs):
    assert made["over_a_folder"][0] == made["over_a_bundle"][0] == "BundleNotWritableError"
    assert (programs.folder / "inputs.pt").is_file()
    assert made["again_unpacked"] is None, "one of its own is replaced"


def test_a_format_that_is_none_is_a_usage_error(made):
    assert made["no_format"][0] == "UsageError"


def test_torch_cannot_unpack_a_function_of_aot(made):
    name, message = made["unpacked_function"]
    assert name == "TorchError"
    assert "does not support unpacked format" in message


def test_what_torch_cannot_save_runs_and_says_why_it_is_not_saved(made):
    is_right, (name, message) = made["nothing"]
    assert is_right
    assert name == "TorchError"
    assert "no artifact" in message


def test_a_reason_that_has_a_remedy_comes_with_it(tmp_path):
    """2.15 makes no file of a graph that was traced with real tensors, unless the sizes are those of the inputs."""
    use = replace(
        small_recording()[0].artifact_uses[0], artifact_type="aot_autograd", state="bypass", reason="No shape env"
    )
    session = SimpleNamespace(recording=lambda: Recording(artifact_uses=(use,)))
    with pytest.raises(TorchError, match='No shape env; compile it with dynamic_shapes="from_example_inputs"'):
        CompiledArtifact(None, "mlp", session, None, None).save(tmp_path / "mlp.bin")


# -- read without torch


@pytest.mark.parametrize("name", ["plain.bin", "plain.dir", "once.bin"])
def test_what_torch_wrote_is_shown_without_torch(made, programs, name):
    path = programs.folder / name
    assert is_compiled(path)
    file = CompiledFile.open(path)
    recording = file.recording()
    title = f"standalone_compile {path.stem}"
    assert [each.backend_id for each in recording.backend_entries] == [title]
    assert title in str(file.tree())
    code = next(each for each in recording.documents if each.name == "output_code")
    assert "def call(" in recording.text(code)
    whole = recording.artifacts[-1]
    assert (whole.artifact_type, whole.cache_key) == ("compiled_artifact", path.stem)
    assert len(recording.read(whole.content_sha256)) == whole.size_bytes


# -- loaded


@pytest.mark.parametrize(
    ("name", "result"),
    [("mlp.bin", TWICE), ("mlp.dir", TWICE), ("once.bin", ONCE), ("plain.bin", ONCE), ("plain.dir", ONCE)],
)
def test_a_file_of_torchs_is_loaded_and_run_without_lowering(loaded, name, result):
    facts = loaded["loaded"][name]
    assert facts["result"] == result
    assert facts["lowered"] == facts["misses"] == []
    assert "compiled_artifact" in facts["hits"]


@pytest.mark.parametrize(("name", "result"), [("mlp", TWICE), ("once", ONCE)])
def test_an_artifact_of_a_bundle_is_loaded_by_its_name(loaded, name, result):
    facts = loaded["named"][name]
    assert (facts["name"], facts["result"]) == (name, result)
    assert facts["lowered"] == facts["misses"] == []
    assert f"CompiledArtifact.load {name}" in facts["tree"]
    assert loaded["faults"] == []


def test_a_cpu_kernel_travels_in_the_bundle_and_no_compiler_starts(loaded, made):
    assert "kernel" in [kind for kind, _ in made["fused"]["artifacts"]], "torch had it in its caches"
    facts = loaded["fused"]
    assert facts["result"] == loaded["fused_expected"]
    assert facts["lowered"] == facts["misses"] == []
    assert "kernel" in facts["hits"]
    assert loaded["compilers"] == loaded["libraries"] == []


def test_a_name_must_mean_one(loaded):
    assert loaded["unnamed"]["error"] == loaded["misnamed"]["error"] == "ArtifactNotFoundError"
    assert "mlp, once" in loaded["unnamed"]["message"]
    assert "mlp, once" in loaded["misnamed"]["message"]


def test_a_session_reports_the_one_that_was_loaded(loaded):
    assert [[verdict, key] for verdict, _, key, _ in loaded["user_verdicts"]] == [["hit", "mlp"], ["unused", "once"]]


def test_a_loaded_artifact_is_saved_again(loaded):
    assert loaded["copied"]["result"] == TWICE
    assert loaded["copied_is_equal"]


def test_what_is_saved_again_is_what_was_loaded_whatever_its_bundle_holds_by_then(loaded):
    assert loaded["copied_later"] == [True]


def test_another_torch_is_named(loaded, made):
    facts = loaded["refused"]["known.bin"]
    assert facts["error"] == "IncompatibleError"
    other = "2.15.0+cu132" if made["version"].startswith("2.13.0") else "2.13.0+cpu"
    assert facts["mismatches"] == [f"torch is {made['version']}, the file was written by torch {other}"]
    assert "another build of torch" in loaded["refused"]["other.bin"]["message"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("cut.bin", "CorruptBundleError"),
        ("start.bin", "CorruptBundleError"),
        ("flipped.bin", "CorruptBundleError"),
        ("header.bin", "NotABundleError"),
        ("foreign.bin", "NotABundleError"),
        ("empty.bin", "NotABundleError"),
        ("plain_folder", "NotABundleError"),
        ("missing.bin", "BundleNotFoundError"),
        ("garbage.bin", "TorchError"),
    ],
)
def test_what_cannot_be_loaded_has_a_name_and_nothing_is_unpickled(loaded, name, error):
    facts = loaded["refused"][name]
    assert facts["error"] == error
    assert name in facts["message"] or error == "TorchError"
    assert facts["unpickled"] == 0


def test_another_config_is_refused_with_the_option(loaded):
    facts = loaded["other_config"]
    assert (facts["error"], facts["unpickled"]) == ("IncompatibleError", 0)
    assert "epilogue_fusion" in facts["message"]


def test_another_isa_is_refused_with_the_field(loaded):
    facts = loaded["other_isa"]
    assert (facts["error"], facts["unpickled"]) == ("IncompatibleError", 0)
    assert "avx9000" in facts["message"]


def test_what_does_not_tell_its_cpu_must_be_trusted(loaded):
    assert loaded["imported"]["error"] == "IncompatibleError"
    assert loaded["trusted"]["result"] == ONCE
