"""Guarded codes kept in one run and served in the next: what the user's program sees of it, which should be nothing."""

import gc
import logging
import threading
import weakref

import pytest
from made_rows import artifact_of

pytestmark = pytest.mark.torch

MATMUL = """
import torch

def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""


@pytest.fixture
def x():
    import torch

    return (torch.arange(16.0).reshape(4, 4) - 3) / 7


def compiled(function, *arguments):
    """Compile a function and call it, without gradients."""
    import torch

    with torch.no_grad():
        return torch.compile(function)(*arguments)


def test_what_one_run_kept_the_next_one_is_served(machine, define, x):
    first = machine.run(lambda: compiled(define(MATMUL).f, x))
    second = machine.run(lambda: compiled(define(MATMUL).f, x))
    assert [len(first.kept), len(first.served)] == [1, 0]
    assert second.is_served
    assert second.result.equal(first.result)
    assert first.faults == second.faults == []
    types = [(event.artifact_type, event.compile_id) for event in second.of("ArtifactServed")]
    assert sorted(types) == [("aot_autograd", "0/0"), ("guarded_code", "0/0"), ("inductor", "0/0")]


def test_a_function_that_moved_is_served_and_an_edited_one_is_not(machine, define, x):
    machine.run(lambda: compiled(define(MATMUL).f, x))
    moved = machine.run(lambda: compiled(define("# moved\n" * 9 + MATMUL).f, x))
    edited = machine.run(lambda: compiled(define(MATMUL.replace("2", "3")).f, x))
    assert moved.is_served
    assert edited.reasons == ["`f` changed since it was compiled"]
    assert edited.result.equal(define(MATMUL.replace("2", "3")).f(x))


def test_functions_of_one_name_in_two_modules_keep_apart(machine, define, x):
    names = {"one": MATMUL, "other": MATMUL, "edited": MATMUL.replace("2", "3")}

    def run():
        return {name: compiled(define(text, name).f, x) for name, text in names.items()}

    kept = machine.run(run).kept
    again = machine.run(run)
    assert len({event.cache_key for event in kept}) == len(kept) == 3
    assert len(again.served) == 3
    assert not again.result["one"].equal(again.result["edited"])


ODD = """
import torch

f = lambda x: torch.addmm(x, x, x, alpha=2)
f.__code__ = f.__code__.replace(co_qualname=NAME)
"""


@pytest.mark.parametrize("name", ["<lambda>", "a.<locals>.b", "a@b-c:d", "-", "@", ":", "", "é\udc80", "a\nb"])
def test_an_odd_name_is_kept_and_served(machine, define, x, name):
    machine.run(lambda: compiled(define(ODD, NAME=name).f, x))
    assert machine.run(lambda: compiled(define(ODD, NAME=name).f, x)).is_served


def test_both_branches_of_a_lambda_on_one_line_are_told_apart(machine, define, x):
    text = "import torch\nboth = [lambda x: x @ x, lambda x: x @ x.T]\n"

    def run():
        return [compiled(each, x) for each in define(text).both]

    machine.run(run)
    again = machine.run(run)
    assert len(again.served) == 2
    assert again.result[0].equal(x @ x)
    assert again.result[1].equal(x @ x.T)


TEXTS = """
import torch

def f(x, text):
    return torch.addmm(x, x, x, alpha=len(text))
"""


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "\r\x0b\x0c\x1c\x85\u2028\u2029",
        "\n| +- ID_MATCH: ___check_obj_id(L['text'], 140)",
        "+- GuardManager: source=L['x']",
        "é\U0001f600",
        "'\"\\",
        "",
    ],
)
def test_a_text_is_an_argument_like_any_other(machine, define, x, text):
    machine.run(lambda: compiled(define(TEXTS).f, x, text))
    again = machine.run(lambda: compiled(define(TEXTS).f, x, text))
    other = machine.run(lambda: compiled(define(TEXTS).f, x, text + " "))
    assert again.is_served
    assert not other.served
    assert other.result.equal(define(TEXTS).f(x, text + " "))


NUMBERS = """
import torch

def f(x, n):
    return torch.addmm(x, x, x, alpha=2), str(n), type(n).__name__
"""


def test_numbers_that_are_equal_are_not_the_same(machine, define, x):
    """1 is True is 1.0, 0.0 is -0.0, and nan is not nan."""
    numbers = [1, True, 1.0, 0.0, -0.0, float("nan"), float("inf"), 2**70, -1, 0, False, 1e300, 1j, None]

    def run(numbers):
        return [compiled(define(NUMBERS).f, x, number)[1:] for number in numbers]

    for number in numbers:
        machine.run(lambda number=number: run([number]))
    again = machine.run(lambda: run(numbers))
    assert again.result == [(str(number), type(number).__name__) for number in numbers]
    assert again.faults == []


def test_one_variant_after_the_other_is_tried_and_the_right_one_served(machine, define, x):
    for n in (2, 3, 4):
        machine.run(lambda n=n: compiled(define(NUMBERS).f, x, n))
    again = machine.run(lambda: compiled(define(NUMBERS).f, x, 3))
    assert again.is_served
    assert again.result[1] == "3"
    assert again.of("ArtifactMissed") == []


def test_what_misses_says_so_once_per_variant(machine, define, x):
    for n in (2, 3):
        machine.run(lambda n=n: compiled(define(NUMBERS).f, x, n))
    found = machine.run(lambda: compiled(define(NUMBERS).f, x, "2"))
    assert len(found.of("ArtifactMissed")) == len(found.reasons) == 2
    assert len({event.cache_key for event in found.of("ArtifactMissed")}) == 2


GLOBAL = """
import torch

def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x)
"""


def test_what_is_rebound_after_serving_is_compiled_again(machine, define, x):
    machine.run(lambda: compiled(define(GLOBAL).f, x))

    def run():
        module = define(GLOBAL)
        first = compiled(module.f, x)
        module.helper = lambda x: x @ x.T
        second = compiled(module.f, x)
        del module.helper
        with pytest.raises(NameError):
            compiled(module.f, x)
        return first, second

    again = machine.run(run)
    assert len(again.served) == 1
    assert again.result[1].equal(x @ x.T)


def test_an_object_that_comes_back_at_the_place_of_a_pinned_one_is_another(machine, define, x):
    """An identity check compares addresses: torch ends the guards when the object goes, and so must we."""
    machine.run(lambda: compiled(define(GLOBAL).f, x))

    def run():
        module = define(GLOBAL)
        results = [(compiled(module.f, x), module.f(x))]
        for number in (3, 4, 5):
            del module.helper
            gc.collect()
            exec(f"def helper(x):\n    return torch.addmm(x, x, x, alpha={number})\n", vars(module))  # noqa: S102
            results.append((compiled(module.f, x), module.f(x)))
        return results

    again = machine.run(run)
    assert len(again.served) == 1
    assert all(found.equal(wanted) for found, wanted in again.result)


def test_served_code_runs_on_when_we_are_gone(machine, define, x):
    import torch

    machine.run(lambda: compiled(define(GLOBAL).f, x))
    module = define(GLOBAL)
    again = machine.run(lambda: compiled(module.f, x))
    frames = dict(torch._dynamo.utils.counters["frames"])
    assert again.is_served
    assert compiled(module.f, x).equal(again.result)
    assert torch._dynamo.utils.counters["frames"] == frames
    module.helper = lambda x: x @ x
    assert compiled(module.f, x).equal(x @ x)


BROKEN = """
import torch

def helper(x):
    torch._dynamo.graph_break()
    return x @ x

def make(x, k):
    def f(y, n):
        y = torch.addmm(y, y, y, alpha=2)
        torch._dynamo.graph_break()
        y = torch.addmm(y, x, y, alpha=n + k)
        y = helper(y)
        torch._dynamo.graph_break()
        return y @ x
    return f

f = make(torch.eye(4), 1)
"""
"""A break in the function, in a helper, and in a resume function; each resume function has a closure."""


def test_a_broken_graph_is_served_whole(machine, define, x):
    first = machine.run(lambda: compiled(define(BROKEN).f, x, 3))
    again = machine.run(lambda: compiled(define(BROKEN).f, x, 3))
    assert len(first.kept) == 6
    assert again.is_served
    assert len(again.served) == len(first.kept)
    assert again.result.equal(define(BROKEN).f(x, 3))
    assert again.faults == []


@pytest.mark.parametrize(
    "edit", [("return x @ x", "return x @ x.T"), ("return y @ x", "return y @ x @ x"), ("alpha=n", "alpha=2 * n")]
)
def test_a_broken_graph_goes_on_where_it_is_not_served(machine, define, x, edit):
    edited = BROKEN.replace(*edit)
    machine.run(lambda: compiled(define(BROKEN).f, x, 3))
    other = machine.run(lambda: compiled(define(edited).f, x, 3))
    assert other.result.equal(define(edited).f(x, 3))
    assert other.faults == []


def test_a_served_resume_function_may_be_traced_again_and_break_again(machine, define, x):
    """What Dynamo knows of a resume function that it made itself, it does not know of a served one."""
    machine.run(lambda: compiled(define(BROKEN).f, x, 3))

    def run():
        module = define(BROKEN)
        return [(compiled(module.f, x, n), module.f(x, n)) for n in (3, 4, 5)]

    found = machine.run(run)
    assert len(found.served) >= 5
    assert len(found.kept) >= 2
    assert all(result.equal(eager) for result, eager in found.result)
    assert found.faults == []


def test_nothing_of_the_users_is_kept_alive(machine, define):
    import torch

    def run():
        module = define(BROKEN)
        given = torch.ones(4, 4)
        watched = weakref.ref(given)
        out = compiled(module.f, given, 3)
        del given, out
        gc.collect()
        return watched() is None

    assert machine.run(run).result
    again = machine.run(run)
    assert again.is_served
    assert again.result


MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x)
"""


def test_a_module_that_was_served_is_freed_with_its_weights(machine, define, x):
    import torch

    def run():
        torch.manual_seed(0)
        net = define(MODULE).Net()
        watched = [weakref.ref(net), weakref.ref(net.layer.weight)]
        out = compiled(net, x)
        del net, out
        torch._dynamo.reset()
        gc.collect()
        return [each() for each in watched]

    assert machine.run(run).result == [None, None]
    again = machine.run(run)
    assert again.is_served
    assert again.result == [None, None]


def test_what_served_bytecode_reads_is_gone_with_it(machine, define, x):
    import torch

    machine.run(lambda: compiled(define(BROKEN).f, x, 3))

    def run():
        module = define(BROKEN)
        before = set(vars(module))
        compiled(module.f, x, 3)
        during = set(vars(module)) - before
        torch._dynamo.reset()
        gc.collect()
        return during, set(vars(module)) - before

    again = machine.run(run)
    during, after = again.result
    assert again.is_served
    assert any(name.startswith("__compiled_fn") for name in during)
    assert any(name.startswith("__resume_at") for name in during)
    assert not any(name.startswith(("__compiled_fn", "__resume_at")) for name in after)


def test_a_sink_that_breaks_is_a_fault_and_not_the_users_problem(machine, define, x):
    def broken(_event):
        raise RuntimeError("the sink broke")

    first = machine.run(lambda: compiled(define(BROKEN).f, x, 3))
    again = machine.run(lambda: compiled(define(BROKEN).f, x, 3), sink=broken)
    assert again.result.equal(first.result)
    assert again.faults
    assert all("the sink broke" in fault for fault in again.faults)


@pytest.mark.parametrize("name", ["guarded_code", "aot_autograd", "inductor"])
@pytest.mark.parametrize("how", ["cut", "empty", "gone", "another"])
def test_a_damaged_artifact_costs_only_itself(machine, define, x, name, how):
    from megacache.errors import ArtifactNotFoundError

    first = machine.run(lambda: compiled(define(MATMUL).f, x))

    def damaged(digest):
        content = machine.contents[digest]
        if how == "gone":
            raise ArtifactNotFoundError("it is gone")
        return {"cut": content[: len(content) // 2], "empty": b"", "another": b"\x80\x05N."}[how]

    artifacts = [
        each.artifact for (kind, _), found in machine.shelf._by_key.items() if kind == name for each in found.values()
    ]
    machine.shelf.put(artifacts, damaged)
    again = machine.run(lambda: compiled(define(MATMUL).f, x))
    assert again.result.equal(first.result)
    assert not again.served


def test_attaching_and_detaching_leaves_torch_as_it_was():
    from torch._dynamo import convert_frame, guards
    from torch._functorch._aot_autograd import graph_compile

    from megacache.compiler.precompile import Precompile
    from megacache.compiler.shelf import Shelf

    def state():
        return (
            convert_frame._compile,
            guards.CheckFunctionManager.__init__,
            guards.GuardBuilder.SHAPE_ENV,
            graph_compile._cache_autograd_info,
            tuple(logging.getLogger("torch._guards").filters),
        )

    before = state()
    precompile = Precompile(lambda _event: None, Shelf())
    precompile.attach()
    changed = state()
    precompile.attach()
    assert state() == changed
    assert all(old is not new for old, new in zip(before[:-1], changed[:-1], strict=True))
    precompile.detach()
    precompile.detach()
    assert state() == before


def test_an_error_of_the_users_program_is_its_own(machine, define, x):
    text = "import torch\n\ndef f(x):\n    y = torch.addmm(x, x, x)\n    raise ValueError('mine')\n"
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            machine.run(lambda: compiled(define(text).f, x))


def test_a_whole_graph_that_breaks_still_fails(machine, define, x):
    import torch

    machine.run(lambda: compiled(define(BROKEN).f, x, 3))
    with pytest.raises(torch._dynamo.exc.Unsupported):
        machine.run(lambda: torch.compile(define(BROKEN).f, fullgraph=True)(x, 3))


def test_two_threads_are_served_at_once(machine, define, x):
    machine.run(lambda: compiled(define(BROKEN).f, x, 3))

    def run():
        module = define(BROKEN)
        results = []
        threads = [threading.Thread(target=lambda: results.append(compiled(module.f, x, 3))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    again = machine.run(run)
    assert len(again.result) == 4
    assert all(each.equal(again.result[0]) for each in again.result)
    assert again.faults == []


def test_another_size_is_compiled_again_and_then_served(machine, define):
    import torch

    def run(sizes):
        f = torch.compile(define(MATMUL).f)
        with torch.no_grad():
            return [f(torch.ones(size, size)) for size in sizes]

    machine.run(lambda: run([4, 5, 6]))
    again = machine.run(lambda: run([6, 5, 4, 7]))
    assert again.is_served
    assert [tuple(each.shape) for each in again.result] == [(6, 6), (5, 5), (4, 4), (7, 7)]
    assert all(each.eq(each.shape[0] * 2 + 1).all() for each in again.result)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dynamic": True}, "torch.compile was asked for inductor"),
        ({"fullgraph": True}, "torch.compile was asked for inductor"),
        ({"options": {"epilogue_fusion": False}}, "torch.compile was asked for inductor"),
    ],
)
def test_a_function_compiled_in_another_way_is_not_served(machine, define, x, options, reason):
    import torch

    machine.run(lambda: compiled(define(MATMUL).f, x))
    again = machine.run(lambda: torch.compile(define(MATMUL).f, **options)(x))
    assert not again.served
    assert reason in again.reasons[0]


def test_another_option_of_torch_is_named(machine, define, x):
    from torch._inductor import config

    machine.run(lambda: compiled(define(MATMUL).f, x))
    with config.patch(epilogue_fusion=False):
        again = machine.run(lambda: compiled(define(MATMUL).f, x))
    assert again.reasons == ["inductor option `epilogue_fusion` is False now, was True"]


def test_other_backends_and_modes_are_none_of_ours(machine, define, x):
    import torch
    from torch.overrides import TorchFunctionMode

    class Mode(TorchFunctionMode):
        def __torch_function__(self, function, _types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    def run():
        results = [torch.compile(define(MATMUL).f, backend=backend)(x) for backend in ("eager", "aot_eager")]
        with Mode():
            results.append(compiled(define(MATMUL).f, x))
        with torch._dynamo.config.patch(caching_precompile=True):
            results.append(compiled(define(MATMUL).f, x))
        torch.export.export(torch.nn.Identity(), (x,))
        results += torch.vmap(torch.compile(define(MATMUL).f, backend="eager"))(x.expand(2, 4, 4))
        return results

    found = machine.run(run)
    assert found.kept == found.of("GuardedCodeBypassed") == found.faults == []
    assert all(torch.allclose(each, found.result[0]) for each in found.result)


def test_a_default_device_keeps_apart(machine, define):
    import torch

    text = "import torch\n\ndef f(x):\n    return x, torch.empty(2).device.type\n"
    machine.run(lambda: compiled(define(text).f, torch.ones(2)))
    try:
        torch.set_default_device("meta")
        found = machine.run(lambda: compiled(define(text).f, torch.ones(2)))
    finally:
        torch.set_default_device(None)
    assert found.result[1] == "meta"
    assert not found.served


def test_a_guard_that_is_tried_is_not_logged_as_an_error(machine, define, x, caplog):
    text = "import torch\n\ndef f(x, d):\n    return torch.addmm(x, x, x, alpha=d['n']['m'])\n"
    machine.run(lambda: compiled(define(text).f, x, {"n": {"m": 2}}))
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        found = machine.run(lambda: compiled(define(text).f, x, {"n": {"m": 2, "k": 3}, "z": 1}))
        machine.run(lambda: compiled(define(text.replace("['n']", "")).f, x, {"m": 2}))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert found.faults == []


def test_a_guard_whose_value_is_gone_is_a_miss(machine, define, x):
    text = "import torch\n\ndef f(x, d):\n    return torch.addmm(x, x, x, alpha=d.n)\n"
    import types

    machine.run(lambda: compiled(define(text).f, x, types.SimpleNamespace(n=2)))
    other = machine.run(lambda: compiled(define(text).f, x, type("Other", (), {"n": 2})()))
    assert not other.served
    assert len(other.reasons) == 1
    assert other.faults == []


IMPORTING = "import torch\n\ndef f(x):\n    from other import go\n    return go(x)\n"
OTHER = "import torch\n\ndef go(x):\n    return torch.addmm(x, x, x, alpha=2)\n"


def test_a_module_that_was_imported_anew_does_not_end_the_users_program(machine, define, x):
    """Torch remembers the first module of a name, puts that one under its alias, and asserts that no other is there."""
    define(OTHER, "other")
    machine.run(lambda: compiled(define(IMPORTING).f, x))

    def run():
        define(OTHER, "other")
        compiled(define(IMPORTING, "first").f, x)
        define(OTHER.replace("2", "3"), "other")
        return compiled(define(IMPORTING).f, x)

    machine.run(run)


def test_a_frame_that_is_not_served_gets_no_names_of_ours(machine, define, x):
    machine.run(lambda: compiled(define(GLOBAL).f, x))

    def run():
        module = define(GLOBAL.replace("2", "3"))
        compiled(module.f, x)
        return [name for name in vars(module) if "megacache" in name]

    assert machine.run(run).result == []


def test_one_variant_whose_proof_fails_does_not_stop_the_others(machine, define, x, monkeypatch):
    from megacache.compiler.guard_state import GuardState

    for n in (2, 3):
        machine.run(lambda n=n: compiled(define(NUMBERS).f, x, n))
    load, states = GuardState.load, []

    def fails_first(data):
        states.append(data)
        if len(states) == 1:
            raise RuntimeError("no")
        return load(data)

    monkeypatch.setattr(GuardState, "load", fails_first)
    again = machine.run(lambda: compiled(define(NUMBERS).f, x, 3))
    assert again.is_served
    assert again.result[1] == "3"
    assert len(again.faults) == 1
    assert "RuntimeError: no" in again.faults[0]


def test_a_proof_that_fails_is_a_miss_with_its_reason_and_a_fault(machine, define, x, monkeypatch):
    from megacache.compiler import serving

    machine.run(lambda: compiled(define(MATMUL).f, x))

    def fails(_needs):
        raise RuntimeError("no")

    monkeypatch.setattr(serving, "first_unmet", fails)
    again = machine.run(lambda: compiled(define(MATMUL).f, x))
    assert again.reasons == ["its proof failed with RuntimeError: no"]
    assert len(again.kept) == len(again.faults) == 1
    assert again.result.equal(define(MATMUL).f(x))


def test_globals_that_the_user_makes_meanwhile_stay(machine, define, x, monkeypatch):
    """A proof that fails takes back the names that it put there, and no others."""
    from megacache.compiler import replay
    from megacache.compiler.content import UnprovableError

    machine.run(lambda: compiled(define(GLOBAL).f, x))
    module = define(GLOBAL)
    before = set(vars(module))

    def fails(_replay, _code, _state, _local_scope, global_scope, *_, **_closure):
        global_scope["made_by_the_user"] = 1
        assert len(global_scope) > len(before) + 1
        raise UnprovableError("no")

    monkeypatch.setattr(replay.Replay, "__init__", fails)
    heard = machine.run(lambda: compiled(module.f, x))
    assert heard.reasons == ["no", "no"]  # of the miss, and of what was made
    assert module.made_by_the_user == 1
    assert [name for name in vars(module) if "megacache" in name] == []


@pytest.mark.parametrize("damage", [b"", b"damaged", b"no aot"])
def test_an_older_content_serves_where_the_newest_cannot(machine, define, x, damage):
    from dataclasses import replace

    from megacache.compiler.guarded_code import body_of, encode, facts_of

    (event,) = machine.run(lambda: compiled(define(MATMUL).f, x)).kept
    if damage == b"no aot":
        facts, body = facts_of(event.content), body_of(event.content)
        damage = encode(replace(facts, aot_sha256="0" * 64), body)
    newest = artifact_of(damage, event.cache_key, artifact_type=event.artifact_type)
    machine.shelf.put([newest], {newest.content_sha256: damage}.__getitem__)
    again = machine.run(lambda: compiled(define(MATMUL).f, x))
    assert again.is_served
    assert again.faults == []


SIZES = """
import torch

def f(x, y):
    return torch.addmm(x, y, x) if x.size(0) < 8 else torch.mm(x, y)
"""


def test_a_guard_that_does_not_hold_is_named(machine, define):
    import torch

    def run(size, other=None, **options):
        given = torch.ones(size, size)
        with torch.no_grad():
            return torch.compile(define(SIZES).f, **options)(given, torch.ones(size, size) if other is None else given)

    machine.run(lambda: run(4, dynamic=True))
    assert machine.run(lambda: run(9, dynamic=True)).reasons == ["guard `2 <= x.size()[0] <= 7` does not hold"]
    machine.run(lambda: run(4, dynamic=False))
    reasons = machine.run(lambda: run(5, dynamic=False)).reasons
    assert reasons[-1] == "tensor `x` has another size: expected 4, actual 5"
    reasons = machine.run(lambda: run(4, "the same", dynamic=False)).reasons
    assert "`y` is one object with another now" in reasons
