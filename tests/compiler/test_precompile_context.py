"""Torch's own list of precompile entries: looked at without a trace, saved, and given back."""

import copy
import pickle
from dataclasses import replace

import pytest

from megacache.bundle import Bundle
from megacache.bundle.torch_format import read_artifacts
from megacache.bundle.union import Contents
from megacache.compiler.functions import key_of
from megacache.compiler.precompile_context import PrecompileContext
from megacache.errors import EntryNotFoundError, EntryRefusedError, NotABundleError, UntrustedError

pytestmark = pytest.mark.torch


@pytest.fixture
def torchs(compiled):
    """Torch's own PrecompileContext, which holds the compiled function, and is as it was afterwards."""
    from torch._dynamo.package import DynamoStore
    from torch._dynamo.precompile_context import PrecompileContext as Torchs

    DynamoStore.record_package(None, compiled.package)
    entries, backends = dict(Torchs._dynamo_cache_entries), dict(Torchs._backend_artifacts_by_key)
    yield Torchs
    Torchs.clear()
    Torchs._dynamo_cache_entries.update(entries)
    Torchs._backend_artifacts_by_key.update(backends)


@pytest.fixture
def dynamo_folder(tmp_path):
    """Where torch puts what is given back; an empty cache directory."""
    from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

    with temporary_cache_dir(str(tmp_path / "cache")):
        yield tmp_path / "cache" / "dynamo"


def test_what_torch_holds_is_told_entry_by_entry(compiled, torchs):
    context = PrecompileContext.current()
    (entry,) = context.entries
    main, resume = entry.codes
    assert [entry.name, entry.module, entry.first_line, entry.device_type] == ["f", "stored", 6, "cpu"]
    assert entry.key == key_of(compiled.function) == compiled.package.source_id
    assert [main.qualname, main.is_resume, main.filename] == ["f", False, "/nowhere/stored.py"]
    assert [resume.is_resume, resume.function_names] == [True, main.variants[0].resume_names]
    assert {*main.backend_ids, *resume.backend_ids} == {each.backend_id for each in context.backends}
    assert [len(each.variants) for each in entry.codes] == [1, 1]
    assert main.variants[0].backend_ids == main.backend_ids
    assert main.variants[0].guards_size_bytes > 0
    assert all(module.startswith("torch") for each in entry.codes for module in each.import_sources.values())
    assert [(each.module, each.first_line) for each in entry.inlined_sources] == [("stored", 6)]
    assert context.entry(compiled.function) is context.entry(entry.key) is entry
    assert context.problems == ()


def test_looking_leaves_no_trace(compiled, torchs, monkeypatch):
    from torch.compiler._cache import CacheArtifactManager

    def refuse(*arguments, **options):
        raise AssertionError("something was copied, pickled or recorded")

    before = {key: vars(each).copy() for key, each in torchs._dynamo_cache_entries.items()}
    for owner, name in ((pickle, "dumps"), (copy, "deepcopy"), (CacheArtifactManager, "record_artifact")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr("torch._logging.trace_structured", refuse)
    context = PrecompileContext.current()
    assert "f" in str(context)
    assert repr(context) == str(context)
    assert "f" in context._repr_html_()
    assert {key: vars(each) for key, each in torchs._dynamo_cache_entries.items()} == before


def test_the_tree_has_entries_code_objects_guarded_codes_and_backends(compiled, torchs):
    nodes = list(PrecompileContext.current().tree().walk())
    assert [each.kind for each in nodes] == [
        "recording",
        "session",
        "function",
        "guarded_code",
        "backend",
        "resume",
        "guarded_code",
        "backend",
    ]
    assert nodes[1].name == "stored.f"


def test_a_missing_backend_a_bypass_and_an_idle_backend_are_named(compiled, torchs):
    from torch._dynamo.precompile_context import EagerCacheArtifact

    (key, entry), (first, *_) = next(iter(torchs._dynamo_cache_entries.items())), torchs._backend_artifacts_by_key
    torchs._dynamo_cache_entries[key] = replace(entry, codes=[entry.codes[0], replace(entry.codes[1], bypassed=True)])
    del torchs._backend_artifacts_by_key[first]
    torchs._backend_artifacts_by_key["__compiled_fn_idle"] = EagerCacheArtifact("__compiled_fn_idle", None)
    context = PrecompileContext.current()
    missing, bypassed, idle = context.problems
    assert missing == f"`f`: backend {first} is missing: torch saves the code without it"
    assert "is bypassed" in bypassed
    assert idle == "no entry needs backend __compiled_fn_idle: torch does not save it"
    assert "missing" in str(context)
    saved = pickle.loads(read_artifacts(context.serialize())[0].content)  # noqa: S301  our own
    assert [each.bypassed for each in saved.dynamo.codes] == [True, True]
    assert not torchs._dynamo_cache_entries[key].codes[0].bypassed  # torch's own is as it was


def test_it_is_stitched_as_torch_does(compiled, torchs):
    (artifact,) = read_artifacts(PrecompileContext.current().serialize())
    ours = pickle.loads(artifact.content)  # noqa: S301  our own
    theirs, _ = torchs.create_cache_entries()
    assert list(theirs) == [artifact.cache_key]
    assert list(ours.backends) == list(theirs[artifact.cache_key].backends)
    assert ours.dynamo == theirs[artifact.cache_key].dynamo


def test_plain_torch_takes_what_was_serialized(compiled, torchs, dynamo_folder):
    import torch
    from torch._dynamo.package import DynamoCache

    data = PrecompileContext.current().serialize(compiled.function)
    info = torch.compiler.load_cache_artifacts(data)
    assert info.artifacts == {"precompile": [compiled.package.source_id]}
    assert DynamoCache.read(compiled.package.source_id).dynamo.fn_name == "f"


def test_what_was_saved_goes_back_into_torchs_caches(compiled, torchs, dynamo_folder, tmp_path):
    path = tmp_path / "context.megacache"
    report = PrecompileContext.current().save(path)
    assert report.new_artifact_count == 1
    with Bundle.open(path) as bundle:
        recording = bundle.recording()
        assert [each.qualname for each in recording.codes if each.parent_code_id is None] == ["f"]
        assert len(recording.compiles) == len(recording.backend_entries) == 2
        assert recording.guards
        assert bundle.recording([recording.sessions[0].session_id]).codes == recording.codes
    assert PrecompileContext.populate_caches(path).counts == {"loaded": 1}
    content = (dynamo_folder / compiled.package.source_id / "entry").read_bytes()
    with Bundle.open(path) as bundle:
        assert bundle.read(bundle.recording().artifacts[0].content_sha256) == content
        assert PrecompileContext.populate_caches(bundle, compiled.function).counts == {"loaded": 1}
        assert PrecompileContext.populate_caches(bundle, "another").counts == {}


def test_what_does_not_say_where_it_is_from_must_be_trusted(compiled, torchs, dynamo_folder):
    data = PrecompileContext.current().serialize()
    with pytest.raises(UntrustedError, match="bytes do not tell whose they are"):
        PrecompileContext.populate_caches(data, trust_unknown=True)
    refused = PrecompileContext.populate_caches(data, trust=True)
    assert refused.counts == {"refused": 1}
    assert "trust_unknown=True" in refused.verdicts[0].reason
    assert not dynamo_folder.exists()
    assert PrecompileContext.populate_caches(data, trust=True, trust_unknown=True).counts == {"loaded": 1}


def test_what_was_compiled_elsewhere_is_refused_and_an_older_one_is_unused(compiled, torchs, dynamo_folder, tmp_path):
    path, far = tmp_path / "context.megacache", tmp_path / "far.megacache"
    PrecompileContext.current().save(path)
    with Bundle.open(path) as bundle, Bundle.create(far) as other:
        found = bundle.recording()
        other.append(replace(found, systems=(replace(found.systems[0], cpu_isa="sve512"),)), Contents(found))
    report = PrecompileContext.populate_caches(far)
    assert report.counts == {"refused": 1}
    assert "CPU has" in report.verdicts[0].reason
    with Bundle.open(path) as bundle:
        data = bundle.read(bundle.recording().artifacts[0].content_sha256)
        artifact = replace(found.artifacts[0], content_sha256="0" * 64, added_us=1)
        use = replace(found.artifact_uses[0], content_sha256="0" * 64, ordinal=9, at_us=1)
        older = replace(
            found,
            artifacts=(artifact, *found.artifacts),
            artifact_uses=(use, *found.artifact_uses),
            read=lambda _: data,
        )
    from megacache.compiler.populate import populated

    assert populated(older, None, trust_unknown=False).counts == {"loaded": 1, "unused": 1}


def test_nothing_and_no_such_entry_are_named(compiled, torchs, tmp_path):
    context = PrecompileContext.current()
    for ask in (context.entry, context.serialize, lambda key: context.save(tmp_path / "x.megacache", key)):
        with pytest.raises(EntryNotFoundError, match="has no entry 'nothing'"):
            ask("nothing")
    torchs.clear()
    with pytest.raises(EntryNotFoundError, match="caching_precompile"):
        context.serialize()
    assert str(PrecompileContext.current()) == "torch's PrecompileContext is empty"
    with pytest.raises(NotABundleError):
        PrecompileContext.populate_caches(b"something else")


def test_what_torch_cannot_pickle_is_named(compiled, torchs):
    (key, entry) = next(iter(torchs._dynamo_cache_entries.items()))
    torchs._dynamo_cache_entries[key] = replace(entry, fn_name=lambda: None)
    with pytest.raises(EntryRefusedError, match="cannot pickle"):
        PrecompileContext.current().serialize()


def test_a_compiled_function_and_a_module_have_the_key_of_what_torch_compiles(compiled):
    import torch

    linear = torch.nn.Linear(2, 2)
    assert key_of(torch.compile(compiled.function)) == key_of(compiled.function)
    assert key_of(torch.compile(linear)) == key_of(linear) == key_of(linear.forward)
