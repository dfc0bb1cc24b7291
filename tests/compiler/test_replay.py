"""Torch's guards, built anew for a live frame: equal texts for equal frames, and for nothing else."""

import collections
import dataclasses
import enum
import functools
import json
import types
from typing import NamedTuple

import pytest

from megacache.compiler.guarded_code import body_of, facts_of

pytestmark = pytest.mark.torch

TEXT = """
import torch

def f(x, it):
    return USE
"""


class Kind(enum.Enum):
    SOFT = 1
    HARD = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Count(int):
    pass


class Name(str):
    __slots__ = ()


class Pair(NamedTuple):
    a: int
    b: int


@dataclasses.dataclass(frozen=True)
class Frozen:
    n: int = 1


@dataclasses.dataclass
class Plain:
    n: object = 1


def one(x):
    return x @ x


def other(x):
    return x @ x.T


@pytest.fixture
def proofs(machine, define):
    """Return the proofs of a function that uses an object in some way, or the reason why there are none."""
    import torch

    def of(use, it):
        module = define(TEXT.replace("USE", use), "replayed", Kind=Kind, Frozen=Frozen)
        machine.shelf = type(machine.shelf)()
        with torch.no_grad():
            heard = machine.run(lambda: torch.compile(module.f)(torch.eye(2), it))
        assert heard.faults == []
        return tuple(facts_of(event.content).proofs for event in heard.kept) or tuple(heard.reasons)

    return of


USES = {
    "numbers": ("str(it)", [1, True, 1.0, 2, 0, False, -1, 2**70, 0.0, -0.0, float("inf"), None, "1", 1j]),
    "texts": ("1 if it == 'q' else 2", ["", "a", "b", "a\nb", "a\\nb", "\u2028", "\udc80", "12", "é"]),
    "named numbers": ("it * 2", [1, True, Level.LOW, Level.HIGH, Count(1), Count(2)]),
    "named texts": ("1 if it == 'q' else 2", ["a", Name("a"), Name("b")]),
    "enums": ("it is Kind.SOFT", [Kind.SOFT, Kind.HARD, Level.LOW, 1]),
    "sequences": ("[each for each in it]", [(1, 2), [1, 2], (1, True), (1.0, 2), (2, 1), Pair(1, 2), range(1, 3)]),
    "dicts": (
        "list(it.items())",
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}, {"a": 1, "b": True}, collections.OrderedDict(a=1, b=2), {1: 1}],
    ),
    "keys": ("list(it.items())", [{1: 0}, {True: 0}, {1.0: 0}, {"1": 0}, {(1,): 0}, {(True,): 0}, {Kind.SOFT: 0}]),
    "sets": ("1 in it", [{1}, {1, 2}, {2}, frozenset({1}), {True, 2}, {1.0, 2}]),
    "objects": ("str(it.n)", [Plain(1), Plain(2), Plain(True), Plain(None), Plain("1"), Frozen(1), Frozen(2)]),
}


@pytest.mark.parametrize("what", USES)
def test_other_values_have_other_proofs_and_the_same_have_the_same(proofs, what):
    use, values = USES[what]
    told = [proofs(f"(x @ x, {use})", value) for value in values]
    assert [(values[a], values[b]) for a in range(len(told)) for b in range(a) if told[a] == told[b]] == []
    assert proofs(f"(x @ x, {use})", values[0]) == told[0]


def test_tensors_are_told_by_all_that_a_graph_depends_on(proofs):
    import torch

    base = torch.ones(2, 2)
    marked = base.clone()
    torch._dynamo.maybe_mark_dynamic(marked, 0)
    tensors = [
        base,
        base.double(),
        base.clone().requires_grad_(),
        torch.nn.Parameter(base.clone(), requires_grad=False),
        base.expand(1, 2, 2),
        torch.ones(2, 4)[:, ::2],
        torch.ones(2, 1),
        base.to(torch.complex64),
        marked,
    ]
    assert len({proofs("x @ x, it.view(it.shape)", each) for each in tensors}) == len(tensors)


def test_functions_are_told_by_what_they_do_and_hold(proofs):
    def make(n):
        return lambda x: x @ x if n else x

    told = [proofs("it(x)", each) for each in (one, other, functools.partial(one), functools.partial(other), make(1))]
    assert len(set(told)) == len(told)
    copy = types.FunctionType(one.__code__.replace(co_firstlineno=99), one.__globals__, one.__name__)
    assert proofs("it(x)", copy) == told[0]


@pytest.mark.parametrize(
    "text",
    ["___check_obj_id(L['it'], 140)", "+- ID_MATCH: ___check_obj_id(L['it'], 140)", "), 140)", "a, 140), type=<class"],
)
def test_text_that_looks_like_a_guard_is_only_text(proofs, text):
    keyed = {text: 1, f"{text}\n| +- TYPE_MATCH: ___check_type_id(L['it'], 7)": 2}
    assert proofs("(x @ x, it[list(it)[0]])", keyed) == proofs("(x @ x, it[list(it)[0]])", dict(keyed))
    assert proofs("(x @ x, 1 if it == 'q' else 2)", text) != proofs("(x @ x, 1 if it == 'q' else 2)", text + " ")


def test_no_address_and_no_made_up_name_is_in_a_proof(proofs):
    """Two processes would not agree on them."""
    for use, it in [("it(x)", one), ("it.n(x)", Plain(one)), ("(x @ x, it)", {"a": [Plain(1)]})]:
        for line in "\n".join(proofs(use, it)[0]).splitlines():
            numbers = [number for number in line.replace("=", " ").replace(")", " ").split() if number.isdigit()]
            assert all(int(number) < 1 << 20 for number in numbers), line
            assert " at 0x" not in line
            assert "__builtins_dict___" not in line


# -- the state


@pytest.fixture
def kept(machine, define):
    """A guarded code with a global, a module and a size among its guards."""
    import torch

    text = "import torch\n\nSCALE = 2\n\ndef f(x):\n    return torch.addmm(x, x, x, alpha=SCALE)\n"
    module = define(text)
    (event,) = machine.run(lambda: torch.compile(module.f)(torch.ones(4, 4))).kept
    return module, facts_of(event.content), body_of(event.content)


def replayed(module, facts, body, x, **scope):
    from megacache.compiler import replay
    from megacache.compiler.guard_state import GuardState

    state = GuardState.load(body.guards)
    scope = {**vars(module), **scope}
    replay.name_in(scope, state)
    return replay.Replay(module.f.__code__, state, {"x": x}, scope)


def test_the_frame_that_guards_are_of_passes_and_others_do_not(kept):
    import torch

    module, facts, body = kept
    live = replayed(module, facts, body, torch.ones(4, 4))
    assert live.proofs == facts.proofs
    assert live.holds({"x": torch.ones(4, 4)})
    larger = replayed(module, facts, body, torch.ones(5, 5))
    assert not larger.holds({"x": torch.ones(5, 5)})
    assert replayed(module, facts, body, torch.ones(4, 4).double()).proofs != facts.proofs
    assert replayed(module, facts, body, torch.ones(4, 4), SCALE=3).proofs != facts.proofs
    assert replayed(module, facts, body, torch.ones(4, 4), SCALE=True).proofs != facts.proofs


def test_the_grad_mode_of_the_moment_is_told(kept):
    import torch

    module, facts, body = kept
    with torch.no_grad():
        assert replayed(module, facts, body, torch.ones(4, 4)).proofs != facts.proofs


@pytest.mark.parametrize("change", ["missing", "another"])
def test_a_frame_without_what_a_guard_reads_is_unprovable(kept, change):
    import torch

    from megacache.compiler.content import UnprovableError

    module, facts, body = kept
    scope = dict(vars(module))
    if change == "missing":
        del scope["torch"]
    else:
        scope["torch"] = object()
    bare = types.SimpleNamespace(f=module.f, **{name: each for name, each in scope.items() if name != "f"})
    with pytest.raises(UnprovableError, match="cannot be made of the live frame"):
        replayed(bare, facts, body, torch.ones(4, 4))


@pytest.mark.parametrize("data", [b"", b"x", b"\x80\x05N.", b"\x80\x05)."])
def test_a_damaged_state_is_unprovable(data):
    from megacache.compiler.content import UnprovableError
    from megacache.compiler.guard_state import GuardState

    with pytest.raises(UnprovableError):
        GuardState.load(data)


def test_a_name_that_stands_for_something_else_is_unprovable_and_is_left_alone(kept):
    from megacache.compiler import replay
    from megacache.compiler.content import UnprovableError
    from megacache.compiler.guard_state import BUILTINS_ALIAS, GuardState

    state = GuardState.load(kept[2].guards)
    scope = {BUILTINS_ALIAS: "the user's"}
    with pytest.raises(UnprovableError, match="stands for something else"):
        replay.name_in(scope, state)
    assert scope == {BUILTINS_ALIAS: "the user's"}


def test_a_module_that_cannot_be_imported_is_unprovable(kept):
    from megacache.compiler import replay
    from megacache.compiler.content import UnprovableError
    from megacache.compiler.guard_state import GuardState

    state = dataclasses.replace(GuardState.load(kept[2].guards), imports={"__import_no": "no_such_module"})
    scope = {}
    with pytest.raises(UnprovableError, match="no_such_module cannot be imported"):
        replay.name_in(scope, state)
    assert scope == {}


def test_names_are_put_there_once(kept):
    from megacache.compiler import replay
    from megacache.compiler.guard_state import GuardState

    state = GuardState.load(kept[2].guards)
    scope = {}
    assert set(replay.name_in(scope, state)) == set(scope)
    assert replay.name_in(scope, state) == []


def test_an_unknown_guard_of_torch_is_unprovable(kept):
    import torch
    from torch._dynamo.guards import GuardBuilder

    from megacache.compiler import replay
    from megacache.compiler.content import UnprovableError
    from megacache.compiler.guard_state import GuardState

    state = GuardState.load(kept[2].guards)
    unknown = dataclasses.replace(state, guards=((state.guards[0][0], GuardBuilder.NN_MODULE), *state.guards))
    with pytest.raises(UnprovableError, match="NN_MODULE cannot be proven"):
        replay.Replay(kept[0].f.__code__, unknown, {"x": torch.ones(4, 4)}, {})


def test_every_check_that_is_known_is_torchs():
    from torch._dynamo.guards import GuardBuilder

    from megacache.compiler.replay import _KNOWN_CHECKS

    assert {name for name in _KNOWN_CHECKS if not hasattr(GuardBuilder, name)} == set()


def test_only_compared_guards_leave_no_trace_on_what_they_pin(kept):
    import gc
    import weakref

    import torch

    module, facts, body = kept
    live = replayed(module, facts, body, torch.ones(4, 4))
    watched = weakref.ref(live)
    del live
    gc.collect()
    assert watched() is None


def test_ordinary_is_without_modes_and_transforms():
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    from megacache.compiler.replay import is_ordinary

    seen = {"plain": is_ordinary()}
    with TorchFunctionMode():
        seen["function mode"] = is_ordinary()
    with TorchDispatchMode():
        seen["dispatch mode"] = is_ordinary()
    with torch.device("meta"):
        seen["device"] = is_ordinary()
    torch.vmap(lambda x: (seen.setdefault("vmap", is_ordinary()), x)[1])(torch.ones(2))
    assert seen == {"plain": True, "function mode": False, "dispatch mode": False, "device": False, "vmap": False}


def test_the_facts_are_json_all_through(kept):
    _, facts, _ = kept
    assert json.loads(json.dumps(dataclasses.asdict(facts)))["proofs"] == list(facts.proofs)
