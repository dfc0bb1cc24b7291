"""A recording's artifacts back into torch's caches, and what became of each."""

import json
import pickle
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_rows import artifact_of

import samples
from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from megacache.errors import CorruptBundleError
from megacache.recording import Recording

pytestmark = pytest.mark.torch

# The probes of the CPU's ISA take seconds and have their own test; PGO is only kept under a job id.
ENVIRONMENT = {"TORCHINDUCTOR_VEC_ISA_OK": "1", "TORCH_COMPILE_JOB_ID": "nightly"}


class Run:
    """What one cold and one warm process did, each with an empty cache directory."""

    def __init__(self, programs):
        programs.run("warm_start", "cold", programs.folder, **ENVIRONMENT)
        programs.run("warm_start", "warm", programs.folder, **ENVIRONMENT)
        self.cold = json.loads((programs.folder / "cold.json").read_text())
        self.warm = json.loads((programs.folder / "warm.json").read_text())

    def keys(self, artifact_type, state, *, when="warm"):
        uses = (self.warm if when == "warm" else self.cold)["uses"]
        return [each["cache_key"] for each in uses if (each["artifact_type"], each["state"]) == (artifact_type, state)]

    def settled(self, verdict):
        return [each for each in self.warm["settled"] if each["verdict"] == verdict]


@pytest.fixture(scope="module")
def run(programs):
    return Run(programs)


def reason_of(run, artifact_type, cache_key):
    (found,) = [
        each["reason"]
        for each in run.warm["verdicts"]
        if (each["artifact_type"], each["cache_key"]) == (artifact_type, cache_key)
    ]
    return found


def test_what_torch_saved_is_loaded(run):
    """Four functions, one with a backward: AOT keeps one entry per function, inductor one per graph."""
    assert run.cold["counts"] == {"inductor": 5, "aot_autograd": 4, "pgo": 4}
    loaded = Counter(each["artifact_type"] for each in run.warm["verdicts"] if each["verdict"] == "loaded")
    assert loaded == {"inductor": 5, "aot_autograd": 4, "pgo": 1, "autotune": 1}


def test_each_type_has_its_place_in_the_cache_directory(run):
    """`populate_cache` of each `CacheArtifact`: codecache.py, autograd_cache.py, pgo.py, autotune_cache.py."""
    folders = Counter(file.split("/")[0] for file in run.warm["files"] if not file.endswith(".lock"))
    assert folders == {"fxgraph": 5, "aotautograd": 4, "dynamo": 1, "ab": 1}
    assert "ab/cd.best_config" in run.warm["files"]
    assert "dynamo/code_state_nightly_None_.pkl" in run.warm["files"]


def test_a_warm_process_is_served_from_them(run):
    assert run.warm["counters"]["aot_autograd"]["autograd_cache_hit"] == 2
    assert run.warm["counters"]["inductor"]["fxgraph_cache_hit"] == 3


def test_an_aot_hit_is_followed_by_a_lookup_of_each_of_its_graphs(run):
    """`FxGraphCacheLoadable.post_compile`, aot_autograd_result.py, logs a hit per graph, the backward's too."""
    assert len(run.keys("aot_autograd", "hit")) == 2
    assert len(run.keys("inductor", "hit")) == 3


def test_what_was_served_is_a_hit(run):
    hits = {each["cache_key"] for each in run.settled("hit")}
    assert hits == {*run.keys("aot_autograd", "hit"), *run.keys("inductor", "hit"), "nightly:None:"}


def test_what_no_compile_asked_for_is_unused(run):
    never = [each for each in run.settled("unused") if each["reason"] == "never looked up"]
    assert Counter(each["artifact_type"] for each in never) == {"inductor": 1, "aot_autograd": 1, "autotune": 1}


def test_a_failed_shape_guard_is_a_rejection(run):
    """The key holds symbols, not sizes: torch finds the entry, evaluates its guards, and says `guard_miss`."""
    rejected = run.settled("rejected")
    assert Counter(each["artifact_type"] for each in rejected) == {"inductor": 1, "aot_autograd": 1}
    for each in rejected:
        assert each["reason"].startswith("torch found the key, but its shape guards failed: ")
        assert len(each["reason"]) < 220


def test_a_miss_names_the_nearest_stored_key_and_the_difference(run):
    stored = {each["cache_key"] for each in run.warm["verdicts"]}
    (inductor,) = [each for each in run.settled("missed") if each["artifact_type"] == "inductor"]
    assert inductor["nearest_key"] in stored
    assert inductor["reason"].startswith("the graph has `")
    assert "aten.mm" in inductor["reason"]
    (aot,) = [each for each in run.settled("missed") if each["artifact_type"] == "aot_autograd"]
    assert aot["reason"] == "no such key is stored", "without its log at DEBUG torch gives no AOT key components"


def test_of_pgo_and_autotune_only_the_newest_is_loaded(run):
    pgo = [each for each in run.warm["verdicts"] if each["artifact_type"] == "pgo"]
    assert [each["verdict"] for each in pgo] == ["unused", "unused", "unused", "loaded"]
    autotune = [each for each in run.warm["verdicts"] if each["cache_key"] == "ab/cd.best_config"]
    assert [each["verdict"] for each in autotune] == ["loaded", "unused"]
    assert all("the newest is loaded" in each["reason"] for each in (*pgo[:3], autotune[1]))


def test_what_is_not_proven_is_refused_with_its_reason(run):
    assert "not check its own precompile entry against the live code" in reason_of(run, "precompile", "ab12")
    assert reason_of(run, "kernel", "k1") == "nobody asked to be served guarded codes"
    assert reason_of(run, "inductor", "fgone").startswith("its content is missing: no content 00000000")


def test_a_key_cannot_lead_out_of_the_cache_directory(run):
    assert "leads out" in reason_of(run, "autotune", "../../outside.best_config")
    assert not any("outside" in file for file in run.warm["files"])


def test_verdicts_are_in_the_order_of_the_recording_and_repeat(run):
    kinds = [each["artifact_type"] for each in run.warm["verdicts"]]
    assert kinds[-6:] == ["precompile", "kernel", "autotune", "autotune", "autotune", "inductor"]
    assert run.warm["again"] == run.warm["verdicts"]


# -- without compiling


def artifact(content, *, key=None, **kind):
    return artifact_of(content, key, **{"system_id": "here", "added_us": 0, **kind})


def recording_of(*contents, systems=None, **kind):
    rows = tuple(artifact(content, **kind) for content in contents)
    read = {row.content_sha256: content for row, content in zip(rows, contents, strict=True)}.__getitem__
    return Recording(systems=systems or (samples.system(system_id="here"),), artifacts=rows, read=read)


@pytest.fixture
def hydrated(monkeypatch, tmp_path):
    """Hydrate in this process, into an empty cache directory; PGO is not under a job id."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    from megacache.compiler.hydrate import hydrate

    def run(recording, **live):
        trust = {"trust_unknown": live.pop("trust_unknown", False)}
        return hydrate(recording, samples.system(system_id="live" if live else "here", **live), **trust)

    return run


def said(verdicts):
    return [(each.verdict, each.reason) for each in verdicts]


def test_another_isa_is_refused_with_the_field(hydrated, tmp_path):
    found = hydrated(recording_of(b"one", b"two"), cpu_isa="avx2")
    assert said(found) == [("refused", "CPU has avx2, the bundle was compiled for avx512")] * 2
    assert list(tmp_path.iterdir()) == []


def test_each_artifact_is_judged_by_the_system_that_compiled_it(hydrated):
    systems = (samples.system(system_id="here"), samples.system(system_id="there", cpu_isa="avx2", machine="arm64"))
    ours, theirs = recording_of(b"one", artifact_type="aot_autograd"), recording_of(b"two", system_id="there")
    both = Recording(
        systems=systems,
        artifacts=(*theirs.artifacts, *ours.artifacts),
        read=lambda digest: {row.content_sha256: b"one" for row in ours.artifacts}[digest],
    )
    refused, loaded = hydrated(both)
    assert loaded.verdict == "loaded"
    assert refused.reason == (
        "CPU has avx512, the bundle was compiled for avx2; machine is x86_64, the bundle was compiled on arm64"
    )


@pytest.mark.parametrize("system_id", ["unknown", "a system of which no row is left"])
def test_an_unknown_system_is_refused_unless_it_is_trusted(hydrated, system_id):
    recording = recording_of(b"one", artifact_type="aot_autograd", system_id=system_id)
    ((verdict, reason),) = said(hydrated(recording))
    assert verdict == "refused"
    assert "load with trust_unknown=True" in reason
    assert said(hydrated(recording, trust_unknown=True)) == [("loaded", None)]


def test_trust_is_for_the_system_alone(hydrated):
    escaping = recording_of(b"x", artifact_type="aot_autograd", key="../../x", system_id="unknown")
    precompile = recording_of(b"x", artifact_type="precompile", system_id="unknown")
    for recording in (escaping, precompile):
        assert hydrated(recording, trust_unknown=True)[0].verdict == "refused"


@pytest.mark.parametrize("key", ["../x", "/x", "a/../../x", "a..b", "", "a\\b", "a/", "C:x", "x\n"])
def test_keys_that_are_no_plain_path_are_refused(hydrated, key):
    recording = Recording(
        systems=(samples.system(system_id="here"),),
        artifacts=(replace(artifact(b"x", artifact_type="autotune"), cache_key=key),),
        read=lambda _: b"x",
    )
    assert said(hydrated(recording)) == [("refused", "its key leads out of torch's cache directory")]


def test_damaged_content_is_refused_and_the_others_are_loaded(hydrated):
    recording = recording_of(b"whole", b"broken", artifact_type="aot_autograd")
    damaged = recording.artifacts[1].content_sha256

    def read(digest):
        if digest == damaged:
            raise CorruptBundleError(f"content {digest[:12]} does not have its hash")
        return b"whole"

    found = hydrated(replace(recording, read=read))
    assert said(found) == [
        ("loaded", None),
        ("refused", f"its content is damaged: content {damaged[:12]} does not have its hash"),
    ]


def test_damage_of_the_newest_leaves_the_one_before(hydrated):
    recording = recording_of(b'{"a": 1}', b'{"a": 2}', artifact_type="autotune", key="ab/cd")
    newest = replace(recording.artifacts[1], added_us=9)

    def read(digest):
        if digest == newest.content_sha256:
            raise CorruptBundleError("flipped")
        return b'{"a": 1}'

    found = hydrated(replace(recording, artifacts=(recording.artifacts[0], newest), read=read))
    assert [each.verdict for each in found] == ["loaded", "refused"]


def test_of_contents_that_came_in_one_save_the_last_is_loaded(hydrated, tmp_path):
    """PGO records its whole state after each compile: torch/_dynamo/pgo.py, `put_local_code_state`."""
    found = hydrated(recording_of(b"first", b"last", artifact_type="pgo", key="nightly:None:"))
    assert [each.verdict for each in found] == ["unused", "loaded"]
    assert (tmp_path / "dynamo" / "code_state_nightly_None_.pkl").read_bytes() == b"last"


def test_content_that_torch_cannot_unpickle_costs_only_itself(hydrated, tmp_path, monkeypatch):
    """`populate_cache` of an artifact may raise, and would take all that come after it along."""
    from torch._functorch._aot_autograd import autograd_cache

    write = autograd_cache.AOTAutogradCache._write_to_local_cache

    def refuse_one(key, content):
        if content == b"bad":
            raise ValueError("invalid load key")
        write(key, content)

    monkeypatch.setattr(autograd_cache.AOTAutogradCache, "_write_to_local_cache", staticmethod(refuse_one))
    found = hydrated(recording_of(b"good", b"bad", b"fine", artifact_type="aot_autograd"))
    assert said(found) == [
        ("loaded", None),
        ("refused", "torch could not take it: ValueError: invalid load key"),
        ("loaded", None),
    ]
    assert len([each for each in tmp_path.rglob("*") if each.is_file()]) == 2


def test_the_caches_are_as_torch_itself_leaves_them(hydrated, tmp_path, monkeypatch):
    """`load_cache_artifacts` makes each artifact of its container with `CacheArtifactFactory.create`, and calls
    `populate_cache` on it: torch/compiler/_cache.py, `CacheArtifactManager`."""
    import torch

    kinds = {
        "inductor": pickle.dumps(SimpleNamespace(_triton_bundle=None)),
        "aot_autograd": b"graph",
        "autotune": b'{"a": 1}',
    }
    rows = [artifact(content, artifact_type=kind, key="ab/cd") for kind, content in kinds.items()]
    contents = {row.content_sha256: kinds[row.artifact_type] for row in rows}
    system = samples.system(system_id="here")
    found = hydrated(Recording(systems=(system,), artifacts=tuple(rows), read=contents.__getitem__))
    assert {each.verdict for each in found} == {"loaded"}
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "torch"))
    triples = (TorchArtifact(row.artifact_type, row.cache_key, contents[row.content_sha256]) for row in rows)
    torch.compiler.load_cache_artifacts(write_artifacts(triples))
    theirs = files_in(tmp_path / "torch")
    assert len(theirs) == 3
    assert files_in(tmp_path) == theirs | {f"torch/{name}": content for name, content in theirs.items()}


def files_in(folder):
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_each_content_is_given_before_the_next_is_read(hydrated, monkeypatch):
    from torch._functorch._aot_autograd.autograd_cache import AOTAutogradCache

    happened = []
    write = staticmethod(lambda _, content: happened.append(("given", content)))
    monkeypatch.setattr(AOTAutogradCache, "_write_to_local_cache", write)
    recording = recording_of(b"one", b"two", b"three", artifact_type="aot_autograd")

    def stream(digests):
        for digest in digests:
            happened.append(("read", recording.read(digest)))
            yield digest, recording.read(digest)

    hydrated(replace(recording, stream=stream))
    assert happened == [(did, content) for content in (b"one", b"two", b"three") for did in ("read", "given")]


def test_one_content_of_two_keys_is_read_once_and_given_twice(hydrated, tmp_path):
    recording = recording_of(b"same", artifact_type="aot_autograd", key="a1")
    again = replace(recording.artifacts[0], cache_key="a2")
    reads = []
    both = replace(recording, artifacts=(*recording.artifacts, again), read=lambda each: reads.append(each) or b"same")
    found = hydrated(both)
    assert said(found) == [("loaded", None)] * 2
    assert len(reads) == 1
    assert list(files_in(tmp_path).values()) == [b"same", b"same"]


def test_pgo_says_under_which_job_torch_reads_it(hydrated):
    recording = recording_of(b"state", artifact_type="pgo", key="nightly:None:")
    assert said(hydrated(recording)) == [
        ("loaded", "torch reads it only when torch.compiler.config.job_id is 'nightly'")
    ]


def test_pgo_is_refused_where_torch_would_raise(hydrated):
    import torch._dynamo.config as dynamo

    recording = recording_of(b"state", artifact_type="pgo", key="nightly:None:")
    with dynamo.patch(automatic_dynamic_local_pgo=False):
        assert said(hydrated(recording)) == [("refused", "torch._dynamo.config.automatic_dynamic_local_pgo is off")]


def test_a_cache_that_is_off_is_said(hydrated):
    from torch._functorch import config as functorch

    recording = recording_of(b"x", artifact_type="aot_autograd")
    with functorch.patch(enable_autograd_cache=False):
        assert said(hydrated(recording)) == [
            ("loaded", "torch._functorch.config.enable_autograd_cache is off, so torch will not look")
        ]
