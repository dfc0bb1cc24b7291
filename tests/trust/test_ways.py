"""Every way of loading goes through the gate: refused without a word, let through with one; nothing is run before."""

import json
import pickle
import zlib

import pytest

import megacache
from megacache.bundle import Bundle
from megacache.errors import MegacacheError, UntrustedError
from megacache.trust.signing import sign

pytestmark = pytest.mark.torch


def framed(*pieces):
    """Write what torch's `CompiledArtifact.save` would, in its binary format."""
    body = b"".join(len(each).to_bytes(8) + each for each in pieces)
    return zlib.crc32(body).to_bytes(4) + body


def load(path, **trust):
    megacache.load(path, **trust)


def load_in_a_session(path, **trust):
    with megacache.session("loading") as session:
        session.load(path, **trust)


def load_artifact(path, **trust):
    megacache.CompiledArtifact.load(path, "gelu", **trust)


def load_function(path, **trust):
    megacache.load_compiled_function(path, "f", **trust)


def populate(path, **trust):
    megacache.PrecompileContext.populate_caches(path, **trust)


def populate_from_an_open_one(path, **trust):
    with Bundle.open(path) as bundle:
        megacache.PrecompileContext.populate_caches(bundle, **trust)


def read_from_a_store(path, **trust):
    megacache.BundleDynamoStore(path, **trust).read("some/key")


BEYOND = {
    load: "IncompatibleError",
    load_in_a_session: "",
    load_artifact: "ArtifactNotFoundError",
    load_function: "ArtifactNotFoundError",
    populate: "",
    populate_from_an_open_one: "",
    read_from_a_store: "EntryNotFoundError",
}
"""Each way, and what becomes of it behind the gate: the small recording is of another system and has no such names."""

FUNCTION = framed(b"AOTCompiledArtifact", b"\1" * 32, pickle.dumps("what a function would be"))


def outcome(way, path, **trust):
    try:
        way(path, **trust)
    except MegacacheError as error:
        return type(error).__name__
    return ""


@pytest.fixture
def nothing_runs(monkeypatch):
    """Fail when anything is unpickled or given to torch."""
    import torch.compiler

    def fail(*_):
        raise AssertionError("something was run")

    monkeypatch.setattr(pickle, "loads", fail)
    monkeypatch.setattr(torch.compiler, "load_cache_artifacts", fail)
    yield
    megacache.disable()


@pytest.mark.parametrize("way", BEYOND)
def test_every_way_refuses_what_is_doubted(path, nothing_runs, way):
    path.chmod(0o666)
    with pytest.raises(UntrustedError) as caught:
        way(path)
    assert caught.value.reasons == ("everyone may write it", "nobody signed it")
    assert caught.value.path == str(path)


@pytest.mark.parametrize("way", BEYOND)
def test_every_way_lets_pass_what_is_ones_own_what_one_says_and_what_a_key_signed(path, key, nothing_runs, way):
    assert outcome(way, path) == BEYOND[way]
    assert outcome(way, path, trust=key.public.line) == "UntrustedError"
    sign(path, key)
    path.chmod(0o666)
    assert outcome(way, path) == "UntrustedError"
    assert outcome(way, path, trust=key.public.line) == BEYOND[way]
    assert outcome(way, path, trust=True) == BEYOND[way]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_torch_wrote_by_itself_passes_by_its_owner_alone(tmp_path, nothing_runs, kind):
    artifact = tmp_path / "artifact"
    if kind == "file":
        inside = artifact
        artifact.write_bytes(FUNCTION)
    else:
        inside = artifact / "aotautograd" / "adef" / "content"
        inside.parent.mkdir(parents=True)
        inside.write_bytes(pickle.dumps("what an entry would be"))
    assert (
        outcome(load_artifact, artifact) == "IncompatibleError"
    )  # behind the gate: another torch wrote it, or none told
    inside.chmod(0o666)
    with pytest.raises(UntrustedError, match="everyone may write it"):
        load_artifact(artifact)
    assert outcome(load_artifact, artifact, trust=True) == "IncompatibleError"


@pytest.mark.slow
def test_a_session_starts_cold_from_what_is_doubted_and_warm_from_what_a_key_signed(programs, key, config):
    bundle = programs.folder / "made.megacache"
    programs.run("untrusted_bundle", "make", bundle)
    sign(bundle, key)
    bundle.chmod(0o666)
    facts = json.loads(programs.run("untrusted_bundle", "use", bundle, key.public.line).splitlines()[-1])
    assert facts["refused"][0] == "everyone may write it"
    assert f"a key that is not listed: Ada of the team ({key.public.fingerprint})" in facts["refused"][1]
    (warning,) = facts["warnings"]
    assert warning.startswith(f"session 'cold' starts cold: {bundle}.copy is not loaded, since loading a cache runs")
    assert set(facts["cold"]) == {"refused"}
    assert facts["reason"].startswith("its bundle is not trusted: everyone may write it; ")
    assert facts["saved"].startswith(f"saved {bundle}.copy: ")
    assert facts["is_right"]
    assert facts["served"] == 1
    assert facts["warm"]["hit"] > 0
    assert "refused" not in facts["warm"]
