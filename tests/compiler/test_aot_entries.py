"""A graph that torch puts under no key: kept by an entry of our own, and served once its functions are proven."""

import pytest

from megacache.compiler.guarded_code import body_of, facts_of

pytestmark = pytest.mark.torch

ALLOWED = """
import torch

SCALE = V

@torch._dynamo.allow_in_graph
def scaled(x):
    return x * SCALE

def f(x):
    return scaled(x @ x)
"""

AUTOCAST = """
import torch

def f(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x
    return y @ y
"""


@pytest.fixture
def x():
    import torch

    return (torch.arange(16.0).reshape(4, 4) - 3) / 7


def test_a_graph_that_calls_a_function_of_the_users_is_served_while_that_is_the_same(machine, define, x):
    import torch

    first = machine.run(lambda: torch.compile(define(ALLOWED, V=2).f)(x))
    (event,) = first.kept
    assert facts_of(event.content).aot_key is None
    assert body_of(event.content).forward
    assert not [each for each in first.of("ArtifactRecorded") if each.artifact_type == "aot_autograd"]

    again = machine.run(lambda: torch.compile(define(ALLOWED, V=2).f)(x))
    assert again.is_served
    assert again.result.equal(first.result)

    other = machine.run(lambda: torch.compile(define(ALLOWED, V=3).f)(x))
    assert not other.served
    assert other.result.allclose(define(ALLOWED, V=3).f(x))
    assert "`scaled`, which it called, changed since it was compiled" in other.reasons


def test_gradients_flow_through_a_served_autocast(machine, define, x):
    import torch

    def run():
        given = x.clone().requires_grad_()
        out = torch.compile(define(AUTOCAST).f)(given)
        return out.detach(), torch.autograd.grad(out.sum(), given)[0]

    first, again = machine.run(run), machine.run(run)
    assert first.kept
    assert again.served
    assert all(one.equal(other) for one, other in zip(first.result, again.result, strict=True))
    assert first.faults == again.faults == []


def test_inference_under_autocast_is_served(machine, define, x):
    import torch

    first = machine.run(lambda: torch.compile(define(AUTOCAST).f)(x))
    again = machine.run(lambda: torch.compile(define(AUTOCAST).f)(x))
    assert again.is_served
    assert again.result.equal(first.result)
