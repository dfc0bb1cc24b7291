"""Inert pickle: what loading would see is read, and nothing that loading would run is run."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import functools
import io
import json
import pickle
import pickletools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pickle_samples import CALLS, CONTAINERS, MARK, PICKLES, PREFIXES

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.pickle_machine import STEPS, Limits
from megacache.bundle.placeholders import PickledDict, PickledObject, PickledOutside, PickledSet, shown, walk
from megacache.errors import CorruptBundleError, UnreadablePickleError


@pytest.fixture(scope="module")
def outcomes(programs):
    return json.loads(programs.run("inert_pickles"))


def test_the_hook_sees_what_a_real_load_does(outcomes):
    assert any(each.startswith("pickle.find_class") for each in outcomes["seen"])


def test_nothing_is_run_and_nothing_is_written(outcomes):
    done = {**outcomes["pickles"], **outcomes["containers"]}
    assert {name: each["events"] for name, each in done.items() if each["events"]} == {}
    assert MARK not in outcomes["files"]
    assert not outcomes["torch"]


@pytest.mark.parametrize("name", [name for name in PICKLES if name not in PREFIXES])
def test_a_pickle_that_harms_is_read_or_has_one_named_error(outcomes, name):
    sample, found = PICKLES[name], outcomes["pickles"][name]
    assert found["error"] == (None if sample.says is None else "UnreadablePickleError"), found
    assert (sample.says or "") in found["message"]
    assert tuple(found["runs"]) == sample.runs
    assert found["message"].isascii()
    assert len(found["message"]) < 400
    assert len(found["shown"]) <= 201
    assert found["seconds"] < 10


def test_a_pickle_that_is_cut_anywhere_has_one_named_error(outcomes):
    assert {outcomes["pickles"][name]["error"] for name in PREFIXES} == {"UnreadablePickleError"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_harms_has_one_named_error(outcomes, name):
    found = outcomes["containers"][name]
    assert found["error"] in ("CorruptBundleError", "NotABundleError")
    assert found["seconds"] < 1


def test_all_opcodes_of_python_are_known():
    assert set(STEPS) == {each.name for each in pickletools.opcodes}


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    x: int


Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024  what torch pickles has no types either

OBJECTS = [
    Point(1, [Point(2)]),
    Slotted(3),
    Pair(1, "b"),
    Colour.RED,
    collections.OrderedDict(a=1),
    collections.defaultdict(list, {"a": [1]}),
    collections.deque([1, 2]),
    dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    fractions.Fraction(1, 3),
    functools.partial(max, 1, key=len),
    "abc".upper,
    complex(1, 2),
    ValueError("no"),
    range(3),
    {"a": len, "b": Point},
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_callables_are_what_a_real_load_looks_up(value, protocol):
    content = pickle.dumps(value, protocol=protocol)
    looked_up = []

    class Noting(pickle.Unpickler):
        def find_class(self, module, name):
            found = super().find_class(module, name)
            if found not in looked_up:
                looked_up.append(found)
            return found

    Noting(io.BytesIO(content)).load()
    read = read_pickle(content)
    assert [resolved(each) for each in read.callables if not each.endswith("(...)")] == looked_up
    assert read.size_bytes == len(content)


def resolved(name):
    """Return what a dotted name stands for, in a module that is imported."""
    module = max((each for each in sys.modules if name.startswith(f"{each}.")), key=len)
    return functools.reduce(getattr, name.removeprefix(f"{module}.").split("."), sys.modules[module])


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(st.characters(codec=None, categories=["Cs"]))
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.frozensets(st.integers() | st.text())
        | st.sets(st.integers())
    ),
)


def thawed(value):
    """Make Python's own values of what was read; recursion is fine for what hypothesis makes."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(thawed, value))
    if isinstance(value, PickledDict):
        return {thawed(key): thawed(each) for key, each in value.pairs}
    if isinstance(value, PickledSet):
        return set(map(thawed, value.members))
    if isinstance(value, PickledObject):
        arguments = thawed(value.arguments)
        makers = {"set": set, "frozenset": frozenset, "bytes": bytes, "_codecs.encode": str.encode}
        return makers[value.name.removeprefix("builtins.")](*arguments)
    return value


@given(PLAIN, st.integers(0, 5))
def test_plain_data_are_read_as_they_were(value, protocol):
    assert thawed(read_pickle(pickle.dumps(value, protocol=protocol)).value) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_have_one_named_error(content):
    try:
        value = read_pickle(content).value
    except UnreadablePickleError:
        return
    assert len(shown(value)) <= 201
    assert list(walk(value))


def test_fields_are_found_wherever_pickle_puts_them():
    for protocol in range(6):
        point, slotted, ordered = (
            read_pickle(pickle.dumps(each, protocol=protocol)).value
            for each in (Point(7), Slotted(7) if protocol > 1 else Point(7), collections.OrderedDict(x=7))
        )
        assert [each.get("x") for each in (point, ordered)] == [7, 7]
        assert slotted.get("x") == 7 or slotted.state == [7]
        assert (point.name, point.get("absent")) == (f"{__name__}.Point", None)


def test_a_second_state_goes_before_the_first():
    made = read_pickle(b"\x80\x02ca\nb\n)R}\x8c\x01xK\x01sb}\x8c\x01xK\x02sb.").value
    assert made.get("x") == 2


def test_buffers_and_persistent_ids_are_named():
    assert shown(read_pickle(b"\x80\x05Pabc\n\x97\x86.").value) == "(<persistent id 'abc'>, <buffer None>)"
    outside = read_pickle(b"\x80\x02]Q.").value
    assert isinstance(outside, PickledOutside)
    assert outside.value == []


def test_shown_is_as_python_writes_it():
    value = {"a": [1, 2.5, None, (True,)], "é": b"x", "set": {3}}
    assert shown(read_pickle(pickle.dumps(value)).value) == repr(value)
    assert shown(read_pickle(b"]q\x00h\x00a.").value) == "[...]"
    assert shown(10**10_000) == f"{hex(10**10_000)[:200]}…"
    made = shown(read_pickle(pickle.dumps(Point(1, "y"))).value)
    assert made == f"{__name__}.Point() with {{'x': 1, 'y': 'y'}}"


def test_walking_visits_what_is_shared_once():
    content = b"\x80\x02)" + b"2\x86" * 1000 + b"."
    assert sum(1 for _ in walk(read_pickle(content).value)) == 1001


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(size_bytes=10), "longer than 10 bytes"),
        (Limits(opcodes=10), "more than 10 opcodes"),
        (Limits(objects=3), "more than 3 objects"),
        (Limits(nesting=1), "have no end"),
        (Limits(memo=3), "under the number 3"),
        (Limits(integer_bytes=8), "integer of more than 8 bytes"),
    ],
)
def test_beyond_a_limit_there_is_a_named_error(limits, says):
    content = pickle.dumps([[{"a": 10**30, "b": 2}], (1, 2)])
    with pytest.raises(UnreadablePickleError, match=says) as caught:
        read_pickle(content, limits)
    assert isinstance(caught.value, CorruptBundleError)


@pytest.mark.parametrize("name", [name for name, each in CALLS.items() if not name.startswith("extension")])
def test_a_real_load_asks_for_the_names_that_are_shown(name):
    """The samples are what they say they are: Python's own reader asks for the first name of `runs`."""

    class Refusing(pickle.Unpickler):
        def find_class(self, module, name):
            raise LookupError(f"{module}.{name}".replace("__builtin__", "builtins").replace("commands", "subprocess"))

    with pytest.raises(LookupError, match=CALLS[name].runs[0]):
        Refusing(io.BytesIO(CALLS[name].data)).load()
