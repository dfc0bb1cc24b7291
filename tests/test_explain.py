"""Why a lookup missed, and how two recordings differ."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

import samples
from megacache.explain import (
    Difference,
    config_differences,
    diff,
    differences,
    group_of,
    mismatches,
    nearest,
    parse_components,
    sentence,
    shorten,
    stored_components,
    system_differences,
)
from megacache.recording import Recorded, Recording

INPUT = (
    "TensorMetadata(dtype=torch.float32, shape=torch.Size([8, 4]), stride=(4, 1), device=device(type='cuda', index=0), "
    "layout=torch.strided, memory_format=torch.contiguous_format, storage_offset=0)"
)
GRAPH = """GraphModule()



def forward(self, primals_1):
    sin = torch.ops.aten.sin.default(primals_1);  primals_1 = None
    mul = torch.ops.aten.mul.Tensor(sin, 2);  sin = None
    return (mul,)"""
DOCUMENT = {
    "gm": GRAPH,
    "example_inputs[0]": INPUT,
    "cache_key_tag": "",
    "fx_kwargs[is_backward]": "False",
    "cpp_runtime_thread_count": "2",
    "torch_version": "M+hash\nof bytes",
    "system_info[hash]": "44136fa355b3678a",
    "inductor_config[epilogue_fusion]": "True",
    "inductor_config[cpp.simdlen]": "None",
}


def document(**changes):
    """Key components as torch prints them, with some texts changed; None takes a component away."""
    names = {"cpp_threads": "cpp_runtime_thread_count", "fusion": "inductor_config[epilogue_fusion]"}
    names |= {
        "backward": "fx_kwargs[is_backward]",
        "input_0": "example_inputs[0]",
        "tag": "cache_key_tag",
        "system": "system_info[hash]",
    }
    texts = DOCUMENT | {names.get(name, name): text for name, text in changes.items()}
    digits = {name: samples.key("", text)[:51] for name, text in texts.items() if text is not None}
    return "\n".join(f"[{digits[name]}] {name}: {texts[name]}" for name in digits)


def changed(**changes):
    return differences(parse_components(document()), parse_components(document(**changes)))


# -- key components


def test_components_keep_texts_of_many_lines_and_empty_ones():
    components = parse_components(document())
    assert {name: each.text for name, each in components.items()} == DOCUMENT
    assert [each.name for each in components.values()] == list(DOCUMENT)


def test_a_line_of_a_graph_that_begins_with_a_bracket_is_no_component():
    text = "[rktupar5qcfy2rmrshss34wg5k543y7k] gm: def forward():\n    [a] b: c\n[1] x: y\n[z]"
    components = parse_components(f"not one\n[x] y\n{text}")
    assert {name: each.text for name, each in components.items()} == {"gm": text.partition(": ")[2]}


def test_an_empty_document_has_no_component():
    assert parse_components("") == {}


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("gm", "graph"),
        ("fx_kwargs[is_backward]", "graph"),
        ("fx_kwargs[cudagraphs]", "config"),
        ("example_inputs[12]", "inputs"),
        ("default_cuda_device_index", "device"),
        ("inductor_config[cpp.simdlen]", "config"),
        ("autograd_config[view_replay_for_aliased_outputs]", "config"),
        ("cpp_runtime_thread_count", "env"),
        ("autocast_state[cpu]", "env"),
        ("torch_version", "system"),
        ("an_attribute_of_a_later_torch", "config"),
    ],
)
def test_every_component_has_a_group(name, group):
    assert group_of(name) == group


# -- differences and the nearest key


def test_the_hash_decides_and_not_the_text():
    old = parse_components("[aaaaaaaa] fx_kwargs[get_decomp_fn]: <function f at 0x1>\n[bbbbbbbb] default_dtype: float")
    new = parse_components("[aaaaaaaa] fx_kwargs[get_decomp_fn]: <function f at 0x2>\n[cccccccc] default_dtype: float")
    found = differences(old, new)
    assert [each.name for each in found] == ["default_dtype"]
    assert sentence(found) == "the default dtype differs, though torch shows the same text for it"


def test_differences_come_with_the_most_telling_group_first():
    found = changed(gm=GRAPH.replace("sin", "cos"), fusion="False", torch_version="other", cpp_threads="4")
    assert [each.group for each in found] == ["system", "config", "env", "graph"]


def test_a_component_of_one_side_only_is_a_difference():
    assert changed(tag=None) == (Difference(name="cache_key_tag", group="env", old="", new=None),)
    assert changed(default_dtype="torch.half") == (
        Difference(name="default_dtype", group="env", old=None, new="torch.half"),
    )


def test_the_nearest_key_has_the_fewest_differences():
    stored = {
        "far": parse_components(document(gm="other", fusion="False")),
        "near": parse_components(document(cpp_threads="8")),
    }
    key, found = nearest(parse_components(document()), stored)
    assert key == "near"
    assert sentence(found) == "the thread count is 2 now, was 8"


def test_among_equally_near_keys_the_likest_graph_wins():
    other_graph = "def forward(self, x):\n    return (torch.ops.aten.mm(x, x),)"
    stored = {
        "other function": parse_components(document(gm=other_graph)),
        "edited function": parse_components(document(gm=GRAPH.replace("sin.default", "cos.default"))),
    }
    assert nearest(parse_components(document()), stored)[0] == "edited function"


def test_without_candidates_nothing_is_near():
    assert nearest(parse_components(document()), {}) is None


# -- sentences


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fusion": "False"}, "inductor option `epilogue_fusion` is False now, was True"),
        ({"cpp_threads": "4"}, "the thread count is 4 now, was 2"),
        ({"torch_version": "other"}, "torch's own sources differ"),
        ({"system": "other"}, "the GPU, the toolkit or Triton differs"),
        ({"tag": "v2"}, "the cache key tag is v2 now, was empty"),
        ({"grad_enabled": "True"}, "grad mode is True now, was no part of the key"),
        ({"cpp_threads": None}, "the thread count is no part of the key now, was 2"),
        ({"input_0": INPUT.replace("[8, 4]", "[9, 4]")}, "input 0 has shape [9, 4] now, had [8, 4]"),
        ({"input_0": INPUT.replace("index=0", "index=1")}, "input 0 has device cuda:1 now, had cuda:0"),
        ({"input_0": INPUT.replace("float32", "float16")}, "input 0 has dtype float16 now, had float32"),
        ({"input_0": INPUT.replace("offset=0", "offset=4")}, "input 0 has storage_offset 4 now, had 0"),
        (
            {"gm": GRAPH.replace("sin = torch.ops.aten.sin", "cos = torch.ops.aten.cos")},
            "the graph has `cos = torch.ops.aten.cos.default(primals_1)` "
            "where it had `sin = torch.ops.aten.sin.default(primals_1)`",
        ),
        ({"gm": GRAPH + "\n    # end"}, "the graph has `# end` now"),
    ],
)
def test_one_difference_is_one_sentence(changes, expected):
    assert sentence(changed(**changes)) == expected


def test_inputs_of_another_kind_are_listed():
    assert sentence(changed(input_0="('s15',)")) == "inputs are s15 now, were float32[8, 4] on cuda:0"
    assert sentence(changed(input_0=None)) == "input 0 is gone: float32[8, 4] on cuda:0"
    added = Difference(name="example_inputs[1]", group="inputs", old=None, new="('s15',)")
    assert sentence([added, replace(added, name="example_inputs[2]")]) == "inputs 1, 2 are new: s15, s15"


def test_inputs_that_changed_alike_are_told_together():
    moved = [
        Difference(name=f"example_inputs[{number}]", group="device", old=INPUT, new=INPUT.replace("index=0", "index=1"))
        for number in (0, 2)
    ]
    assert sentence(moved) == "inputs 0, 2 have device cuda:1 now, had cuda:0"
    grown = replace(moved[0], name="example_inputs[3]", old=None)
    assert sentence([*moved, grown]).startswith("inputs are float32[8, 4] on cuda:1, float32[8, 4] on cuda:1, float32")


def test_a_backward_is_compared_with_backwards():
    stored = {
        "forward": parse_components(document()),
        "backward": parse_components(document(backward="True", gm="other", input_0="s1", fusion="False")),
    }
    assert nearest(parse_components(document(backward="True")), stored)[0] == "backward"
    assert "the graph is a backward now" in sentence(changed(backward="True"))


def test_the_signature_is_named_last():
    grown = GRAPH.replace("primals_1):", "primals_1, primals_2):").replace("(sin, 2)", "(sin, primals_2)")
    assert sentence(changed(gm=grown)).startswith("the graph has `mul = torch.ops.aten.mul.Tensor(sin, primals_2)`")


def test_a_fresh_backend_id_is_explained():
    old = Difference(
        name="aot_config", group="graph", old="('__compiled_fn_5_b1_c2', 1)", new="('__compiled_fn_5_77', 1)"
    )
    assert "can never hit again" in sentence([old])
    assert "can never" not in sentence([replace(old, new="('__compiled_fn_5_77', 2)")])


def test_functorch_options_are_named_where_torch_tells_them_apart():
    whole = Difference(name="autograd_config", group="config", old="a", new="b")
    one = Difference(name="autograd_config[view_replay]", group="config", old="True", new="False")
    assert sentence([whole]) == "a functorch option differs"
    assert sentence([one]) == "functorch option `view_replay` is False now, was True"


def test_many_differences_are_counted():
    found = changed(
        fusion="False",
        cpp_threads="4",
        tag="x",
        gm="other",
        input_0=INPUT.replace("index=0", "index=1"),
        system="other",
    )
    assert sentence(found).count(";") == 3
    assert sentence(found).endswith("; 3 more")


def test_no_difference_is_said_too():
    assert sentence(()) == "no component differs"


def test_long_texts_are_shortened_to_one_line():
    assert shorten("a\n  b") == "a b"
    assert len(shorten("x" * 500)) == 160
    assert shorten("x" * 500).endswith("…")


# -- systems


def test_one_system_has_no_mismatch():
    assert mismatches(samples.system(), samples.system()) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cpu_isa": "avx2"}, "CPU has avx2, the bundle was compiled for avx512"),
        ({"cpu_isa": None}, "CPU has none, the bundle was compiled for avx512"),
        ({"torch_version": "2.13.0+cpu"}, "torch is 2.13.0+cpu, the bundle was compiled by 2.15.0"),
        ({"machine": "aarch64"}, "machine is aarch64, the bundle was compiled on x86_64"),
        ({"platform": "Windows-11"}, "operating system is Windows, the bundle was compiled on Linux"),
        ({"python_version": "CPython 3.12.1"}, "Python is CPython 3.12, the bundle was compiled by CPython 3.11"),
        ({"triton_version": "3.9.0"}, "Triton is 3.9.0, the bundle was compiled with none"),
        ({"toolkit_version": "cuda 13.2"}, "toolkit is cuda 13.2, the bundle was compiled with none"),
        ({"gpu_name": "NVIDIA H100"}, "GPU is NVIDIA H100, the bundle was compiled for none"),
        ({"gpu_capability": "9.0"}, "GPU capability is 9.0, the bundle was compiled for none"),
    ],
)
def test_what_makes_artifacts_wrong_is_a_mismatch(change, expected):
    assert mismatches(samples.system(), samples.system(system_id="live", **change)) == (expected,)


def test_one_release_built_from_two_commits_is_a_mismatch():
    recorded, live = (samples.system(system_id=each, torch_git_hash=each * 20) for each in ("ab", "cd"))
    (found,) = mismatches(recorded, live)
    assert found == "torch is 2.15.0 from git cdcdcdcdcdcd, the bundle was compiled by 2.15.0 from git abababababab"


@pytest.mark.parametrize(
    "change",
    [
        {"cpu_model": "AMD EPYC"},
        {"thread_count": 64},
        {"compiler_version": None},
        {"python_version": "CPython 3.11.9"},
        {"platform": "Linux-5.15-x86_64"},
    ],
)
def test_what_torch_copes_with_is_no_mismatch(change):
    live = samples.system(system_id="live", **change)
    assert mismatches(samples.system(), live) == ()
    assert [each.name for each in system_differences(samples.system(), live)] == list(change)


def test_configs_differ_by_option_and_none_is_the_default():
    found = config_differences({"inductor.a": "1", "dynamo.b": "2"}, {"inductor.a": "1", "functorch.c": "3"})
    assert [(each.name, each.old, each.new) for each in found] == [("dynamo.b", "2", None), ("functorch.c", None, "3")]


# -- recordings


def small():
    return samples.small_recording()[0]


@dataclass
class Shown(Recorded):
    """A recording with a name, as a session or a bundle is."""

    kept: Recording
    name: str

    def recording(self):
        return self.kept


def recording_with(document, *, key, system, config):
    """A recording of one session with one inductor artifact."""
    small_one = small()
    contents = {key: document.encode()}
    artifact = replace(small_one.artifacts[0], artifact_type="inductor", cache_key=key, system_id=system.system_id)
    use = replace(small_one.artifact_uses[0], artifact_type="inductor", cache_key=key, components_sha256=key)
    session = replace(small_one.sessions[0], system_id=system.system_id, config=config)
    return Recording(
        systems=(system,), sessions=(session,), artifacts=(artifact,), artifact_uses=(use,), read=contents.__getitem__
    )


@pytest.fixture
def found():
    old = recording_with(document(), key="fold", system=samples.system(), config={})
    live = samples.system(system_id="live", cpu_isa="avx2", thread_count=2)
    new = recording_with(
        document(fusion="False"), key="fnew", system=live, config={"inductor.epilogue_fusion": "False"}
    )
    return diff(Shown(old, "cold"), Shown(new, "warm"))


def test_a_recording_does_not_differ_from_itself():
    shown = Shown(small(), "one")
    found = diff(shown, shown)
    assert not found.has_findings
    assert len(found.in_both) == len({(each.artifact_type, each.cache_key) for each in small().artifacts})
    assert found.keys == ()


def test_a_diff_says_what_only_one_side_has(found):
    assert [each.cache_key for each in found.only_old] == ["fold"]
    assert [each.cache_key for each in found.only_new] == ["fnew"]
    assert found.in_both == ()
    assert found.has_findings


def test_a_diff_explains_system_config_and_keys(found):
    assert [each.name for each in found.systems] == ["cpu_isa", "thread_count"]
    assert found.mismatches == ("CPU has avx2, the bundle was compiled for avx512",)
    assert [each.name for each in found.configs] == ["inductor.epilogue_fusion"]
    (key,) = found.keys
    assert (key.old_key, key.new_key) == ("fold", "fnew")
    assert key.sentence == "inductor option `epilogue_fusion` is False now, was True"


def test_a_diff_is_text_html_and_json(found):
    text = str(found)
    assert repr(found) == text  # what a front end without HTML shows
    assert "only in cold: 1 inductor" in text
    assert "config: inductor.epilogue_fusion is False, was default" in text
    assert "inductor fnew: nearest fold: inductor option `epilogue_fusion` is False now, was True" in text
    assert "inductor option `epilogue_fusion`" in found._repr_html_()
    as_json = json.loads(json.dumps(found.to_dict()))
    assert as_json["has_findings"] is True
    assert as_json["keys"][0]["sentence"] == found.keys[0].sentence


def test_html_of_a_diff_is_escaped(found):
    assert "<script>" not in replace(found, old="<script>alert()</script>")._repr_html_()


def test_empty_recordings_can_be_compared():
    found = diff(Shown(Recording(), ""), Shown(small(), "full"))
    assert found.only_old == ()
    assert found.only_new
    assert "only in the first: no artifact" in str(found)


def test_components_without_content_are_passed_over():
    assert stored_components(replace(small(), read=Recording().read), "inductor") == {}
    assert stored_components(small(), "inductor")


def test_explaining_needs_neither_torch_nor_pandas():
    code = (
        "import sys, megacache.explain, megacache.report; sys.exit(bool({'torch', 'pandas', 'rich'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
