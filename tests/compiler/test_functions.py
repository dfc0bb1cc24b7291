"""One function out of all: saved alone, loaded alone, and the key under which torch keeps it."""

import json

import pytest

from megacache.bundle import Bundle
from megacache.bundle.narrow import Choice, precompile_key

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def told(programs):
    """What the two processes say: one saves, the other loads one function of two."""
    names = ("both.megacache", "one.megacache")
    said = (programs.run("only_one", verb, *names, cache="shared").splitlines()[-1] for verb in ("save", "load"))
    return [json.loads(line) for line in said]


def test_a_function_is_saved_with_all_that_is_its_own_and_nothing_else(told, programs):
    with Bundle.open(programs.folder / "one.megacache") as one, Bundle.open(programs.folder / "both.megacache") as both:
        few, all_ = one.recording(), both.recording()
        assert one.verify().is_ok
    assert sorted(each.qualname.split("_at_")[0] for each in few.codes) == ["f", "torch_dynamo_resume_in_f"]
    assert {each.qualname.split("_at_")[0] for each in all_.codes} == {"f", "g", "torch_dynamo_resume_in_f"}
    types = sorted(each.artifact_type for each in few.artifacts)
    assert types == ["aot_autograd"] * 2 + ["guarded_code"] * 2 + ["inductor"] * 2 + ["kernel"] * types.count("kernel")
    assert set(few.artifacts) < set(all_.artifacts)
    assert len(few.guards) > 0


def test_a_function_is_loaded_alone(told):
    saved, loaded = told
    assert saved["right"]
    assert loaded["right"]
    assert set(saved["status"].values()) == {"ok"}
    assert {name.split("_at_")[0]: status for name, status in loaded["status"].items()} == {
        "f": "served",
        "torch_dynamo_resume_in_f": "served",
        "g": "ok",
    }
    assert set(loaded["report"]) == {"loaded"}


def test_what_is_not_there_or_has_no_code_is_named(told):
    assert told[0]["ArtifactNotFoundError"] == "nothing of g is recorded: it has __main__.f; name one of these"
    assert "<built-in function len> has no Python code" in told[0]["UsageError"]


def test_the_key_is_torchs_own(compiled):
    from megacache.compiler.functions import choice_of, key_of

    function = compiled.function
    assert precompile_key("f", 6) == key_of(function) == compiled.package.source_id
    assert choice_of(function) == Choice("stored.f", cache_keys=(key_of(function),))
    assert choice_of(function.__code__).name == "f"
    assert choice_of(function.__code__).digest
