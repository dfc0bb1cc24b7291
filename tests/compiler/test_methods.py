"""The methods of tensors that a graph calls: torch's own, or what the user put in their place."""

import contextlib
import functools

import pytest

pytestmark = pytest.mark.torch


def methods(function):
    import torch

    from megacache.compiler.methods import methods_of

    return list(methods_of(torch.fx.symbolic_trace(function).graph.nodes))


def test_the_methods_that_a_graph_may_run_are_found():
    assert methods(lambda x: x.mm(x).mm(x)) == ["mm"]
    assert methods(lambda x: x @ x) == ["__matmul__", "__rmatmul__"]
    assert methods(lambda x: -x) == ["__neg__"]
    assert methods(lambda x: x.T) == ["T"]
    assert methods(lambda x: x.no_such_method()) == []


def test_an_operator_in_place_falls_back_on_the_plain_one():
    import operator

    import torch

    from megacache.compiler.methods import methods_of

    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    assert methods_of([graph.call_function(operator.iadd, (x, x))]) == ("__iadd__", "__add__")


def test_every_method_of_torch_is_its_own_and_can_be_told():
    import torch

    from megacache.compiler.methods import is_torchs_own, method_digest, methods_of

    names = [name for name in dir(torch.Tensor) if callable(getattr(torch.Tensor, name))]
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    found = methods_of([graph.call_method(name, (x,)) for name in names])
    assert len(found) > 500
    assert [name for name in found if not is_torchs_own(name)] == []
    assert len({method_digest(name) for name in ("mm", "matmul", "split", "norm", "__matmul__")}) == 5


REPLACEMENTS = {
    "a function": "lambda self, other: self + other",
    "a wrapped one": "functools.wraps(torch.Tensor.mm)(lambda self, other: self + other)",
    "another method": "torch.Tensor.matmul",
    "a function of torch": "torch.Tensor.split",
    "a built-in": "len",
    "a partial": "functools.partial(torch.mm, mat2=torch.ones(2, 2))",
    "a static method": "staticmethod(lambda x, y: x + y)",
    "a property": "property(lambda self: self + 1)",
}


@pytest.mark.parametrize("what", REPLACEMENTS)
def test_what_takes_the_place_of_a_method_is_another_thing(monkeypatch, what):
    import torch

    from megacache.compiler.content import UnprovableError
    from megacache.compiler.methods import is_torchs_own, method_digest

    before = method_digest("mm")
    value = eval(REPLACEMENTS[what], {"functools": functools, "torch": torch})  # noqa: S307  the text is ours
    monkeypatch.setattr(torch.Tensor, "mm", value)
    assert not is_torchs_own("mm")
    with contextlib.suppress(UnprovableError):  # then it is not kept
        assert method_digest("mm") != before


def test_what_a_replacement_reads_counts(monkeypatch):
    import torch

    from megacache.compiler.methods import method_digest

    def digest_with(v):
        scope = {"__name__": "m", "V": v}
        exec("def mm(self, other): return self + V", scope)  # noqa: S102  the text is ours
        monkeypatch.setattr(torch.Tensor, "mm", scope["mm"])
        return method_digest("mm")

    assert digest_with(1) == digest_with(1) != digest_with(2)


PATCHED = """
import torch

def f(x):
    return x.mm(x)
"""


def test_torchs_keys_know_a_method_that_was_replaced_and_are_as_they_were_without(monkeypatch):
    import torch

    from megacache.compiler.needs import needs_of_graph

    module = torch.fx.symbolic_trace(lambda x: x.mm(x) @ x)
    assert needs_of_graph(module) == ()
    monkeypatch.setattr(torch.Tensor, "mm", lambda self, other: torch.addmm(self, self, other, alpha=3))
    assert [need[:2] for need in needs_of_graph(module)] == [("method", "mm")]


@pytest.mark.parametrize("name", ["mm", "__matmul__"])
def test_a_method_that_was_replaced_is_compiled_anew(machine, define, monkeypatch, name):
    import torch

    from megacache.compiler.cache_keys import CacheKeys

    text = PATCHED if name == "mm" else PATCHED.replace("x.mm(x)", "x @ x")
    x = torch.eye(4)

    def run():
        with torch.no_grad():
            return torch.compile(define(text).f)(x)

    machine.run(run)
    assert machine.run(run).is_served
    monkeypatch.setattr(torch.Tensor, name, lambda self, other: torch.addmm(self, self, other, alpha=3))
    keys = CacheKeys()
    keys.attach()
    try:
        patched = machine.run(run)
    finally:
        keys.detach()
    assert patched.result.equal(x * 4)
    assert patched.reasons[0] == f"method `{name}` of tensors changed since it was compiled"
