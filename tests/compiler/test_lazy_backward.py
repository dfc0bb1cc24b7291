"""A forward whose backward has not run yet: kept, served, and lowered where it runs after all."""

import warnings

import pytest

from megacache.compiler.guarded_code import body_of, facts_of

pytestmark = pytest.mark.torch

TEXT = """
import torch

def f(x, w):
    return torch.mm(torch.mm(x, w), w)
"""


@pytest.fixture
def inputs():
    """Make equal inputs anew."""
    import torch

    def make(size=3):
        x = (torch.arange(float(size * size)).reshape(size, size) - 3) / 7
        return x.clone().requires_grad_(), x.t().clone()

    return make


def gradients(out, given):
    import torch

    return torch.autograd.grad(out, given[:1], torch.ones_like(out))


def test_a_forward_that_never_went_back_is_kept_and_its_backward_lowered_by_the_next_run(machine, define, inputs):
    import torch

    module = define(TEXT)
    first = machine.run(lambda: torch.compile(module.f)(*inputs()))
    (event,) = first.kept
    assert facts_of(event.content).aot_key is None
    assert body_of(event.content).forward

    given = inputs()
    again = machine.run(lambda: (out := torch.compile(define(TEXT).f)(*given), gradients(out, given)))
    wanted = gradients(module.f(*(eager := inputs())), eager)
    assert len(again.served) == 1
    assert again.result[0].equal(first.result)
    assert all(torch.allclose(found, each) for found, each in zip(again.result[1], wanted, strict=True))
    assert again.faults == []


def test_a_backward_that_ran_is_kept_with_its_forward(machine, define, inputs):
    import torch

    given = inputs(4)
    first = machine.run(lambda: gradients(torch.compile(define(TEXT).f)(*given), given))
    assert [facts_of(event.content).aot_key is None for event in first.kept] == [False]
    again = machine.run(lambda: gradients(torch.compile(define(TEXT).f)(*given), given))
    assert again.is_served
    assert all(found.equal(each) for found, each in zip(again.result, first.result, strict=True))


def test_a_backward_that_runs_twice_is_lowered_once(machine, define, inputs):
    import torch

    machine.run(lambda: torch.compile(define(TEXT).f)(*inputs(5)))
    given = inputs(5)

    def run():
        out = torch.compile(define(TEXT).f)(*given)
        return [torch.autograd.grad(out, given[:1], torch.ones_like(out), retain_graph=True) for _ in range(2)]

    again = machine.run(run)
    assert len(again.served) == 1
    assert all(one.equal(other) for one, other in zip(*again.result, strict=True))


def test_an_input_that_the_user_still_needs_is_not_written_over(machine, define, inputs):
    """Torch lets a backward reuse the memory of what its forward saved, once it knows that nobody else does."""
    import torch

    text = TEXT.replace("return torch.mm(torch.mm(x, w), w)", "y = torch.mm(x, w)\n    return torch.mm(y, w), y")
    machine.run(lambda: torch.compile(define(text).f)(*inputs(6)))
    given = inputs(6)

    def run():
        out, kept = torch.compile(define(text).f)(*given)
        before = kept.detach().clone()
        gradients(out, given)
        return kept.detach().equal(before)

    again = machine.run(run)
    assert again.served
    assert again.result


def test_a_dynamic_size_is_not_kept_without_its_backward_or_is_right(machine, define, inputs):
    import torch

    def run(sizes):
        f = torch.compile(define(TEXT).f, dynamic=True)
        outs = []
        for size in sizes:
            given = inputs(size)
            outs.append((f(*given), given))
        return outs

    machine.run(lambda: run([7, 8]))
    again = machine.run(lambda: [gradients(out, given) for out, given in run([9, 7])])
    assert again.faults == []
    for size, found in zip([9, 7], again.result, strict=True):
        eager = inputs(size)
        wanted = gradients(define(TEXT).f(*eager), eager)
        assert all(torch.allclose(one, other) for one, other in zip(found, wanted, strict=True))


def lazy(function, *inputs):
    import torch
    from torch._functorch._aot_autograd.aot_autograd_result import SerializedGraphModule

    from megacache.compiler.lazy_backward import LazyBackward

    graph = torch.fx.experimental.proxy_tensor.make_fx(function)(*inputs)
    return LazyBackward(SerializedGraphModule(graph), {})


def test_a_graph_that_inductor_lowers_gives_what_it_says(machine):
    import torch

    x = torch.eye(3) * 2
    made = lazy(lambda a, b: (torch.mm(a, b),), x, x)
    run = made.post_compile(made.load([]), {})
    assert run._boxed_call
    assert run([x, x])[0].equal(x @ x)
    assert machine


def test_a_graph_that_inductor_cannot_lower_runs_as_it_is_with_a_warning(machine, monkeypatch):
    import torch
    from torch._inductor import compile_fx

    def fails(*_args, **_kwargs):
        raise RuntimeError("no")

    monkeypatch.setattr(compile_fx, "compile_fx_inner", fails)
    x = torch.eye(3) * 2
    run = lazy(lambda a, b: (torch.mm(a, b),), x, x).load([])
    with pytest.warns(UserWarning, match="could not be lowered and runs as it is"):
        assert run([x, x])[0].equal(x @ x)
    assert run([x, x])[0].equal(x @ x)
    assert machine


def test_the_warning_does_not_end_the_users_backward(machine, monkeypatch):
    import torch
    from torch._inductor import compile_fx

    def fails(*_args, **_kwargs):
        raise RuntimeError("no")

    monkeypatch.setattr(compile_fx, "compile_fx_inner", fails)
    x = torch.eye(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lazy(lambda a, b: (torch.mm(a, b),), x, x).load([])([x, x])[0].equal(x)
    assert machine
