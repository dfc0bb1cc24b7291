"""A guarded code becomes an artifact once all that it consists of is there, and says why when it never does."""

from dataclasses import replace
from hashlib import sha256

import pytest
from guarded_samples import CODE, FACTS

pytestmark = pytest.mark.torch


@pytest.fixture
def heard():
    return []


@pytest.fixture
def keeper(heard):
    from megacache.compiler.keeping import Keeper

    return Keeper(heard.append)


class Making:
    """A guarded code that is made: with a graph or without, with a forward or without, or refused."""

    def __init__(self, compile_id="0/0", *, has_graph=True, refusal=None, aot_key=None, forward=None):
        self.frame = type("Frame", (), {"compile_id": compile_id})
        self.refusal = refusal
        self._parts = (has_graph, aot_key, forward)

    def finished(self, _code):
        from megacache.compiler.guarded_code import Body, Name
        from megacache.compiler.keeping import Made

        if self.refusal:
            return None
        has_graph, aot_key, forward = self._parts
        names = (Name("g", "backend"),) if has_graph else ()
        facts = replace(FACTS, aot_key=None, aot_sha256=None)
        return Made(self.frame.compile_id, facts, Body(CODE, names, b""), aot_key, forward)


def aot(content=b"graph", *, key="a1", compile_id="0/0"):
    from megacache.compiler.raw_events import ArtifactRecorded

    return ArtifactRecorded(compile_id=compile_id, artifact_type="aot_autograd", cache_key=key, content=content)


def kept(heard):
    from megacache.compiler.guarded_code import facts_of

    events = [event for event in heard if type(event).__name__ == "ArtifactRecorded"]
    return [(event.compile_id, facts_of(event.content).aot_sha256) for event in events]


def reasons(heard):
    return [event.reason for event in heard if type(event).__name__ == "GuardedCodeBypassed"]


GRAPH = sha256(b"graph").hexdigest()


def test_a_guarded_code_with_its_graph_is_kept_at_once(keeper, heard):
    keeper.hear(aot())
    keeper.make(Making(), None)
    keeper.flush()
    assert kept(heard) == [("0/0", GRAPH)]
    assert reasons(heard) == []


def test_one_without_a_graph_needs_none(keeper, heard):
    keeper.make(Making(has_graph=False), None)
    assert kept(heard) == [("0/0", None)]


def test_one_that_waits_for_its_backward_is_kept_when_it_comes(keeper, heard):
    keeper.make(Making(aot_key="a1"), None)
    assert heard == []
    keeper.hear(aot(key="a1"))
    keeper.flush()
    assert kept(heard) == [("0/0", GRAPH)]


def test_the_graph_of_another_key_is_of_an_earlier_compile_of_that_id(keeper, heard):
    keeper.make(Making(aot_key="a1"), None)
    keeper.hear(aot(key="other"))
    assert heard == []
    keeper.hear(aot(key="a1"))
    assert kept(heard) == [("0/0", GRAPH)]


def test_one_whose_backward_never_came_is_kept_with_its_forward_once(keeper, heard):
    keeper.make(Making(aot_key="a1", forward=b"forward"), None)
    keeper.flush()
    keeper.flush()
    assert kept(heard) == [("0/0", None)]
    keeper.hear(aot(key="a1"))
    assert kept(heard) == [("0/0", None), ("0/0", GRAPH)]


def test_one_whose_graph_never_came_says_so_once(keeper, heard):
    keeper.make(Making(), None)
    keeper.flush()
    keeper.flush()
    assert kept(heard) == []
    assert reasons(heard) == ["torch kept no AOT entry of its graph"]


def test_two_graphs_of_one_compile_are_not_told_apart(keeper, heard):
    keeper.hear(aot(b"one"))
    keeper.hear(aot(b"two"))
    keeper.hear(aot(b"one"))
    keeper.make(Making(), None)
    assert kept(heard) == []
    assert reasons(heard) == ["its frame was cut into several graphs"]


def test_one_graph_that_is_recorded_twice_is_one(keeper, heard):
    keeper.hear(aot())
    keeper.hear(aot())
    keeper.make(Making(), None)
    assert kept(heard) == [("0/0", GRAPH)]


def test_a_compile_id_that_comes_again_begins_anew(keeper, heard):
    """After `torch._dynamo.reset` the ids begin at 0/0 again."""
    keeper.hear(aot(b"old"))
    keeper.make(Making(aot_key="a2", compile_id="1/0"), None)
    for compile_id in ("0/0", "1/0"):
        keeper.begin(compile_id)
    keeper.hear(aot(key="a2", compile_id="1/0"))
    keeper.hear(aot())
    keeper.make(Making(), None)
    assert kept(heard) == [("0/0", GRAPH)]


def test_what_cannot_be_kept_says_why(keeper, heard):
    keeper.make(Making(refusal="it is raining"), None)
    assert kept(heard) == []
    assert reasons(heard) == ["it is raining"]


def test_other_artifacts_and_those_of_no_compile_are_passed_over(keeper, heard):
    from megacache.compiler.raw_events import ArtifactRecorded

    keeper.hear(ArtifactRecorded(compile_id="0/0", artifact_type="inductor", cache_key="f1", content=b"x"))
    keeper.hear(aot(compile_id=None))
    keeper.make(Making(), None)
    keeper.flush()
    assert kept(heard) == []


BYPASSED = {
    "a tensor is a constant of its graph": (
        "weight = torch.ones(4, 4)\ndef f(x):\n    return x @ torch.nn.Parameter(weight)",
        None,
    ),
    "a random number": ("import random\ndef f(x):\n    return torch.addmm(x, x, x, alpha=random.random())", None),
    "an operator of a library": (
        "library = torch.library.Library('keeping', 'FRAGMENT')\nlibrary.define('it(Tensor x) -> Tensor')\n"
        "library.impl('it', lambda x: x.clone(), 'CompositeExplicitAutograd')\n"
        "torch.library.register_fake('keeping::it', lambda x: torch.empty_like(x))\n"
        "def f(x):\n    return torch.ops.keeping.it(x) @ x",
        "was not made by torch.library.custom_op",
    ),
    "a set of objects": ("class A: pass\nit = {A()}\ndef f(x):\n    return x @ x if A in it else x", None),
    "an object of unknown content": (
        "import threading\nlock = threading.Lock()\ndef f(x):\n    return x @ x if lock is not None else x",
        None,
    ),
}


@pytest.mark.parametrize("what", BYPASSED)
def test_what_has_no_proof_is_bypassed_or_kept_and_right(machine, define, what):
    import torch

    text, reason = BYPASSED[what]
    torch.manual_seed(0)
    x = torch.ones(4, 4)
    module = define("import torch\n" + text)
    first = machine.run(lambda: torch.compile(module.f)(x))
    again = machine.run(lambda: torch.compile(module.f)(x))
    assert first.faults == again.faults == []
    assert first.result.shape == again.result.shape
    if reason:
        assert not first.kept
        assert reason in first.reasons[0]
