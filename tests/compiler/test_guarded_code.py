"""The stored form of a guarded code: its facts, its body, its key, and what becomes of damage."""

import json
import marshal
import types
from dataclasses import replace

import pytest
from guarded_samples import BODY, CODE, FACTS, code_of

from megacache.compiler import guarded_code
from megacache.compiler.content import UnprovableError
from megacache.compiler.guarded_code import body_of, encode, facts_of, names_in, renamed
from megacache.errors import CorruptBundleError


def test_what_was_encoded_is_read_back():
    content = encode(FACTS, BODY)
    assert facts_of(content) == FACTS
    assert body_of(content) == BODY
    assert body_of(encode(FACTS, replace(BODY, forward=b"forward"))).forward == b"forward"


def test_equal_facts_and_bodies_make_equal_bytes():
    other = replace(FACTS, config=dict(reversed({**FACTS.config, "a": "b"}.items())))
    assert encode(FACTS, BODY) == encode(replace(FACTS), replace(BODY))
    assert encode(other, BODY) == encode(replace(FACTS, config={"a": "b", **FACTS.config}), BODY)


def test_the_first_line_is_json_that_anybody_may_read():
    head = json.loads(encode(FACTS, BODY).partition(b"\n")[0])
    assert head["format"] == guarded_code.FORMAT
    assert head["qualname"] == "f"
    assert head["needs"] == [["inlined", "m:go", "d"]]


@pytest.mark.parametrize("text", ["a\nb", "\r\x0b\x85\u2028", "\udc80", "\x00", '"}\n{"format": 1}', "é\U0001f600"])
def test_any_text_is_read_back(text):
    facts = replace(FACTS, module=text, qualname=text, filename=text, proofs=(text, text), config={text: text})
    assert facts_of(encode(facts, BODY)) == facts
    assert body_of(encode(facts, BODY)) == BODY


@pytest.mark.parametrize("constant", [object(), print, {"a": 1}, [1], types, FACTS])
def test_bytecode_with_a_constant_that_cannot_be_written_is_unprovable(constant):
    code = CODE.replace(co_consts=(*CODE.co_consts, constant))
    if isinstance(constant, (dict, list)):  # marshal writes these
        assert body_of(encode(FACTS, replace(BODY, code=code))).code.co_consts[-1] == constant
        return
    with pytest.raises(UnprovableError, match="constant"):
        encode(FACTS, replace(BODY, code=code))


def test_constants_that_are_equal_stay_what_they_are():
    # Sets of one, since the text of a larger one depends on the hashes of this process.
    sets = (frozenset({1}), frozenset({True}), frozenset({"a"}))
    constants = (1, True, 1.0, 0.0, -0.0, 0, False, 2**70, 1j, None, ..., b"a", "a", (1, (True,)), *sets)
    code = CODE.replace(co_consts=(*CODE.co_consts, *constants))
    found = body_of(encode(FACTS, replace(BODY, code=code))).code.co_consts[-len(constants) :]
    assert [(type(each), repr(each)) for each in found] == [(type(each), repr(each)) for each in constants]


# -- keys

ODD = ["f", "<lambda>", "A.<locals>.f", "a@b", "a-b", "a:b", "@", "-", ":", "", "a-b@c-d", "\udc80", "a\nb"]


@pytest.mark.parametrize("module", ["__main__", "a.b", "a@b-c", ""])
@pytest.mark.parametrize("qualname", ODD)
def test_a_key_leads_to_its_family_and_place_whatever_the_names(module, qualname):
    facts = replace(FACTS, module=module, qualname=qualname)
    family = guarded_code.family_of(module, qualname, facts.digest)
    assert guarded_code.family_in(facts.key) == family
    assert family.rpartition("@")[0] == guarded_code.place_of(module, qualname)


def test_functions_of_other_names_have_other_families():
    pairs = [("a", "b:c"), ("a:b", "c"), ("a", "b"), ("b", "a"), ("a", "a.b"), ("a.a", "b")]
    families = {guarded_code.family_of(*pair, FACTS.digest) for pair in pairs}
    assert len(families) >= len(pairs) - 1  # no module has a colon in its name


def test_the_line_of_a_resume_function_is_not_in_its_key():
    one, other, elsewhere = (
        guarded_code.family_of("m", f"torch_dynamo_resume_in_{name}_at_{line}", FACTS.digest)
        for name, line in [("f", 24), ("f", 7), ("g", 24)]
    )
    assert one == other != elsewhere


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "other"},
        {"config_digest": "other"},
        {"distributed": {}},
        {"distributed": {"rank": "1 of 2"}},
        {"proofs": FACTS.proofs[::-1]},
        {"proofs": FACTS.proofs[:1]},
        {"needs": ()},
        {"needs": (("op", "m:go", "d"),)},
        {"module": "other"},
        {"qualname": "other"},
        {"digest": "f" * 64},
    ],
)
def test_another_variant_has_another_key(change):
    assert replace(FACTS, **change).key != FACTS.key


@pytest.mark.parametrize("change", [{"filename": "moved.py"}, {"first_line": 9}, {"aot_sha256": "x"}])
def test_the_same_variant_has_the_same_key_wherever_it_is(change):
    assert replace(FACTS, **change).key == FACTS.key


# -- damage


def test_content_that_was_cut_is_damaged():
    content = encode(FACTS, BODY)
    head = content.index(b"\n")
    for length in range(len(content)):
        if length < head:
            with pytest.raises(CorruptBundleError):
                facts_of(content[:length])
        with pytest.raises(CorruptBundleError):
            body_of(content[:length])


def test_a_flipped_byte_of_the_facts_is_damage_or_other_facts():
    content = encode(FACTS, BODY)
    for place in range(content.index(b"\n")):
        for bit in (1, 2, 32, 128):
            flipped = bytearray(content)
            flipped[place] ^= bit
            try:
                assert facts_of(bytes(flipped)) != FACTS
            except CorruptBundleError:
                continue


@pytest.mark.parametrize("head", [b"", b"null", b"1", b'"a"', b"[]", b"{}", b"\xff", b'{"format": 2}', b"[" * 99999])
def test_a_head_that_is_no_head_is_damaged(head):
    with pytest.raises(CorruptBundleError):
        facts_of(head + b"\n")


def with_head(**changes):
    head, _, tail = encode(FACTS, BODY).partition(b"\n")
    changed = {**json.loads(head), **changes}
    return json.dumps({name: each for name, each in changed.items() if each is not ...}).encode() + b"\n" + tail


@pytest.mark.parametrize("version", [0, 1, 3, "2", None, 2.0, True, [2]])
def test_another_format_is_never_read(version):
    with pytest.raises(CorruptBundleError, match="another format"):
        facts_of(with_head(format=version))


@pytest.mark.parametrize("name", ["format", "module", "digest", "proofs", "needs", "config", "aot_key"])
def test_a_missing_fact_is_damage(name):
    with pytest.raises(CorruptBundleError):
        facts_of(with_head(**{name: ...}))


def test_an_unknown_fact_is_never_passed_over():
    with pytest.raises(CorruptBundleError):
        facts_of(with_head(demands="something that this version does not check"))


WRONG = {
    "module": [None, 1, ["m"]],
    "first_line": [None, "1", True, 1.0],
    "config": [None, [], "a", {"a": 1}, {"a": None}],
    "distributed": [None, {"rank": 0}],
    "config_digest": [None],
    "proofs": [None, "ab", {"a": "b"}, [1], [None], [["a"]]],
    "needs": [None, "abc", [["inlined"]], ["abc"], [["a", "b", 1]], [["a", "b", "c", "d"]], {"abc": 1}],
    "aot_key": [1, ["a"], False],
    "aot_sha256": [1],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_fact_of_another_type_is_damage(name, value):
    with pytest.raises(CorruptBundleError, match="damaged"):
        facts_of(with_head(**{name: value}))


@pytest.mark.parametrize("name", ["aot_key", "aot_sha256"])
def test_only_the_graph_may_be_none(name):
    assert getattr(facts_of(with_head(**{name: None})), name) is None


NAMES = (("g", "backend", "", None),)


@pytest.mark.parametrize(
    "body",
    [
        None,
        (),
        (CODE, NAMES, b""),
        (CODE, NAMES, b"", None, None),
        ("code", NAMES, b"", None),
        (CODE, None, b"", None),
        (CODE, (("g", "backend"),), b"", None),
        (CODE, (("g", "a kind that is not known", "", None),), b"", None),
        (CODE, (("g", ["backend"], "", None),), b"", None),
        (CODE, ((1, "backend", "", None),), b"", None),
        (CODE, (("g", "resume", "m", "code"),), b"", None),
        (CODE, NAMES, "guards", None),
        (CODE, NAMES, b"", 0),
        (CODE, NAMES, b"", "forward"),
    ],
)
def test_a_body_of_another_shape_is_damage(body):
    with pytest.raises(CorruptBundleError, match="damaged"):
        body_of(b"{}\n" + marshal.dumps(body))


@pytest.mark.parametrize(
    "tail", [b"", b"?", b"[\xff\xff\xff\x7f", b"s\xff\xff\xff\xff", b"(" + b"\xff" * 4, b"\xe3" * 99]
)
def test_what_cannot_be_unmarshalled_is_damage(tail):
    with pytest.raises(CorruptBundleError, match="damaged"):
        body_of(b"{}\n" + tail)


# -- names


def test_names_are_found_and_replaced_in_a_code_and_those_inside_it():
    assert list(names_in(CODE)) == ["go", "inner"]
    other = renamed(CODE, {"go": "went"})
    assert list(names_in(other)) == ["went", "inner"]
    assert renamed(other, {"went": "go"}) == CODE
    function = types.FunctionType(other, {"went": lambda *each: len(each), "inner": 1})
    assert function(5) == 3


def test_names_may_be_swapped():
    code = code_of("def f(): return a, b")
    assert types.FunctionType(renamed(code, {"a": "b", "b": "a"}), {"a": 1, "b": 2})() == (2, 1)
