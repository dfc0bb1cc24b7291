"""Functions of `aot_compile` and of precompile captures: kept by a session, saved, and loaded in a fresh process.

`AOTCompiledFunction` is torch's in `torch/_dynamo/aot_compile.py`, the capture in `torch/_precompile.py` of 2.15.0.
"""

import json

import pytest

from megacache.bundle import Bundle

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def made(programs):
    return json.loads(programs.run("functions_made", programs.folder).splitlines()[-1])


@pytest.fixture(scope="module")
def loaded(programs, made):
    return json.loads(programs.run("functions_loaded", programs.folder).splitlines()[-1])


@pytest.fixture(scope="module")
def has_precompile(made):
    return "captured" in made


def keys(made, artifact_type):
    return [key for kind, key, _ in made["artifacts"] if kind == artifact_type]


# -- captured by a session


def test_what_is_compiled_is_right_while_it_is_heard(made):
    assert made["is_right"] == [True, True, True]
    assert made["faults"] == []


def test_each_function_is_lowered_under_a_name_of_its_own(made):
    names = [each for each in made["backends"] if each.startswith("aot_compile")]
    assert names == [
        "aot_compile __main__.scaled",
        "aot_compile __main__.made_by.<locals>.inner",
        "aot_compile __main__.Model.forward",
        "aot_compile __main__.Model.forward",
        "aot_compile __main__.closing_over.<locals>.closed",
        "aot_compile __main__.closing_over.<locals>.closed",
    ], "a forward and its backward are two entries of one name"
    assert "backend aot_compile __main__.scaled  inference" in made["tree"]
    assert {"dynamo_graph", "inference_graph", "output_code"} <= set(made["documents"])


def test_each_function_is_kept_by_its_name(made):
    assert keys(made, "aot_function") == [
        "__main__.scaled",
        "__main__.made_by.<locals>.inner",
        "__main__.Model.forward",
    ]


def test_torch_cannot_pickle_a_module_in_a_closure_and_the_session_says_so(made):
    ((kind, key, reason),) = made["bypasses"]
    assert (kind, key) == ("aot_function", "__main__.closing_over.<locals>.closed")
    assert "external_data" in reason
    assert made["unpickled"][0] == "TorchError"
    assert "external_data" in made["unpickled"][1]


def test_what_is_kept_is_the_file_that_torch_writes(made):
    assert made["is_equal"]


def test_a_bundle_takes_functions_that_were_compiled_before(made, programs, has_precompile):
    assert made["saved"] == ([3, 1, 1] if has_precompile else [3, 1])
    with Bundle.open(programs.folder / "saved.megacache") as bundle:
        assert bundle.verify().is_ok
        assert "save_compiled_function closed" in [each.name for each in bundle.recording().sessions]


def test_what_is_no_compiled_function_is_a_usage_error(made):
    assert made["no_function"][0] == made["no_file"][0] == "UsageError"
    assert "aot_compile" in made["no_function"][1]


# -- loaded


@pytest.mark.parametrize("name", ["scaled", "saved", "digest"])
def test_a_function_is_loaded_and_run_without_lowering_or_compiler(loaded, name):
    facts = loaded[name]
    assert facts["result"] == loaded["expected"]
    assert facts["lowered"] == facts["compilers"] == facts["libraries"] == []
    assert facts["hits"] == ["aot_function", "kernel"]
    assert loaded["faults"] == []


def test_the_last_part_of_a_name_is_enough(loaded):
    assert loaded["inner"]["hits"] == ["aot_function"]
    assert loaded["inner"]["sessions"][1] == "load_compiled_function __main__.made_by.<locals>.inner"


def test_external_data_is_given_again(loaded):
    assert loaded["closed"]["result"] == loaded["closed_expected"]
    assert loaded["without_external"]["error"] == "TorchError"
    assert "external_data" in loaded["without_external"]["message"]


def test_torch_checks_the_guards_of_a_loaded_function_on_each_call(loaded):
    assert "size mismatch at index 0" in loaded["guarded"]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("unnamed", "ArtifactNotFoundError", "__main__.scaled"),
        ("misnamed", "ArtifactNotFoundError", "__main__.scaled"),
        ("missing", "BundleNotFoundError", "no.megacache"),
        ("foreign", "NotABundleError", "scaled.bin"),
        ("unimportable", "TorchError", "Model"),
        ("other_isa", "IncompatibleError", "avx9000"),
        ("other_torch", "IncompatibleError", "2.12.0"),
        ("other_config", "IncompatibleError", "epilogue_fusion"),
        ("unknown", "IncompatibleError", "trust_unknown"),
    ],
)
def test_what_is_not_loaded_has_a_name_and_a_reason(loaded, name, error, said):
    assert loaded[name]["error"] == error
    assert said in loaded[name]["message"]


# -- torch.compiler.precompile


def test_a_precompile_capture_is_kept_where_torch_has_it(made, has_precompile):
    assert has_precompile is not made["version"].startswith(("2.13", "2.14"))
    assert keys(made, "precompiled") == (["precompile:__main__.scaled"] if has_precompile else [])
    assert ("precompile __main__.scaled" in made["backends"]) is has_precompile


def test_a_precompile_capture_is_loaded_back_or_the_error_says_since_when_it_could_be(loaded, made, has_precompile):
    broken = loaded["broken_pair"]
    assert broken["error"] == "TorchError"
    if has_precompile:
        assert made["captured"]
        assert loaded["pair"]["result"] == loaded["expected"]
        assert loaded["pair"]["hits"] == ["kernel", "precompiled"]
        assert loaded["pair"]["compilers"] == loaded["pair"]["libraries"] == []
        assert "does not look like a torch.compiler.precompile artifact" in broken["message"]
    else:
        assert "came with 2.15" in broken["message"]
