"""Rows: what torch's artifacts tell is shown by every face, and what they hide does no harm."""

import json
import os
from pathlib import Path

import pytest
from pickle_samples import CALLS, PICKLES, TOUCH, call
from torch_pickles import Function, Made, Named, aot, graph, guard, guards_state, pickled, precompile, profile

from megacache.bundle import Bundle
from megacache.bundle.cache_dir import import_cache_dir, open_cache_dir
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.model import ArtifactUse
from megacache.recording import Recording


@pytest.fixture
def opened(tmp_path):
    """Import artifacts, given as type, key and content, and return the recording and the bundle."""

    def open_(*artifacts):
        data = write_artifacts(
            TorchArtifact(kind, key, content if isinstance(content, bytes) else pickled(content))
            for kind, key, content in artifacts
        )
        return Bundle.from_torch(data, tmp_path / "torch.megacache")

    return open_


def use_of(recording: Recording, key: str) -> ArtifactUse:
    return next(each for each in recording.artifact_uses if each.cache_key == key)


REPOSITORY = str(Path(__file__).parents[3])
BACKEND = "__compiled_fn_1_aaaa"
STATE = guards_state(
    guard("GRAD_MODE"),
    guard("EQUALS_MATCH", "G['CFG'].scale == 2.0", source=Made("torch._dynamo.source.GlobalSource", ("CFG",))),
    shapes=("2 <= L['x'].size()[0]  # y = helper(x)  # model.py:9 in step (user code shown is first use)",),
)
STEP = Function("step", 8, [((BACKEND, "__resume_at_10_2"), STATE)])
RESUME = Function("torch_dynamo_resume_in_step_at_10", 10, [((), guards_state())], names=("__resume_at_10_2",))
BUNDLED = aot(graph("fone"), graph("ftwo", fx_kwargs={"is_backward": True}), BACKEND)


def test_a_precompile_entry_is_shown_as_functions_guards_and_graphs(opened):
    recording = opened(("precompile", "p1", precompile(STEP, RESUME, backends={BACKEND: BUNDLED}))).recording()
    step, resume = recording.codes
    assert (step.module, step.qualname, step.filename, step.first_line) == ("model", "step", "model.py", 8)
    assert step.source == "def step(x):\n    y = helper(x)\n    print()\n    return y\n"
    assert (resume.parent_code_id, resume.resume_line, resume.source) == (step.code_id, 10, None)
    assert [(each.compile_id, each.guard_count) for each in recording.compiles] == [("0/0", 3), ("1/0", 0)]
    assert [(each.compile_id, each.line, each.source_line) for each in recording.graph_breaks] == [
        ("0/0", 10, "print()")
    ]
    assert [(each.guard_type, each.expression, each.source, each.location) for each in recording.guards] == [
        ("GRAD_MODE", "GRAD_MODE", None, None),
        ("EQUALS_MATCH", "G['CFG'].scale == 2.0", "G['CFG']", None),
        ("SHAPE_ENV", "2 <= L['x'].size()[0]", None, "model.py:9 in step"),
    ]
    assert [(each.backend_id, each.kind, each.compile_id) for each in recording.backend_entries] == [
        (BACKEND, "forward", "0/0"),
        (BACKEND, "backward", "0/0"),
    ]
    assert [(each.symbol, each.source, each.hint) for each in recording.dimensions] == [
        ("s77", "L['x'].size()[0]", "5")
    ]
    (system,) = recording.systems
    assert (system.torch_version, system.python_version, system.triton_version) == ("2.15.0", "3.11.7", "3.9")
    assert recording.sessions[0].system_id == system.system_id
    assert {each.system_id for each in recording.artifacts} == {"unknown"}


def test_graphs_code_and_key_components_are_documents(opened):
    recording = opened(("inductor", "fone", graph("fone")), ("aot_autograd", "aone", aot("fone"))).recording()
    assert {each.name: recording.text(each) for each in recording.documents} == {
        "inference_graph": 'def forward(self,\n  primals_1: "Sym(s77)",  # PlainAOTInput(idx=0)\n): pass',
        "post_grad_graph": "graph of fone",
        "output_code": "# code of fone",
    }
    components = use_of(recording, "fone").components_sha256
    assert recording.read(components).decode().splitlines() == [
        "[hashfone] gm: graph of fone",
        "[otherhash] default_dtype: torch.float32",
    ]
    (entry,) = recording.backend_entries
    assert (entry.backend_id, entry.duration_us, entry.inductor_us) == ("graph-aone", 3000, 2000)


def test_without_precompile_the_function_is_the_one_whose_lines_the_kernels_come_from(opened):
    recording = opened(
        ("inductor", "fone", graph("fone")),
        ("inductor", "ftwo", graph("ftwo", cache_linemap=[(1, '  File "model.py", line 9, in step\n')])),
        ("aot_autograd", "atwo", aot("ftwo")),
        ("aot_autograd", "aone", aot("fone")),
    ).recording()
    (code,) = recording.codes
    assert (code.qualname, code.filename, code.first_line, code.source) == ("step", "model.py", 9, None)
    found = {use.cache_key: use.compile_id for use in recording.artifact_uses}
    assert found == {"fone": "0/0", "aone": "0/0", "ftwo": "0/1", "atwo": "0/1"}


def test_a_graph_without_kernels_or_entry_is_outside_of_any_compile(opened):
    bundle = opened(("inductor", "fone", graph("fone", cache_linemap=[])))
    (entry,) = bundle.recording().backend_entries
    assert (entry.backend_id, entry.kind, entry.compile_id) == ("graph-fone", "forward", None)
    assert "outside any compile" in str(bundle.tree())


def test_key_components_of_a_graph_that_only_another_artifact_holds_are_shown(opened):
    recording = opened(("aot_autograd", "aone", aot("fone"))).recording()
    use = use_of(recording, "fone")
    assert (use.artifact_type, use.content_sha256, use.compile_id) == ("inductor", None, None)
    assert recording.read(use.components_sha256) == b"[hashfone] gm: by its key"


def test_of_one_key_the_last_one_tells(opened):
    old = precompile(Function("step", 8, [(("__compiled_fn_0_old",), STATE)]))
    recording = opened(("precompile", "p1", old), ("precompile", "p1", precompile(STEP))).recording()
    assert len(recording.compiles) == 1
    assert [each.reason for each in recording.artifact_uses] == [
        "an earlier version: of one key torch loads the last",
        None,
    ]


def test_of_one_key_of_graphs_every_content_is_asked(opened):
    recording = opened(("inductor", "fone", graph("fone")), ("inductor", "fone", graph("ftwo"))).recording()
    assert [each.reason for each in recording.artifact_uses if each.content_sha256] == [None, None]


def test_the_profile_tells_what_became_dynamic_and_what_it_was(opened):
    recording = opened(
        ("pgo", "job", profile(x=(3, 4))), ("pgo", "job", profile(x=(None, 4))), ("inductor", "fone", graph("fone"))
    ).recording()
    first, last, _ = recording.artifact_uses
    assert first.reason == "an earlier version: of one key torch loads the last; no size is dynamic"
    assert last.reason == "x.size(0) in step is dynamic, was 3"
    assert recording.codes[0].first_line == 8


def test_what_autotuning_found_is_told(opened):
    best = json.dumps({"XBLOCK": 128, "num_warps": 4, "configs_hash": "x", "found_by_coordesc": False}).encode()
    utf16 = best.decode().encode("utf-16-le")  # whose codec Python would import
    artifacts = [("autotune", name, each) for name, each in (("best", best), ("broken", b"{"), ("utf-16", utf16))]
    assert [(each.detail, each.reason) for each in opened(*artifacts).recording().artifact_uses] == [
        (None, "fastest: XBLOCK 128, num_warps 4, found_by_coordesc False"),
        ("unreadable", "it is not JSON of torch's"),
        ("unreadable", "it is not JSON of torch's"),
    ]


def test_a_function_whose_variants_torch_passes_over_is_named(opened):
    left_out = Function("step", 8, is_bypassed=True)
    bundle = opened(("precompile", "p1", precompile(left_out)))
    (compiled,) = bundle.recording().compiles
    assert (compiled.status, compiled.guard_count) == ("skipped", None)
    assert use_of(bundle.recording(), "p1").reason == "torch passes over step, not kept whole"
    assert "torch kept none of its variants" in str(bundle.tree())


@pytest.mark.parametrize("kind", ["inductor", "aot_autograd", "precompile", "pgo"])
@pytest.mark.parametrize("name", CALLS)
def test_what_loading_would_run_is_told_and_kept(opened, kind, name):
    sample = CALLS[name]
    bundle = opened((kind, "key", sample.data))
    (use,) = bundle.recording().artifact_uses
    assert use.detail == "unreadable"
    assert use.reason
    if name != "extension below 1":
        assert "loading it would import or call" in use.reason
    assert read_artifacts(bundle.to_torch())[0].content == sample.data
    assert bundle.verify().is_ok


def test_a_call_hidden_in_a_good_artifact_is_told(opened):
    bad = graph("fone", hidden=Made("os.system", (TOUCH,)))
    bundle = opened(("inductor", "fone", bad))
    assert use_of(bundle.recording(), "fone").reason == "loading it would import or call os.system"
    assert "os.system" in str(bundle.tree())
    assert recording_has_code(bundle.recording())


def recording_has_code(recording: Recording) -> bool:
    return any(each.name == "output_code" for each in recording.documents)


def test_a_call_hidden_in_guards_is_told(opened):
    hidden = guards_state(
        guard("EQUALS_MATCH", "x", source=Made("torch._dynamo.source.GlobalSource", (Named("os.system"),)))
    )
    recording = opened(("precompile", "p1", precompile(Function("step", 8, [((), hidden)])))).recording()
    assert use_of(recording, "p1").reason == "loading it would import or call os.system"
    assert len(recording.guards) == 1


def test_guards_that_cannot_be_read_are_told(opened):
    broken = Function("step", 8, [((), call("os", "system", TOUCH)[:-1]), ((), None), ((), pickled([1]))])
    recording = opened(("precompile", "p1", precompile(broken))).recording()
    reason = use_of(recording, "p1").reason
    assert "loading it would import or call os.system" in reason
    assert "guards: this pickle is damaged" in reason
    assert [each.guard_count for each in recording.compiles] == [None, None, None]


def test_no_sample_makes_the_import_fail(opened):
    """Every harmful pickle in one container, as every type of torch's."""
    small = {name: each.data for name, each in PICKLES.items() if len(each.data) < 10_000}
    kinds = ("inductor", "aot_autograd", "precompile", "pgo", "autotune", "of tomorrow")
    artifacts = [(kind, name, data) for kind in kinds for name, data in small.items()]
    with opened(*artifacts) as bundle:
        found = read_artifacts(bundle.to_torch(types=kinds))
        assert [(each.artifact_type, each.cache_key, each.content) for each in found] == artifacts
        assert str(bundle.tree())
        assert bundle.verify().is_ok


def test_a_type_that_is_not_known_is_kept_and_not_read(opened):
    bundle = opened(("of tomorrow", "key", CALLS["os.system"].data))
    (use,) = bundle.recording().artifact_uses
    assert (use.detail, use.reason) == (None, None)
    assert read_artifacts(bundle.to_torch(types=["of tomorrow"]))[0].content == CALLS["os.system"].data


def test_texts_that_no_row_can_hold_are_made_fit(opened):
    strange = Function("st\ud800ep", 2**70, [(("__compiled_fn_\udfff",), STATE)])
    content = precompile(strange, backends={"__compiled_fn_\udfff": aot(graph("f\ud800", source_code="\udcff"))})
    with opened(("precompile", "p1", content)) as bundle:
        (code,) = bundle.recording().codes
        assert (code.qualname, code.first_line) == ("st?ep", 0)
        assert str(bundle.tree())


def test_the_same_container_again_adds_nothing(opened):
    artifacts = [
        ("precompile", "p1", precompile(STEP, RESUME, backends={BACKEND: BUNDLED})),
        ("pgo", "j", profile(x=(3,))),
    ]
    first = opened(*artifacts).recording()
    again = opened(*artifacts).recording()
    for name in ("sessions", "codes", "compiles", "graph_breaks", "backend_entries", "artifact_uses", "documents"):
        assert len(getattr(again, name)) == len(getattr(first, name)), name


# -- what torch itself wrote -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(programs):
    programs.run("torch_saves", programs.folder, cache="torch-cache")
    no_torch = programs.folder / "no-torch"
    no_torch.mkdir()
    (no_torch / "torch.py").write_text("raise ImportError('torch is not to be imported here')\n")
    return json.loads(
        programs.run("reads_saves", programs.folder, PYTHONPATH=os.pathsep.join((str(no_torch), REPOSITORY)))
    )


@pytest.mark.torch
class TestWhatTorchWrote:
    """Real artifacts, of this torch, read in a process in which torch cannot be imported."""

    def test_no_torch_is_imported_and_no_pickle_is_run(self, found):
        assert not found["torch"]
        assert found["looked_up"] == []

    @pytest.mark.parametrize("name", ["plain", "once", "twice"])
    def test_everything_is_kept_byte_for_byte(self, found, name):
        assert found[name]["is_whole"]
        assert found[name]["is_same_again"]
        assert found[name]["html_size_bytes"] > 100_000

    @pytest.mark.parametrize("name", ["plain", "once", "twice"])
    def test_a_megabyte_is_read_well_under_a_second(self, found, name):
        assert found[name]["size_bytes"] > 500_000
        assert found[name]["read_us"] / found[name]["size_bytes"] < 0.3

    def test_functions_resume_functions_and_their_source_are_shown(self, found):
        codes = {qualname: rest for qualname, *rest in found["once"]["codes"]}
        assert set(codes) == {"forward", "torch_dynamo_resume_in_forward_at_12"}
        first_line, source, has_parent = codes["forward"]
        assert (first_line, has_parent) == (10, False)
        assert source.startswith("def forward(x, weight):\n")
        assert source.endswith("return torch.sin(y).sum()\n")
        assert codes["torch_dynamo_resume_in_forward_at_12"][2] is True
        assert (found["once"]["modules"], found["once"]["files"]) == (["saved_function"], ["saved_function.py"])
        assert found["once"]["breaks"][0][1:] == [12, 'print(end="")']

    def test_without_precompile_functions_are_known_by_name(self, found):
        assert {code[0] for code in found["plain"]["codes"]} == {"forward", "torch_dynamo_resume_in_forward_at_12"}
        assert [code[1] for code in found["plain"]["codes"] if code[0] == "forward"] == [10]
        assert found["plain"]["breaks"] == [["0/0", 12, None]]

    @pytest.mark.parametrize("name", ["plain", "once"])
    def test_each_variant_has_its_graphs(self, found, name):
        assert sorted(each[0] for each in found[name]["compiles"]) == ["0/0", "0/1", "1/0", "1/1"]
        graphs = {(compile_id, kind) for compile_id, _, kind in found[name]["backends"]}
        assert graphs == {(each, kind) for each in ("0/0", "0/1", "1/0", "1/1") for kind in ("forward", "backward")}
        documents = {
            (document, kind) for document, kind, compile_id, _ in found[name]["documents"] if compile_id == "0/1"
        }
        assert documents - {("guards", None)} == {
            ("joint_graph", "forward"),
            *((document, kind) for document in ("post_grad_graph", "output_code") for kind in ("forward", "backward")),
            *(("forward_graph", "forward"), ("backward_graph", "backward")),
        }
        codes = [text for document, _, _, text in found[name]["documents"] if document == "output_code"]
        assert all(text.startswith("# AOT ID: [") for text in codes)
        assert ["0/1", "L['x'].size()[0]"] in found[name]["dimensions"]

    def test_guards_are_shown(self, found):
        guards = [each[1:] for each in found["once"]["guards"] if each[0] == "0/1"]
        expected = "check_tensor(L['x'], torch.float32, size=[None, 4], stride=[4, 1], requires_grad=False)"
        assert ["TENSOR_MATCH", expected, "L['x']"] in guards
        assert ["SHAPE_ENV", "2 <= L['x'].size()[0]", None] in guards
        assert ["GRAD_MODE", "GRAD_MODE", None] in guards

    @pytest.mark.parametrize("name", ["plain", "once", "twice"])
    def test_every_graph_has_its_key_components(self, found, name):
        uses = [each for each in found[name]["uses"] if each[0] == "inductor"]
        assert len(found[name]["components"]) == len(uses)
        assert min(found[name]["components"]) > 500
        assert {each[3] for each in uses} >= {"forward", "backward"}

    def test_no_artifact_of_torch_itself_is_suspected(self, found):
        for name in ("plain", "once", "twice"):
            assert not [each for each in found[name]["uses"] if each[4] and "loading it would" in each[4]]

    def test_the_profile_tells_what_became_dynamic(self, found):
        (*_, last) = [each[4] for each in found["plain"]["uses"] if each[0] == "pgo"]
        assert "x.size(0) in forward is dynamic, was 3" in last

    def test_a_second_save_holds_both_functions(self, found):
        assert {code[0] for code in found["twice"]["codes"]} > {"forward", "late"}
        reasons = [each[4] for each in found["twice"]["uses"]]
        assert "inference" in {each[2] for each in found["twice"]["backends"]}
        assert any(each and each.startswith("an earlier version") for each in reasons)

    def test_every_face_shows_them(self, found):
        once = found["once"]
        assert once["torch_versions"]
        for text in (
            "forward  saved_function.py:10",
            "resume_in_forward_at_12",
            "backend __compiled_fn_",
            "recompile 0/1",
        ):
            assert text in once["tree"]
        assert once["tables"]["guards"] == len(once["guards"]) > 0
        assert "key components: 6" in once["show"]["key"] or "key components: 7" in once["show"]["key"]
        assert "check_tensor(L['x']" in once["show"]["compile"]
        assert "return torch.sin(y).sum()" in once["show"]["function"]

    def test_what_is_damaged_at_random_never_fails_the_import(self, found):
        assert found["damaged"] > 0


@pytest.fixture
def directory(found, programs):
    assert found
    return open_cache_dir(programs.folder / "torch-cache")


@pytest.mark.torch
class TestWhatTorchKeepsOnDisk:
    """The cache directory of the process that saved the containers above."""

    def test_functions_resume_functions_and_their_source_are_shown(self, directory, found):
        codes = {each.qualname: each for each in directory.recording().codes}
        assert {"forward", "late", "torch_dynamo_resume_in_forward_at_12"} <= set(codes)
        assert [codes["forward"].source] == [each[2] for each in found["once"]["codes"] if each[0] == "forward"]
        assert codes["torch_dynamo_resume_in_forward_at_12"].parent_code_id == codes["forward"].code_id

    def test_guards_graphs_code_and_key_components_are_shown(self, directory):
        recording = directory.recording()
        expressions = " ".join(each.expression for each in recording.guards)
        assert "check_tensor(L['x'], torch.float32, size=[None, 4]" in expressions
        names = {each.name for each in recording.documents}
        assert {"guards", "forward_graph", "backward_graph", "post_grad_graph", "output_code", "profile"} <= names
        tables = directory.tables
        assert {"forward", "backward"} <= set(tables.backends["kind"])
        assert len(tables.key_components) > 100
        assert {"4", "dynamic"} <= set(tables.profile["size"])
        assert "recompile 0/1" in str(directory.tree())

    def test_keys_and_moments_are_those_of_the_files(self, directory):
        recording, info = directory.recording(), directory.cache_info()
        assert set(info.counts) == {"aot_autograd", "inductor", "pgo", "precompile"}
        assert sum(info.counts.values()) == len({(each.artifact_type, each.cache_key) for each in directory.files})
        moments = {each.path.stat().st_mtime_ns // 1000 for each in directory.files}
        assert {each.added_us for each in recording.artifacts} <= moments
        assert {each.at_us for each in recording.artifact_uses if each.content_sha256} <= moments
        assert recording.sessions[0].system_id == recording.systems[0].system_id
        assert {each.system_id for each in recording.artifacts} == {"unknown"}

    @pytest.mark.parametrize("name", ["fxgraph", "aotautograd", "dynamo"])
    def test_a_folder_of_it_tells_functions_too(self, directory, name):
        recording = open_cache_dir(directory.path / name).recording()
        assert "forward" in {each.qualname for each in recording.codes}
        assert recording.documents

    def test_it_becomes_a_bundle_that_shows_the_same(self, directory, tmp_path):
        import_cache_dir(directory.path, tmp_path / "made.megacache")
        with Bundle.open(tmp_path / "made.megacache") as bundle:
            made, read = bundle.recording(), directory.recording()
            assert str(bundle.tree()) == str(directory.tree())
            assert {each.code_id for each in made.codes} == {each.code_id for each in read.codes}
            assert made.guards == read.guards
            assert bundle.verify().is_ok
