"""What Dynamo wants compiled, and the circumstances: each difference is named, and what is not ours is left alone."""

from dataclasses import replace

import pytest
from guarded_samples import FACTS, code_of

pytestmark = pytest.mark.torch

CODE = code_of("def f(x):\n    return x")


@pytest.fixture
def frame():
    from megacache.compiler.frames import Circumstances, Frame

    circumstances = Circumstances("inductor {}", {}, {"inductor.epilogue_fusion": "False"}, "c", {"rank": "0 of 2"})
    return Frame(CODE, {"__name__": "m"}, {"x": 1}, "0/0", circumstances)


@pytest.fixture
def facts(frame):
    """Facts that hold for the frame."""
    return replace(FACTS, digest=frame.place.digest)


def refusal(frame, facts):
    from megacache.compiler.content import UnprovableError

    with pytest.raises(UnprovableError) as caught:
        frame.check(facts)
    return str(caught.value)


def test_a_place_is_module_name_and_content(frame):
    place = frame.place
    assert (place.module, place.qualname, place.filename, place.first_line) == ("m", "f", "here.py", 1)
    moved = replace(frame, code=CODE.replace(co_firstlineno=9, co_filename="moved.py"))
    assert moved.place.family == place.family == f"m:f@{place.digest[:16]}"
    edited = replace(frame, code=code_of("def f(x):\n    return -x"))
    assert edited.place.family != place.family


@pytest.mark.parametrize("name", [None, 1, "", "a@b"])
def test_a_module_of_any_name_has_a_place(frame, name):
    assert replace(frame, global_scope={"__name__": name}).place.module == str(name)
    assert replace(frame, global_scope={}).place.module == "None"


def test_facts_that_hold_pass(frame, facts):
    frame.check(facts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": "f" * 64}, "`f` changed since it was compiled"),
        ({"module": "other"}, "`f` changed since it was compiled"),
        ({"backend": "inductor {'a': 'b'}"}, "torch.compile was asked for inductor {}, it was compiled with inductor"),
        ({"config": {}}, "inductor option `epilogue_fusion` is False now, was True"),
        (
            {"config": {"inductor.epilogue_fusion": "False", "dynamo.a.b": "1"}},
            "dynamo option `a.b` is not there now, was 1",
        ),
        ({"config_digest": "other"}, "an option of torch that holds an object or that the environment sets"),
        ({"distributed": {"rank": "1 of 4"}}, "rank is 0 of 2 now, was 1 of 4"),
        ({"distributed": {}}, "rank is 0 of 2 now, was absent"),
    ],
)
def test_what_is_another_thing_now_is_named(frame, facts, change, reason):
    assert reason in refusal(frame, replace(facts, **change))


def test_two_digests_that_begin_alike_are_two(frame, facts):
    """A key holds the beginning of the digest alone."""
    other = facts.digest[:16] + facts.digest[16:][::-1]
    assert refusal(frame, replace(facts, digest=other)) == "`f` changed since it was compiled"


# -- the circumstances


def backend_name(*, hooks=None, is_whole_graph=False, **options):
    import torch

    from megacache.compiler.frames import _backend_name

    wrapper = torch._TorchCompileInductorWrapper(None, options, None)
    return _backend_name(wrapper, is_whole_graph=is_whole_graph, hooks=hooks)


def test_a_backend_is_told_with_its_options():
    names = {
        backend_name(),
        backend_name(is_whole_graph=True),
        backend_name(epilogue_fusion=False),
        backend_name(epilogue_fusion=True),
        backend_name(max_autotune=True),
    }
    assert len(names) == 5
    assert backend_name(max_autotune=True, epilogue_fusion=True) == backend_name(
        epilogue_fusion=True, max_autotune=True
    )


def test_an_option_that_holds_more_than_a_number_is_told_by_what_it_holds():
    names = {
        backend_name(post_grad_fusion_options=value)
        for value in [{"a": 1}, {"a": 2}, {"a": "1"}, {"a": True}, {"a": [1]}, {"a": (1,)}]
    }
    assert len(names) == 6
    assert backend_name(post_grad_fusion_options={"a": {"b"}}) == backend_name(post_grad_fusion_options={"a": {"b"}})


def test_a_filter_of_guards_is_told_by_what_it_does():
    from types import SimpleNamespace

    def name(text, **values):
        scope = {"__name__": "m", **values}
        exec(text, scope)  # noqa: S102  the text is ours
        return backend_name(hooks=SimpleNamespace(guard_filter_fn=scope["f"]))

    text = "def f(entries): return [entry.name == WANTED for entry in entries]"
    assert name(text, WANTED="a") == name(text, WANTED="a")
    assert len({name(text, WANTED="a"), name(text, WANTED="b"), name(text.replace("==", "!="), WANTED="a")}) == 3


def test_what_no_other_process_could_compare_is_neither_kept_nor_served_and_says_why(machine, define):
    """The options are told before the frame is traced."""
    import torch
    from torch._inductor.custom_graph_pass import CustomGraphPass

    class Nothing(CustomGraphPass):
        def __call__(self, graph):
            pass

        def uuid(self):
            return None

    def run(options):
        text = "import torch\n\ndef f(x):\n    return torch.addmm(x, x, x, alpha=2)\n"
        return torch.compile(define(text).f, options=options)(torch.ones(2, 2))

    machine.run(lambda: run({}))
    heard = machine.run(lambda: run({"post_grad_custom_pre_pass": Nothing()}))
    assert heard.kept == heard.served == heard.faults == []
    reason = "option `post_grad_custom_pre_pass` cannot be compared: its uuid() is None, which asks not to be kept"
    assert heard.reasons == [reason, reason]  # of the miss, and of what was made


def test_a_frame_is_ours_only_as_dynamo_makes_it_for_inductor(machine, define):
    """The places of the arguments of torch's `_compile` are what `frame_of` relies on."""
    import torch

    seen = []
    text = "import torch\n\ndef f(x):\n    return x @ x\n"
    from megacache.compiler import precompile

    frame_of = precompile.frame_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precompile, "frame_of", lambda *each: seen.append(frame_of(*each)) or seen[-1])
        machine.run(lambda: torch.compile(define(text).f, options={"epilogue_fusion": False})(torch.ones(2, 2)))
        machine.run(lambda: torch.compile(define(text).f, fullgraph=True, dynamic=False)(torch.ones(2, 2)))
        machine.run(lambda: torch.compile(define(text).f, backend="eager")(torch.ones(2, 2)))
        machine.run(lambda: torch._dynamo.export(define(text).f)(torch.ones(2, 2)))
    ours = [frame for frame in seen if frame is not None]
    names = [frame.circumstances.backend for frame in ours]
    assert len(names) == 2
    assert "'epilogue_fusion': 'False'" in names[0]
    assert "fullgraph=False" in names[0]
    assert "fullgraph=True" in names[1]
    assert "dynamic=False" in names[1]
