"""Entries: whatever an artifact holds, reading it gives something to show or one reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_pickles import Function, aot, graph, guard, guards_state, pickled, precompile, profile

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import PickledDict, PickledName, PickledObject, PickledOutside, PickledSet
from megacache.bundle.torch_artifacts.entries import read_entry
from megacache.bundle.torch_artifacts.graphs import aot_entry_of, graph_of
from megacache.bundle.torch_artifacts.guards import guard_state_of
from megacache.bundle.torch_artifacts.precompile import precompile_entry_of
from megacache.bundle.torch_artifacts.profile import profile_of
from megacache.bundle.torch_artifacts.rows import TorchRows
from megacache.bundle.torch_format import TorchArtifact
from megacache.recording import Recording

KINDS = ("inductor", "aot_autograd", "precompile", "pgo", "autotune")

STEP = Function("step", 8, [(("__compiled_fn_1_a",), guards_state(guard("GRAD_MODE"), shapes=("2 <= x",)))])
WHOLE = {
    "inductor": graph("fone"),
    "aot_autograd": aot(graph("fone"), graph("ftwo"), "__compiled_fn_1_a"),
    "precompile": precompile(STEP, backends={"__compiled_fn_1_a": aot(graph("fone"))}),
    "pgo": profile(x=(3, None)),
}


def rows(*artifacts: TorchArtifact) -> Recording:
    return TorchRows(artifacts, ["0" * 64] * len(artifacts), "origin", 1).recording()[0]


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("other", WHOLE)
def test_only_what_the_type_says_is_shown(kind, other):
    entry = read_entry(TorchArtifact(kind, "k", pickled(WHOLE[other])))
    if kind == other:
        assert (entry.detail, entry.reason) == (None, None)
        assert entry.content is not None
    else:
        assert entry.detail == "unreadable"
        assert "not what torch keeps as" in entry.reason


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.just('  File "a.py", line 1, in f\n')
    | st.just("__compiled_fn_1_a")
    | st.builds(PickledName, st.sampled_from(["torch._dynamo.guards.GuardBuilder.TENSOR_MATCH", "os.system", ""]))
)
FIELDS = (
    *("_fx_graph_cache_key", "_fx_graph_cache_debug_lines", "source_code", "fx_kwargs", "cache_linemap", "is_backward"),
    *("compiled_fw", "compiled_bw", "result", "fx_graph_cache_info", "sanitized_aot_config", "aot_forward_graph_str"),
    *("aot_autograd_arg_pos_to_source", "dynamo", "backends", "codes", "source_info", "system_info", "inlined_sources"),
    *("python_code", "guarded_codes", "dynamo_code", "co_names", "co_consts", "co_qualname", "co_firstlineno"),
    *("function_names", "module", "firstlineno", "lastlineno", "content", "torch_version", "automatic_dynamic", "size"),
    *("output_graph", "_guards", "inner", "create_fn", "originating_source", "code_list", "shape_code_parts", "scalar"),
    *("verbose_code_parts", "input_source_to_sizes_strides", "stride", "value", "excluded_sizes", "bypassed"),
)
NAMES = (
    *("x.CompiledFxGraph", "x.AOTAutogradResult", "x.BundledAOTAutogradResult", "collections.defaultdict", "x.Guard"),
    *("x.LocalSource", "x.AttrSource", "x.TensorPropertySource", "x.DictGetItemSource", "x.{0.__class__}Source"),
    "functools.partial",
)


def nested(inner: st.SearchStrategy) -> st.SearchStrategy:
    pairs = st.lists(st.tuples(st.sampled_from(FIELDS) | inner, inner), max_size=12)
    mappings = st.builds(PickledDict, pairs)
    some = st.lists(inner, max_size=4)
    return (
        some
        | some.map(tuple)
        | mappings
        | st.builds(PickledSet, some)
        | st.builds(PickledOutside, st.just("buffer"), inner)
        | st.builds(
            PickledObject,
            st.builds(PickledName, st.sampled_from(NAMES)) | inner,
            some.map(tuple) | inner,
            st.none(),
            mappings | inner | st.tuples(st.none(), mappings, mappings),
            some,
            mappings,
        )
    )


ANYTHING = st.recursive(LEAVES, nested, max_leaves=40)


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_anything_in_any_place_is_read(value):
    for reader in (graph_of, aot_entry_of, precompile_entry_of, profile_of):
        for name in (None, "x.CompiledFxGraph", "x.AOTAutogradResult", "collections.defaultdict"):
            made = value if name is None else PickledObject(PickledName(name), (), None, value, [], PickledDict())
            reader(made)


@pytest.mark.parametrize("kind", WHOLE)
def test_every_field_may_be_anything(kind):
    """Each byte of a whole artifact is replaced in turn: it is read, or has one reason, and rows can be made of it."""
    content = pickled(WHOLE[kind])
    for index in range(0, len(content), 7):
        for byte in (b"N", b"0", b"]", b"\xff"):
            changed = content[:index] + byte + content[index + 1 :]
            found = rows(TorchArtifact(kind, "k", changed))
            assert found.artifact_uses


def test_one_text_in_many_places_is_shown_once_and_not_a_thousand_times():
    """A container of 100 kB must not become rows of 100 GB."""
    source = "#" * 100_000 + "\n"
    made = precompile(*(Function(f"f{number}", 4, [((), guards_state())]) for number in range(300)))
    inlined = made.state["dynamo"].state["source_info"].state["inlined_sources"]
    for each in inlined:
        each.state["content"] = source * 5
    found = rows(TorchArtifact("precompile", "k", pickled(made)))
    assert sum(len(code.source or "") for code in found.codes) <= 32 << 20


def test_many_references_to_one_line_are_joined_up_to_a_length():
    line = b"X" + (1 << 20).to_bytes(4, "little") + b"x" * (1 << 20)
    lines = b"(" + line + b"q\x01" + b"h\x01" * 100_000 + b"l"
    fields = b"}(X\x1b\x00\x00\x00_fx_graph_cache_debug_lines" + lines + b"u"
    content = b"\x80\x02ctorch._inductor.output_code\nCompiledFxGraph\n)\x81" + fields + b"b."
    found = graph_of(read_pickle(content).value)
    assert len(found.components) <= 4 << 20


def test_guards_that_many_variants_share_are_read_once(monkeypatch):
    read = []
    monkeypatch.setattr(
        "megacache.bundle.torch_artifacts.precompile.guard_state_of",
        lambda content: read.append(content) or guard_state_of(content),
    )
    state = b"B" + len(STEP.variants[0][1]).to_bytes(4, "little") + STEP.variants[0][1]
    one = b"ctorch._dynamo.package\n_GuardedCodeCacheEntry\n)\x81}(X\x0c\x00\x00\x00guards_state"
    code = b"ctorch._dynamo.package\n_DynamoCodeCacheEntry\n)\x81}(X\x0d\x00\x00\x00guarded_codes("
    variants = one + state + b"q\x01ub" + (one + b"h\x01ub") * 50
    dynamo = b"ctorch._dynamo.package\n_DynamoCacheEntry\n)\x81}(X\x05\x00\x00\x00codes(" + code + variants + b"lublub"
    content = b"\x80\x02cx\nPrecompileCacheEntry\n)\x81}(X\x06\x00\x00\x00dynamo" + dynamo + b"ub."
    entry = precompile_entry_of(read_pickle(content).value)
    assert len(entry.codes[0].guarded_codes) == 51
    assert len(read) == 1


def test_one_long_text_in_a_thousand_graphs_is_not_copied_a_thousand_times():
    """1 MB of pickle names one text as the code of 1,000 graphs; as rows it stays within some times its size."""
    code = ("é" * (1 << 20)).encode()
    graphs = b"".join(
        b"X\x04\x00\x00\x00%04d" % number
        + b"cx\nArtifact\n)\x81}(X\x07\x00\x00\x00content"
        + b"cx\nBundledAOTAutogradResult\n)\x81}(X\x0b\x00\x00\x00compiled_fw"
        + b"cx\nBundledCompiledForward\n)\x81}(X\x06\x00\x00\x00result"
        + b"cx\nCompiledFxGraph\n)\x81}(X\x0b\x00\x00\x00source_codeh\x01ubububub"
        for number in range(1000)
    )
    text = b"X" + len(code).to_bytes(4, "little") + code + b"q\x010"
    dynamo = b"X\x06\x00\x00\x00dynamocx\nDynamo\n)\x81"
    content = b"\x80\x02" + text + b"cx\nPrecompileCacheEntry\n)\x81}(" + dynamo + b"X\x08\x00\x00\x00backends}("
    entry = read_entry(TorchArtifact("precompile", "k", content + graphs + b"uub."))
    assert len(entry.content.backends) == 1000
    codes = {id(each.forward.source_code): each.forward.source_code for each in entry.content.backends.values()}
    assert sum(len(each or "") for each in codes.values()) < 5 * len(content) + (16 << 20)


def test_what_multiplies_by_references_stays_bounded(monkeypatch):
    """Codes, their variants and the guards of each are each shared by all: the product would be 10**12."""
    monkeypatch.setattr("megacache.bundle.torch_artifacts.rows._MOST_GUARDS", 20_000)
    memo = b"q\x01"
    guard_ = (
        b"ctorch._guards\nGuard\n)\x81}(X\x09\x00\x00\x00code_list](" + b"X\x01\x00\x00\x00x" * 2000 + b"eub" + b"q\x02"
    )
    state = b"\x80\x02cx\nGuardsState\n)\x81}(X\x0c\x00\x00\x00output_graphcx\nG\n)\x81}(X\x07\x00\x00\x00_guards]("
    state += guard_ + b"h\x02" * 20_000 + b"eububu" + b"b."
    state = state.replace(b"eububu", b"eubu")
    variant = (
        b"cx\nV\n)\x81}(X\x0c\x00\x00\x00guards_stateB" + len(state).to_bytes(4, "little") + state + b"ub" + b"q\x03"
    )
    variants = b"](" + variant + b"h\x03" * 20_000 + b"e" + memo
    codes = b"".join(
        b"cx\nC\n)\x81}(X\x0d\x00\x00\x00guarded_codes" + (variants if number == 0 else b"h\x01") + b"ub"
        for number in range(1000)
    )
    content = b"\x80\x02cx\nPrecompileCacheEntry\n)\x81}(X\x06\x00\x00\x00dynamocx\nD\n)\x81}(X\x05\x00\x00\x00codes]("
    content += codes + b"eububub"[:-2] + b"."
    found = rows(TorchArtifact("precompile", "k", content))
    assert len(found.codes) <= 1000
    assert 0 < len(found.compiles) <= 10_000
    assert 0 < len(found.documents) <= 2
