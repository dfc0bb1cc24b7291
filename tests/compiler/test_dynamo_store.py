"""A bundle in the place of torch's stores: the same program over each of them, and what only ours does."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from megacache.bundle import Bundle
from megacache.bundle.union import Contents
from megacache.errors import CorruptBundleError, EntryNotFoundError, EntryRefusedError, MegacacheError
from megacache.explain import UNKNOWN_SYSTEM_ID
from megacache.recording import Recording
from samples import small_recording

pytestmark = pytest.mark.torch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.megacache"


def store_at(path: Path, **options: Any) -> Any:
    from megacache.compiler.dynamo_store import BundleDynamoStore

    return BundleDynamoStore(path, **options)


def every_store(path: Path) -> dict[str, Any]:
    from torch._dynamo.package import DiskDynamoStore, InMemoryDynamoStore

    return {
        "memory": InMemoryDynamoStore(),
        "disk": DiskDynamoStore(str(path.with_suffix(".d"))),
        "bundle": store_at(path),
    }


def facts_of(entry: Any) -> Any:
    """What an entry says, without what is another object each time that it is loaded."""
    codes = [
        (each.python_code.co_name, each.python_module, each.function_names, len(each.guarded_codes), each.backend_ids)
        for each in entry.dynamo.codes
    ]
    return codes, sorted(entry.backends), entry.dynamo.fn_name, entry.dynamo.device_type


def program(store: Any, compiled: Any) -> Any:
    """What a user of torch's stores writes: save a package; in a process that forgot all, load and install it."""
    import torch
    from torch._dynamo.precompile_context import PrecompileContext

    store.save_package(compiled.package, "some/key")
    backends = dict(PrecompileContext._backend_artifacts_by_key)
    torch._dynamo.reset()
    PrecompileContext.clear()
    try:
        with torch.compiler.set_stance("fail_on_recompile"):
            package, loaded = store.load_package(compiled.function, "some/key")
            function = torch._dynamo.optimize(backend="eager", package=package)(compiled.function)
            package.install(loaded)
            result = function(compiled.x)
            names = list(PrecompileContext._backend_artifacts_by_key)
        facts = facts_of(store.load_cache_entry("some/key"))
    finally:
        PrecompileContext._backend_artifacts_by_key.update(backends)
    missing = None
    store.clear()
    try:
        store.read("some/key")
    except RuntimeError as error:
        missing = isinstance(error, RuntimeError)
    return result.tolist(), facts, names, missing


def test_the_same_program_does_the_same_over_each_store(compiled, path):
    done = {name: program(store, compiled) for name, store in every_store(path).items()}
    assert done["bundle"] == done["disk"] == done["memory"]
    assert done["bundle"][0] == compiled.expected.tolist()
    assert done["bundle"][3] is True


def test_it_is_one_of_torchs_stores(path):
    from torch._dynamo.package import DynamoStore

    assert isinstance(store_at(path), DynamoStore)
    assert not path.exists()


def test_torch_records_what_is_written_as_it_does_for_its_disk_store(compiled, path):
    import torch
    from torch.compiler._cache import CacheArtifactManager

    CacheArtifactManager.clear()
    store_at(path).save_package(compiled.package, "some_key")
    data, info = torch.compiler.save_cache_artifacts()
    assert info.artifacts["precompile"] == ["some_key"]
    CacheArtifactManager.clear()
    with Bundle.from_torch(data, path.with_name("other.megacache")) as other, Bundle.open(path) as ours:
        assert [each.content_sha256 for each in other.recording().artifacts] == [
            each.content_sha256 for each in ours.recording().artifacts
        ]


def test_a_key_has_one_current_version_and_the_file_does_not_grow_with_each(compiled, path):
    store = store_at(path)
    sizes = []
    for number in range(6):
        entry = pickle.loads(pickle.dumps(compiled.entry))  # noqa: S301  our own
        entry.fn_name = f"version {number}" + " of it" * 20_000
        store.save_cache_entry(entry, "key")
        sizes.append(path.stat().st_size)
    assert store.read("key").dynamo.fn_name.startswith("version 5")
    assert store.keys() == ("key",)
    with Bundle.open(path) as bundle:
        kept = bundle.recording()
        assert [len(kept.artifacts), len(kept.artifact_uses), len(kept.sessions)] == [1, 1, 1]
        assert bundle.verify().is_ok
    assert sizes[-1] <= 1.5 * sizes[0]


def test_what_an_entry_tells_is_shown_and_goes_with_it(compiled, path):
    store = store_at(path)
    store.save_package(compiled.package, "key")
    store.save_package(compiled.package, "other")
    with Bundle.open(path) as bundle:
        before = bundle.recording()
        tree, tables = str(bundle.tree()), bundle.tables
    main, resume = before.codes
    assert (main.module, main.qualname, main.filename, main.first_line) == ("stored", "f", "/nowhere/stored.py", 6)
    assert main.source.startswith("def f(x):\n    y = x.sin() * SCALE\n")
    assert resume.parent_code_id == main.code_id
    assert sorted(each.compile_id for each in before.compiles) == ["0/0", "0/0", "1/0", "1/0"]
    assert {each.source_line for each in before.graph_breaks} == {"torch._dynamo.graph_break()"}
    assert "G['SCALE'] == 3" in set(tables.guards["expression"])
    assert {each.backend_id for each in before.backend_entries} == set(compiled.package.cached_backends)
    assert "f  stored.py:6" in tree
    other = pickle.loads(pickle.dumps(compiled.entry))  # noqa: S301  our own
    other.codes.clear()
    for _ in range(2):  # the second time it is the same content
        store.save_cache_entry(other, "key")
    with Bundle.open(path) as bundle:
        after = bundle.recording()
        assert bundle.verify().is_ok
    runs = {each.run_id for each in after.artifact_uses}
    assert sorted(each.compile_id for each in after.compiles) == ["0/0", "1/0"]
    for name in ("compiles", "graph_breaks", "backend_entries", "documents"):
        assert 2 * len(getattr(after, name)) == len(getattr(before, name)), name
        assert {each.run_id for each in getattr(after, name)} < runs
    assert after.codes == before.codes  # the other entry's too
    store.save_cache_entry(other, "other")
    with Bundle.open(path) as bundle:
        empty = bundle.recording()
    assert [empty.codes, empty.compiles, empty.graph_breaks, empty.backend_entries, empty.documents] == [()] * 5


def test_what_another_session_recorded_of_an_entry_outlives_the_next_version(compiled, path):
    first = store_at(path)
    first.save_package(compiled.package, "key")
    with Bundle.open(path) as bundle:
        before = bundle.recording()
        session = replace(before.sessions[0], session_id="a-session", name="a session")
        use = replace(before.artifact_uses[0], session_id="a-session")
        bundle.append(Recording(sessions=(session,), artifact_uses=(use,)), {})
    entry = pickle.loads(pickle.dumps(compiled.entry))  # noqa: S301  our own
    entry.fn_name = "later"
    first.save_cache_entry(entry, "key")
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().compiles) == 2 * len(before.compiles)
        assert bundle.verify().is_ok


def test_another_process_takes_over_the_key_and_leaves_no_empty_session(compiled, path):
    first, second = store_at(path), store_at(path)
    first.save_package(compiled.package, "key")
    second.save_package(compiled.package, "key")
    second.save_package(compiled.package, "other")
    with Bundle.open(path) as bundle:
        kept = bundle.recording()
    assert [len(kept.artifacts), len(kept.artifact_uses), len(kept.sessions)] == [2, 2, 1]
    assert second.read("key").dynamo.fn_name == "f"


def test_clear_removes_only_what_stores_wrote(compiled, path):
    with Bundle.create(path) as bundle:
        bundle.append(*small_recording())
        before = bundle.recording()
    store_at(path).save_package(compiled.package, "key")
    store_at(path).clear()
    with Bundle.open(path) as bundle:
        after = bundle.recording()
    assert after.artifacts == before.artifacts
    assert after.sessions == before.sessions
    assert after.artifact_uses == before.artifact_uses
    assert (after.codes, after.compiles, after.documents) == (before.codes, before.compiles, before.documents)


def test_an_entry_that_a_session_recorded_too_outlives_the_stores(compiled, path):
    store = store_at(path)
    store.save_package(compiled.package, "key")
    with Bundle.open(path) as bundle:
        found = bundle.recording()
        session = replace(found.sessions[0], session_id="a-session")
        use = replace(found.artifact_uses[0], session_id="a-session")
        bundle.append(Recording(sessions=(session,), artifact_uses=(use,)), {})
    store.clear()
    assert store.keys() == ("key",)
    assert store.read("key").dynamo.fn_name == "f"


# -- what is not right here --------------------------------------------------------------------------------------------


def rewritten(path: Path, target: Path, change: Callable[[Recording], Recording]) -> Path:
    """Copy a bundle with other rows."""
    with Bundle.open(path) as bundle, Bundle.create(target) as other:
        found = bundle.recording()
        other.append(change(found), Contents(found))
    return target


def with_system(**facts: str) -> Callable[[Recording], Recording]:
    return lambda found: replace(found, systems=(replace(found.systems[0], **facts),))


def with_config(**options: str) -> Callable[[Recording], Recording]:
    config = {name.replace("__", "."): value for name, value in options.items()}
    return lambda found: replace(found, sessions=(replace(found.sessions[0], config=config),))


MINOR_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
REFUSALS = {
    "torch": (with_system(torch_version="2.12.0"), "torch is .*, the bundle was compiled by 2.12.0"),
    "python": (with_system(python_version="CPython 3.10.1"), r"the bundle was compiled by CPython 3\.10"),
    "python patch": (with_system(python_version=f"CPython {MINOR_VERSION}.99"), f"{MINOR_VERSION}.99"),
    "cpu": (with_system(cpu_isa="sve512"), "CPU has .*, the bundle was compiled for sve512"),
    "machine": (with_system(machine="riscv64"), "compiled on riscv64"),
    "config": (
        with_config(inductor__epilogue_fusion="False"),
        "inductor option `epilogue_fusion` is True, it was compiled with False",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_was_made_elsewhere_or_otherwise_is_refused_by_name(compiled, path, tmp_path, case):
    change, reason = REFUSALS[case]
    store_at(path).save_package(compiled.package, "key")
    with pytest.raises(EntryRefusedError, match=reason) as caught:
        store_at(rewritten(path, tmp_path / "changed.megacache", change)).load_package(compiled.function, "key")
    assert len(caught.value.reasons) == 1
    assert caught.value.cache_key == "key"


def test_the_newest_that_is_right_here_is_read_and_those_of_others_stay(compiled, path, tmp_path):
    store = store_at(path)
    store.save_package(compiled.package, "key")
    foreign = rewritten(
        path,
        tmp_path / "foreign.megacache",
        lambda found: replace(
            found,
            systems=(replace(found.systems[0], system_id="far", machine="riscv64"),),
            sessions=(replace(found.sessions[0], system_id="far", session_id="dynamo-store-far"),),
            artifacts=(replace(found.artifacts[0], system_id="far"),),
            artifact_uses=(replace(found.artifact_uses[0], session_id="dynamo-store-far"),),
        ),
    )
    entry = pickle.loads(pickle.dumps(compiled.entry))  # noqa: S301  our own
    entry.fn_name = "here"
    with pytest.raises(EntryRefusedError, match="riscv64"):
        store_at(foreign).read("key")
    store_at(foreign).save_cache_entry(entry, "key")
    assert store_at(foreign).read("key").dynamo.fn_name == "here"
    with Bundle.open(foreign) as bundle:
        assert len(bundle.recording().artifacts) == 2


def test_what_came_from_torchs_container_is_read_only_when_it_is_trusted(compiled, path, tmp_path):
    store_at(path).save_package(compiled.package, "key")
    with Bundle.open(path) as bundle:
        Bundle.from_torch(bundle.to_torch(), tmp_path / "imported.megacache").close()
    with pytest.raises(EntryRefusedError, match="trust_unknown=True"):
        store_at(tmp_path / "imported.megacache").read("key")
    assert UNKNOWN_SYSTEM_ID
    assert store_at(tmp_path / "imported.megacache", trust_unknown=True).read("key").dynamo.fn_name == "f"


def test_a_damaged_content_is_refused(compiled, path):
    store_at(path).save_package(compiled.package, "key")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"\x28\xb5\x2f\xfd")  # the magic number of a zstd frame
    data[at + 300] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises((EntryRefusedError, CorruptBundleError), match="damaged"):
        store_at(path).read("key")


class Bomb:
    """What must not be loaded as an entry."""

    def __reduce__(self) -> Any:
        return (int, ("no number",))


@pytest.mark.parametrize(("content", "reason"), [(Bomb(), "does not load: ValueError"), ({}, "holds a dict")])
def test_what_is_no_entry_is_refused(compiled, path, content, reason, monkeypatch):
    from megacache.compiler import dynamo_store

    monkeypatch.setattr(dynamo_store, "pickled", lambda *_: pickle.dumps(content))
    store_at(path).save_package(compiled.package, "key")
    with pytest.raises(EntryRefusedError, match=reason):
        store_at(path).read("key")


def test_what_cannot_be_pickled_is_refused_and_nothing_is_written(compiled, path):
    entry = replace(compiled.entry, fn_name=lambda: None)
    with pytest.raises(EntryRefusedError, match="cannot pickle"):
        store_at(path).save_cache_entry(entry, "key")
    assert not path.exists()


def test_a_missing_entry_is_an_error_of_ours_and_of_torchs_kind(path):
    with pytest.raises(EntryNotFoundError, match=r"store\.megacache has no precompile entry 'key'") as caught:
        store_at(path).read("key")
    assert isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value, MegacacheError)
    store_at(path).clear()
    assert not path.exists()


def test_without_torch_the_name_says_so():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import megacache\n"
        "try:\n    megacache.BundleDynamoStore\n"
        "except megacache.MegacacheError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("TorchError capturing needs torch")
