"""The callable of one compiled graph, made from stored artifacts and nothing else."""

import pickle

import pytest

from megacache.compiler.guarded_code import facts_of

pytestmark = pytest.mark.torch

TEXT = "import torch\n\ndef f(x, w):\n    return torch.mm(x, w)\n"


@pytest.fixture
def stored(machine, define):
    """The AOT content of a forward and a backward, and all FX contents by key."""
    import torch

    def run():
        given = [torch.eye(3, requires_grad=True), torch.full((3, 3), 2.0, requires_grad=True)]
        torch.compile(define(TEXT).f)(*given).backward(torch.ones(3, 3))

    (event,) = machine.run(run).kept
    facts = facts_of(event.content)
    aot = dict(machine.shelf.contents("aot_autograd", facts.aot_key))[facts.aot_sha256]
    return aot, lambda key: [content for _, content in machine.shelf.contents("inductor", key)]


def test_a_graph_and_its_backward_run_as_they_did(stored):
    import torch

    from megacache.compiler.backends import callable_of

    run = callable_of(*stored, {})
    x, w = torch.eye(3, requires_grad=True), torch.full((3, 3), 2.0, requires_grad=True)
    (out,) = run(x, w)
    out.backward(torch.ones(3, 3))
    assert out.equal(x @ w)
    assert x.grad.equal(torch.ones(3, 3) @ w.T)
    assert w.grad.equal(x.T @ torch.ones(3, 3))


def test_a_missing_graph_is_unprovable(stored):
    from megacache.compiler.backends import callable_of
    from megacache.compiler.content import UnprovableError

    with pytest.raises(UnprovableError, match="is not stored"):
        callable_of(stored[0], lambda _key: [], {})


def test_of_the_graphs_of_one_key_the_one_with_the_same_guards_is_taken(stored):
    from megacache.compiler.backends import callable_of
    from megacache.compiler.content import UnprovableError

    aot, graphs = stored

    def others(key):
        for content in graphs(key):
            graph = pickle.loads(content)  # noqa: S301  it is ours
            graph.guards_expr = "9 <= L['x'].size()[0]"
            yield pickle.dumps(graph)

    with pytest.raises(UnprovableError, match="is not stored"):
        callable_of(aot, others, {})
    assert callable_of(aot, lambda key: [*others(key), *graphs(key)], {})


@pytest.mark.parametrize("content", [None, 1, {"a": "b"}])
def test_another_kind_of_entry_is_unprovable(content):
    from megacache.compiler.backends import callable_of
    from megacache.compiler.content import UnprovableError

    with pytest.raises(UnprovableError, match="which is not known"):
        callable_of(pickle.dumps(content), lambda _key: [], {})


def test_no_key_is_computed_and_nothing_is_looked_up(stored, monkeypatch):
    from torch._functorch._aot_autograd.autograd_cache import AOTAutogradCache
    from torch._inductor.codecache import FxGraphCache

    from megacache.compiler.backends import callable_of

    def fails(*_args, **_kwargs):
        raise AssertionError("a cache was asked")

    for owner, name in [(AOTAutogradCache, "_lookup"), (FxGraphCache, "_lookup_graph"), (FxGraphCache, "prepare_key")]:
        monkeypatch.setattr(owner, name, staticmethod(fails))
    assert callable_of(*stored, {})
