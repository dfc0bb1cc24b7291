"""The options of torch that change what is compiled: each change is seen, whatever the option holds."""

import dataclasses

import pytest

pytestmark = pytest.mark.torch


def digest_with(**options):
    from torch._inductor import config

    from megacache.compiler.options import config_digest

    with config.patch(**options):
        return config_digest()


def test_an_option_changes_the_digest_and_comes_back():
    assert digest_with(epilogue_fusion=False) != digest_with(epilogue_fusion=True) == digest_with()


def test_an_option_that_was_changed_in_place_is_seen():
    """Torch remembers the hash of its options, and hears only of those that are set."""
    from torch._inductor import config

    from megacache.compiler.options import config_digest

    with config.patch(post_grad_fusion_options={"a": {"b": 1}}):
        before = config_digest()
        config.post_grad_fusion_options["a"]["b"] = 2
        assert config_digest() != before


@pytest.mark.parametrize("module", ["torch._dynamo.config", "torch._functorch.config", "torch._inductor.config"])
def test_every_default_can_be_told(module):
    from importlib import import_module

    from megacache.compiler.options import value_facts

    values = import_module(module)._get_dict()
    assert len({repr(value_facts(value, name)) for name, value in values.items()}) > 3


@dataclasses.dataclass
class Pass:
    """A pass as a `CustomGraphPass` is: called with the graph, and telling its version."""

    held: object = None

    def __call__(self, graph):
        return graph

    def uuid(self):
        return VERSION


VERSION = b"1"


def test_what_a_pass_holds_counts_as_far_as_it_can_be_told():
    import threading

    one, other, lock = (digest_with(post_grad_custom_pre_pass=Pass(held)) for held in (1, 2, print))
    assert len({one, other, lock}) == 3
    assert digest_with(post_grad_custom_pre_pass=Pass(2)) == other
    from megacache.compiler.options import value_facts

    assert value_facts(Pass(threading.Lock()), "it") == value_facts(Pass(threading.Lock()), "it")


@pytest.mark.parametrize("answer", ["None", "1 / 0", "object()"])
def test_a_pass_without_a_version_is_unprovable(answer):
    from megacache.compiler.content import UnprovableError

    scope = {"__name__": "m"}
    exec(f"class P:\n    def uuid(self): return {answer}", scope)  # noqa: S102  the text is ours
    with pytest.raises(UnprovableError, match="inductor option `post_grad_custom_pre_pass` cannot be compared"):
        digest_with(post_grad_custom_pre_pass=scope["P"]())


def test_a_pass_in_a_list_counts():
    """Torch leaves the list out of its keys, since what it holds does not pickle."""

    def make(text):
        scope = {"__name__": "m"}
        exec(text, scope)  # noqa: S102  the text is ours
        return [scope["f"], "schedule_comm_wait"]

    texts = ["def f(graph): return graph", "def f(graph): return None", "\n\ndef f(graph): return graph"]
    one, other, moved = (digest_with(_fuse_ddp_communication_passes=make(text)) for text in texts)
    assert one != other
    assert one == moved
    assert digest_with(_fuse_ddp_communication_passes=[]) != digest_with()


def test_options_that_never_matter_are_not_told():
    assert digest_with(compile_threads=3) == digest_with(compile_threads=4)


def test_two_long_texts_that_begin_alike_look_different():
    from torch._inductor import config

    from megacache.compiler.options import live_config

    texts = []
    for end in ("a", "b"):
        with config.patch(post_grad_fusion_options={"a" * 300 + end: {}}):
            texts.append(live_config()["inductor.post_grad_fusion_options"])
    assert texts[0] != texts[1]
    assert {len(text) for text in texts} == {200}


def test_an_edited_decomposition_is_seen(monkeypatch):
    import functools

    import torch
    from torch._inductor.decomposition import decompositions

    from megacache.compiler.options import config_digest

    before = config_digest()
    original = decompositions[torch.ops.aten.addmm.default]

    @functools.wraps(original)
    def mine(*args, **kwargs):
        return original(*args, **kwargs)

    for name in ("torch._decomp", "torchvision.ops", "m"):
        mine.__module__ = name
        monkeypatch.setitem(decompositions, torch.ops.aten.addmm.default, mine)
        assert config_digest() != before
    monkeypatch.setitem(decompositions, torch.ops.aten.addmm.default, original)
    assert config_digest() == before


def test_another_version_of_a_pass_is_another_digest(monkeypatch):
    before = digest_with(post_grad_custom_pre_pass=Pass())
    monkeypatch.setitem(globals(), "VERSION", b"2")
    assert digest_with(post_grad_custom_pre_pass=Pass()) != before


def test_the_end_of_a_long_option_counts():
    first, second = ({"a" * 300: {}, "b": {"value": number}} for number in (1, 2))
    assert digest_with(post_grad_fusion_options=first) != digest_with(post_grad_fusion_options=second)


def test_a_pass_that_is_a_function_is_told_by_what_it_does():
    def make(text):
        scope = {"__name__": "m"}
        exec(text, scope)  # noqa: S102  the text is ours
        return scope["f"]

    texts = ["def f(graph): return graph", "def f(graph): return None", "\n\ndef f(graph): return graph"]
    one, other, moved = (digest_with(post_grad_custom_pre_pass=make(text)) for text in texts)
    assert one != other
    assert one == moved


def test_an_option_without_content_is_unprovable():
    from megacache.compiler.content import UnprovableError

    with pytest.raises(UnprovableError):
        digest_with(post_grad_custom_pre_pass=object())


SWAP = """
import torch
from torch._inductor.custom_graph_pass import CustomGraphPass

class Swap(CustomGraphPass):
    def __call__(self, graph):
        for node in graph.nodes:
            if node.target is torch.ops.aten.mm.default and V == 3:
                node.args = node.args[::-1]

    def uuid(self):
        return "the same"

def f(x, y):
    return x @ y
"""


def test_a_pass_is_served_while_it_is_the_same_and_not_when_only_its_code_was_edited(machine, define):
    import torch

    x = torch.arange(6.0).reshape(2, 3)

    def run(text):
        module = define(text, V=2)
        options = {"post_grad_custom_pre_pass": module.Swap()}
        with torch.no_grad():
            return torch.compile(module.f, options=options)(x, x.T)

    machine.run(lambda: run(SWAP))
    assert machine.run(lambda: run(SWAP)).is_served
    edited = machine.run(lambda: run(SWAP.replace("V == 3", "V == 4")))
    assert not edited.served
    assert "torch.compile was asked for inductor" in edited.reasons[0]
