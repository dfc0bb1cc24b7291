"""Compiled CPU kernels in the bundle: what is kept, when it is served, and that no compiler starts."""

import functools
import json
import os
from contextlib import suppress
from hashlib import sha256
from types import SimpleNamespace

import pytest

import samples
from megacache.compiler.kernel_content import encode, header_of, library_of
from megacache.errors import CorruptBundleError

COMPILERS = ("g++", "gcc", "c++", "cc", "clang++", "clang", "ld")

# -- in fresh processes, with real kernels


@pytest.fixture(scope="module")
def cold(programs):
    return carried(programs, "cold", cache="cold")


@pytest.fixture
def failing_compilers(tmp_path):
    """A PATH on which every compiler comes first, fails, and leaves a line in a log."""
    log = tmp_path / "compilers.log"
    log.touch()
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in COMPILERS:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\nexit 1\n')
        (folder / name).chmod(0o755)
    return SimpleNamespace(path=f"{folder}:{os.environ['PATH']}", log=log)


def carried(programs, how, **environment):
    """Run the program; its kernels meet in the folder of this module's programs."""
    return json.loads(programs.run("kernels_carried", how, programs.folder, **environment).splitlines()[-1])


def keys(rows):
    return [key for _, key in rows]


@pytest.mark.torch
@pytest.mark.slow
def test_every_kernel_is_kept_once_with_its_compile(cold):
    assert cold["is_right"]
    assert cold["faults"] == []
    assert [compile_id for compile_id, _ in cold["recorded"]] == ["0/0", "1/0", "2/0", "2/0"]
    assert len(set(keys(cold["recorded"]))) == 4


@pytest.mark.torch
@pytest.mark.slow
def test_the_content_says_what_it_is(cold, programs):
    content = (programs.folder / "kernels" / cold["recorded"][0][1]).read_bytes()
    header = header_of(content)
    assert header["isa"] == cold["isa"]
    assert header["entry_class"] == "CppPythonBindingsCodeCache"
    assert "g++" in header["compiler"]
    assert library_of(content).startswith(b"\x7fELF")


@pytest.mark.torch
@pytest.mark.slow
def test_a_warm_start_starts_no_process(cold, programs, failing_compilers):
    warm = carried(programs, "warm", PATH=failing_compilers.path)
    assert warm["is_right"]
    assert warm["served"] == cold["recorded"]
    assert warm["digests"] == [sha256(content_of(programs, key)).hexdigest() for key in keys(warm["served"])]
    assert warm["recorded"] == warm["faults"] == []
    assert warm["started"] == warm["children"] == []
    assert warm["libraries"] == sorted(keys(warm["served"])), "neither a probe of an ISA nor a kernel of torch's"
    # To describe the live system, the compiler is asked for its version; without an answer, for nothing else.
    assert set(failing_compilers.log.read_text().splitlines()) == {"g++ --version"}


@pytest.mark.torch
@pytest.mark.slow
def test_a_warm_start_needs_no_compiler(cold, programs, tmp_path):
    warm = carried(programs, "warm", PATH=str(tmp_path))
    assert warm["is_right"]
    assert warm["served"] == cold["recorded"]
    assert warm["started"] == warm["faults"] == []


@pytest.mark.torch
@pytest.mark.slow
def test_kernels_are_served_where_no_other_cache_helps(cold, programs):
    """Inductor writes the same source again, and is spared the probes and the builds."""
    warm = carried(programs, "kernels")
    assert warm["is_right"]
    assert sorted(keys(warm["served"])) == sorted(keys(cold["recorded"]))
    assert warm["recorded"] == warm["faults"] == []
    assert set(warm["started"]) <= {"g++ --version", "g++ -v"}
    assert warm["isas"] == cold["isas"]


@pytest.mark.torch
@pytest.mark.slow
def test_the_isas_are_those_that_the_probes_find(cold):
    """`valid_vec_isa_list`, torch/_inductor/cpu_vec_isa.py: the same ISAs with the same flags."""
    assert cold["unprobed"] == cold["isas"]


@pytest.mark.torch
@pytest.mark.slow
def test_kernels_of_another_isa_are_not_served(cold, programs):
    narrower, isa = ("default", "scalar") if cold["isa"] == "avx2" else ("avx2", "avx2")
    other = carried(programs, "kernels", ATEN_CPU_CAPABILITY=narrower, cache="cold")
    assert other["is_right"]
    assert other["isa"] == isa
    assert other["served"] == other["faults"] == []
    assert set(keys(other["recorded"])).isdisjoint(keys(cold["recorded"]))


@pytest.mark.torch
@pytest.mark.slow
def test_damaged_content_is_compiled_again(cold, programs):
    warm = carried(programs, "damaged")
    assert warm["is_right"]
    cut, flipped, empty, intact = sorted(keys(cold["recorded"]))
    assert keys(warm["served"]) == [intact]
    assert sorted(keys(warm["recorded"])) == [cut, flipped, empty]
    assert sorted(fault.partition(":")[0] for fault in warm["faults"]) == [
        "ImportError",
        "megacache.errors.CorruptBundleError",
        "megacache.errors.CorruptBundleError",
    ]
    assert warm["isas"] == cold["isas"]
    assert len([command for command in warm["started"] if ".main.cpp" in command]) == 3


def content_of(programs, key):
    return (programs.folder / "kernels" / key).read_bytes()


# -- in this process, with a torch that compiles nothing


@pytest.fixture
def torch_loads(monkeypatch, tmp_path):
    """Torch's own loads, each of which gives a file; the names of those that were made."""
    from torch._inductor.codecache import CppCodeCache

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    made = []

    def load_async(
        cls,
        main_code,
        device_type="cpu",
        submit_fn=None,
        extra_flags=(),
        optimized_code=None,
        needs_vec_isa=None,
        kernel_needs_vec_isa=None,
    ):
        def load():
            path = tmp_path / f"{len(made)}.so"
            path.write_bytes(main_code.encode())
            made.append(main_code)
            return SimpleNamespace(**{"_name" if cls is CppCodeCache else "__file__": str(path)})

        return load

    monkeypatch.setattr(CppCodeCache, "load_async", classmethod(load_async))
    return made


@pytest.fixture
def unprobed(monkeypatch):
    """Torch as it is before it has looked for an ISA, whatever other tests made it find."""
    from torch._inductor import cpu_vec_isa

    answer = functools.cache(lambda: pytest.fail("torch probes"))
    monkeypatch.setattr(cpu_vec_isa, "valid_vec_isa_list", answer)
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    return cpu_vec_isa


@pytest.fixture
def kernels(monkeypatch):  # whose patches must be there before ours, and go after them
    from megacache.compiler.kernels import Kernels

    assert monkeypatch
    events = []
    attached = Kernels(events.append)
    attached.events = events
    yield attached
    attached.detach()


def asked(source="source", cache="CppCodeCache", **arguments):
    """Ask torch for a library as generated code does; without vector code, so that no ISA is asked for."""
    from torch._inductor import codecache

    return getattr(codecache, cache).load_async(source, **{"needs_vec_isa": False, **arguments})


def key_of(source="source", cache="CppCodeCache", **arguments):
    from torch._inductor import codecache

    from megacache.compiler.kernel_source import kernel_source

    defaults = {"device_type": "cpu", "extra_flags": (), "optimized_code": None, "kernel_needs_vec_isa": None}
    given = {"main_code": source, **defaults, "needs_vec_isa": False, **arguments}
    found = kernel_source(getattr(codecache, cache), given, None)
    return found and found.key


def offer(kernels, contents=None, **recorded):
    """Offer kernels, or one that has nothing but its ISA, to a process whose system differs as said."""
    from megacache.compiler.system import isa_name, pick_isa
    from megacache.compiler.vector_isas import _unprobed_isas

    live = samples.system(cpu_isa=isa_name(pick_isa(_unprobed_isas())))
    recorded = samples.system(**{"cpu_isa": live.cpu_isa, **recorded})
    contents = {"key": encode({"isa": recorded.cpu_isa}, b"")} if contents is None else contents
    kernels.offer({key: (lambda content=content: content) for key, content in contents.items()}, recorded, live)


def recorded_content(kernels):
    """The key and content of a kernel that torch compiled, in a Kernels of their own."""
    asked()()
    (event,) = kernels.events
    kernels.events.clear()
    return event.cache_key, event.content


@pytest.mark.torch
def test_a_library_is_recorded_when_it_is_loaded_and_once(kernels, torch_loads):
    from torch._guards import CompileContext, CompileId, compile_context

    kernels.attach()
    with compile_context(CompileContext(CompileId(frame_id=3, frame_compile_id=1))):
        load = asked()
    assert kernels.events == []
    load()
    asked()()
    (event,) = kernels.events
    assert (event.artifact_type, event.compile_id, event.cache_key) == ("kernel", "3/1", key_of())
    assert library_of(event.content) == b"source"


@pytest.mark.torch
def test_what_is_not_for_the_cpu_or_links_more_than_its_source_is_left_alone(kernels, torch_loads, monkeypatch):
    from megacache.compiler import kernel_source

    kernels.attach()
    asked(device_type="cuda")()
    asked(cache="HalideCodeCache")()
    monkeypatch.setattr(kernel_source, "cpu_instructions", lambda: None)
    asked()()
    assert len(torch_loads) == 3
    assert kernels.events == kernels.faults == []


@pytest.mark.torch
def test_our_own_failures_break_no_compile(kernels, torch_loads, monkeypatch):
    from torch._inductor.codecache import CppCodeCache

    from megacache.compiler import kernels as room

    monkeypatch.setattr(CppCodeCache, "_load_library", classmethod(lambda *_: "served"))
    kernels.attach()
    key, content = recorded_content(kernels)
    offer(kernels, {key: content})
    monkeypatch.setattr(kernels, "_sink", lambda _: 1 / 0)
    assert asked()() == "served"
    assert asked("other")()._name
    monkeypatch.setattr(room, "kernel_source", lambda *_: 1 / 0)
    assert asked("third")()._name
    assert [fault.where for fault in kernels.faults] == ["kernel served", "kernel recorded", "kernel source"]


@pytest.mark.torch
def test_an_offer_is_served_from_below_the_cache_directory(kernels, torch_loads, monkeypatch, tmp_path):
    from torch._inductor.codecache import CppCodeCache

    monkeypatch.setattr(CppCodeCache, "_load_library", classmethod(lambda _, path, key: (path, key)))
    kernels.attach()
    key, content = recorded_content(kernels)
    offer(kernels, {key: content})
    path = tmp_path / "cache" / "megacache-kernels" / key[:2] / f"{key}.so"
    assert asked()() == (str(path), key)
    assert path.read_bytes() == b"source"
    assert len(torch_loads) == 1
    (event,) = kernels.events
    assert (event.cache_key, event.content_sha256) == (key, sha256(content).hexdigest())
    path.write_bytes(b"older")
    asked()()
    assert path.read_bytes() == b"older", "it is loaded already"
    CppCodeCache.cache.clear()
    asked()()
    assert path.read_bytes() == b"source"
    assert len(kernels.events) == 3
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.torch
def test_content_of_another_kernel_is_a_fault_and_not_tried_again(kernels, torch_loads):
    kernels.attach()
    key, content = recorded_content(kernels)
    other = encode({**header_of(content), "source_sha256": "0" * 64}, b"source")
    offer(kernels, {key: other})
    asked()()
    asked()()
    assert len(torch_loads) == 3
    (fault,) = kernels.faults
    assert "is another's: its source_sha256 is not" in fault.error


@pytest.mark.torch
def test_a_failed_load_leaves_no_module_behind(kernels, torch_loads):
    """`_load_library_inner` puts the module into `sys.modules` before it runs it, and would find it there again."""
    import sys

    from torch._inductor.codecache import CppPythonBindingsCodeCache

    kernels.attach()
    asked(cache="CppPythonBindingsCodeCache")()
    (event,) = kernels.events
    offer(kernels, {event.cache_key: event.content})
    asked(cache="CppPythonBindingsCodeCache")()
    assert len(kernels.faults) == 1
    assert not [name for name in sys.modules if event.cache_key in name]
    assert not [name for name in CppPythonBindingsCodeCache._loaded_module_names if event.cache_key in name]


@pytest.mark.torch
@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"},
        {"cache": "CppPythonBindingsCodeCache"},
        {"device_type": "cpu:0"},
        {"extra_flags": ("-O2",)},
        {"optimized_code": "kernel", "kernel_needs_vec_isa": False},
        {"kernel_needs_vec_isa": False},
    ],
)
def test_the_key_covers_what_torch_asks_for(change):
    assert key_of(**change) != key_of()


@pytest.mark.torch
def test_the_key_covers_what_changes_the_binary(monkeypatch, unprobed):
    from torch._inductor import config

    from megacache.compiler import kernel_source

    keys = {key_of()}
    for option in ("cpp.march", "cpp.enable_floating_point_contract_flag", "aot_inductor.debug_compile"):
        with config.patch({option: "fast"}):
            keys.add(key_of())
    with monkeypatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_DEBUG_COMPILE", "1")
        keys.add(key_of())
    for isa in (unprobed.VecAVX2(), unprobed.VecAVX512(), unprobed.invalid_vec_isa):
        with monkeypatch.context() as patch:
            patch.setattr(unprobed, "pick_vec_isa", lambda isa=isa: isa)
            keys.add(key_of(needs_vec_isa=None))
    monkeypatch.setattr(kernel_source, "cpu_instructions", lambda: "avx2 fma")
    keys.add(key_of())
    assert len(keys) == 9


@pytest.mark.torch
def test_the_key_does_not_depend_on_the_place_or_the_compiler(monkeypatch, tmp_path):
    from torch._inductor import config

    key = key_of()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with config.patch({"cpp.cxx": (None, "clang++")}):
        assert key_of() == key


@pytest.mark.torch
def test_detach_leaves_torch_exactly_as_it_was(kernels, torch_loads, unprobed, monkeypatch):
    from torch._inductor import codecache

    monkeypatch.setattr(codecache.CppCodeCache, "_load_library", classmethod(lambda *_: object()))
    owners = (codecache, codecache.CppCodeCache, codecache.CppPythonBindingsCodeCache, unprobed)
    before = [dict(vars(owner)) for owner in owners]
    cached = dict(codecache.CppCodeCache.cache)
    kernels.attach()
    kernels.attach()
    key, content = recorded_content(kernels)
    offer(kernels, {key: content})
    offer(kernels)
    late = asked("late")
    asked()
    assert [dict(vars(owner)) == names for owner, names in zip(owners, before, strict=True)] == [
        True,
        False,
        True,
        False,
    ]
    kernels.detach()
    assert [dict(vars(owner)) for owner in owners] == before
    assert codecache.CppCodeCache.cache == cached
    kernels.events.clear()
    late()
    assert kernels.events == []


@pytest.mark.torch
def test_after_a_second_attach_the_offers_hold(kernels, torch_loads, unprobed, monkeypatch):
    from torch._inductor.codecache import CppCodeCache

    monkeypatch.setattr(CppCodeCache, "_load_library", classmethod(lambda *_: "served"))
    kernels.attach()
    key, content = recorded_content(kernels)
    kernels.detach()
    offer(kernels, {key: content})
    offer(kernels)
    assert unprobed.valid_vec_isa_list.cache_info().currsize == 0
    kernels.attach()
    assert asked()() == "served"
    assert unprobed.valid_vec_isa_list.cache_info().currsize == 1


# -- the answer to the search for an ISA


@pytest.mark.torch
@pytest.mark.parametrize("capability", [None, "avx2", "avx512", "default"])
@pytest.mark.parametrize("simdlen", [None, 256, 512, 1])
def test_the_answer_honours_what_torch_honours(kernels, unprobed, monkeypatch, capability, simdlen):
    from torch._inductor import config

    from megacache.compiler.system import isa_name, pick_isa, supported_isas

    if capability:
        monkeypatch.setenv("ATEN_CPU_CAPABILITY", capability)
    with config.patch({"cpp.simdlen": simdlen}):
        kernels.attach()
        offer(kernels)
        picked = unprobed.pick_vec_isa()
        assert isa_name(picked) == isa_name(pick_isa(supported_isas()))
        assert bool(picked) == (isa_name(picked) != "scalar")


@pytest.mark.torch
@pytest.mark.parametrize("recorded", ["another", None])
def test_with_another_isa_torch_looks_itself(kernels, unprobed, recorded):
    torchs = unprobed.valid_vec_isa_list
    kernels.attach()
    offer(kernels, cpu_isa=recorded)
    assert unprobed.valid_vec_isa_list is torchs


@pytest.mark.torch
def test_without_proof_or_after_its_own_search_torch_keeps_its_answer(kernels, unprobed, monkeypatch):
    torchs = functools.cache(list)
    monkeypatch.setattr(unprobed, "valid_vec_isa_list", torchs)
    kernels.attach()
    offer(kernels, {})
    offer(kernels, {"damaged": b"", "scalar": encode({"isa": "none"}, b""), "other": encode({"isa": "avx9"}, b"")})
    assert unprobed.valid_vec_isa_list is torchs
    assert kernels.faults == []
    torchs()
    offer(kernels)
    assert unprobed.valid_vec_isa_list is torchs


@pytest.mark.torch
def test_a_compiler_that_knows_less_than_the_cpu_is_torchs_business(unprobed):
    from megacache.compiler.vector_isas import unprobed_isa_list

    assert unprobed_isa_list("less") is None


@pytest.mark.torch
@pytest.mark.parametrize("has_leave", [True, False])
def test_tiles_are_only_used_with_leave_of_linux(unprobed, monkeypatch, has_leave):
    import torch

    from megacache.compiler.vector_isas import _unprobed_isas

    for name in ("amx_tile", "avx512", "vnni", "avx512_bf16"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_init_amx", lambda: has_leave)
    # As before any probe: one that compiled in this process may have found it.
    monkeypatch.setattr(unprobed.supported_vec_isa_list[0], "_is_avx512_bf16_supported", False)
    isas = _unprobed_isas()
    assert (str(isas[0]) == "avx512 avx512_vnni amx_tile") is has_leave
    assert isinstance(isas[0], unprobed.VecAVX512VNNI)
    assert not unprobed.supported_vec_isa_list[0]._is_avx512_bf16_supported


@pytest.mark.torch
def test_without_vectors_by_option_there_is_no_isa(unprobed):
    from torch._inductor import config

    from megacache.compiler.vector_isas import _unprobed_isas

    with config.patch({"cpp.vec_isa_ok": False}):
        assert _unprobed_isas() == []


# -- the content, without torch


HEADER = {"isa": "avx2", "machine": "x86_64"}


def test_content_comes_back_as_it_went_in():
    content = encode(HEADER, b"a\nlibrary")
    assert library_of(content) == b"a\nlibrary"
    header = header_of(content)
    assert header["isa"] == "avx2"
    assert (header["format"], header["library_size_bytes"]) == (1, 9)
    assert content == encode(dict(reversed(HEADER.items())), b"a\nlibrary")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it has no header line"),
        (b"{}", "it has no header line"),
        (b"\x7fELF" + b"\0" * 100_000 + b"\n", "it has no header line"),
        (b"\x7fELF\n", "its header is not JSON"),
        (b"[" * 50_000 + b"\n", "its header is not JSON"),
        (b"\xff\xfe\n", "its header is not JSON"),
        (b"[1]\nlibrary", "its header is not a JSON object"),
        (b"{}\nlibrary", "its format is None, this megacache reads 1"),
        (b'{"format": 2}\nlibrary', "its format is 2, this megacache reads 1"),
    ],
)
def test_what_is_no_kernel_is_refused(content, problem):
    for read in (header_of, library_of):
        with pytest.raises(CorruptBundleError, match=problem) as caught:
            read(content)
        assert caught.value.problems == (problem,)


def test_a_cut_or_flipped_library_is_refused_and_its_header_still_read():
    content = encode(HEADER, b"library")
    for damaged, problem in (
        (content[:-1], "its library has 6 bytes, not 7"),
        (content + b"y", "its library has 8 bytes, not 7"),
        (content[:-1] + b"Y", "its library does not have its hash"),
    ):
        assert header_of(damaged)["isa"] == "avx2"
        with pytest.raises(CorruptBundleError, match=problem):
            library_of(damaged)


def test_every_cut_and_every_flipped_bit_is_an_error_of_ours_or_harmless():
    content = encode(HEADER, b"library")
    for size in range(len(content)):
        with pytest.raises(CorruptBundleError):
            library_of(content[:size])
    for at in range(len(content)):
        damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with suppress(CorruptBundleError):
            assert library_of(damaged) == b"library"
