"""What a guarded code relies on without a guard: found by name, told by content, and met only by the same."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch


@pytest.fixture
def met(define):
    """Say whether a need that a first text gives is met by a second one."""
    from megacache.compiler.content import Content, code_digest, digest
    from megacache.compiler.needs import first_unmet

    def is_met(kind, name, text, other, **values):
        module = define(text, "needy", V=2)
        value = eval(name.partition(".<locals>")[0], vars(module))  # noqa: S307  the text is ours
        if kind == "called":
            wanted = digest(Content(is_deep=True).facts(value))
        else:
            code = value.fget.__code__ if isinstance(value, property) else value.__code__
            inner = name.rpartition(".")[2]
            wanted = code_digest(next(each for each in (code, *code.co_consts) if getattr(each, "co_name", 0) == inner))
        need = (kind, f"needy:{name}", wanted)
        assert first_unmet([need]) is None
        define(other, "needy", **{"V": 2, **values})
        return first_unmet([need]) is None

    return is_met


F = "def f(x): return x + 1\n"
METHOD = "class A:\n    class B:\n        def f(self): return 1\n"
KINDS = {
    "static": "class A:\n    @staticmethod\n    def f(): return 1\n",
    "class": "class A:\n    @classmethod\n    def f(cls): return 1\n",
}
INNER = "def outer():\n    def f(): return 1\n    return f\n"


def test_a_function_that_moved_meets_the_need(met):
    assert met("inlined", "f", F, "# moved\n\n" + F)
    assert met("called", "f", F, "# moved\n\n" + F)
    assert met("inlined", "A.B.f", METHOD, "# moved\n\n" + METHOD)
    assert met("inlined", "outer.<locals>.f", INNER, "# moved\n" + INNER)


def test_an_edited_one_does_not(met):
    assert not met("inlined", "f", F, F.replace("1", "2"))
    assert not met("called", "f", F, F.replace("1", "2"))
    assert not met("inlined", "A.B.f", METHOD, METHOD.replace("1", "2"))
    assert not met("inlined", "outer.<locals>.f", INNER, INNER.replace("1", "2"))


def test_what_a_called_function_reads_counts(met):
    assert not met("called", "f", "def f(x): return V", "def f(x): return V", V=3)
    assert met("inlined", "f", "def f(x): return V", "def f(x): return V", V=3)


@pytest.mark.parametrize(
    "other",
    ["", "f = 1", "f = None", "def f(x, n=1): return x", "class f: pass", "import os as f", "f = len", "del V"],
)
def test_another_thing_of_the_name_does_not_meet_the_need(met, other):
    assert not met("inlined", "f", F, other)
    assert not met("called", "f", F, other)


def test_a_property_is_its_functions(define):
    from megacache.compiler.content import code_digest
    from megacache.compiler.needs import first_unmet

    text = "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, n): self.n = 1\n"
    module = define(text, "needy")
    for function in (module.A.f.fget, module.A.f.fset):
        need = ("inlined", "needy:A.f", code_digest(function.__code__))
        assert first_unmet([need]) is None
        define(text.replace("1", "2"), "needy")
        assert first_unmet([need]) == need
        define(text, "needy")


def test_a_module_that_is_not_there_meets_nothing():
    from megacache.compiler.needs import first_unmet

    for need in [("inlined", "nowhere:f", "d"), ("called", "nowhere:f", "d"), ("op", "nowhere::f", "d")]:
        assert first_unmet([need]) == need


def test_the_first_unmet_need_is_told(define):
    from megacache.compiler.needs import first_unmet

    define(F, "needy")
    needs = [("inlined", "needy:g", "d"), ("inlined", "needy:f", "d")]
    assert first_unmet(needs) == needs[0]
    assert first_unmet([]) is None


@pytest.mark.xfail(raises=AssertionError, reason="a function that holds the old one tells its code as well")
@pytest.mark.parametrize(
    "other",
    [
        F + "old = f\ndef f(x): return -old(x)\nf.__defaults__ = (old,)",
        F + "def wrap(old):\n    def f(x): return -old(x)\n    return f\nf = wrap(f)",
    ],
)
def test_a_function_that_holds_the_old_one_is_another(met, other):
    assert not met("inlined", "f", F, other)


def is_known(filename):
    from megacache.compiler.needs import _is_known_by_release

    return _is_known_by_release(is_known.__code__.replace(co_filename=str(filename)))


def installed(*parts):
    import torch

    return Path(torch.__file__).parent.parent.joinpath(*parts)


def test_code_of_torch_and_of_the_standard_library_is_known_by_its_release():
    assert is_known(installed("torch", "nn", "modules", "linear.py"))
    assert is_known(os.__file__)
    assert is_known("<frozen importlib._bootstrap>")
    others = [
        "/home/me/torch/nn/linear.py",
        "<string>",
        "<stdin>",
        "/home/me/2.py",
        __file__,
        pytest.__file__,
        "",
        "a.py",
    ]
    assert not any(map(is_known, others))


@pytest.mark.xfail(raises=AssertionError, reason="`torchvision` begins with `torch`, and so does its folder")
@pytest.mark.parametrize("package", ["torchvision", "torchaudio", "torch_geometric"])
def test_a_package_whose_name_begins_with_torchs_is_not_torch(package):
    assert not is_known(installed(package, "ops.py"))


OPERATOR = """
import torch

@torch.library.custom_op("needs::it", mutates_args=())
def it(x: torch.Tensor) -> torch.Tensor:
    return torch.addmm(x, x, x, alpha=2)

@it.register_fake
def _(x):
    return torch.empty_like(x)

def f(x):
    return torch.ops.needs.it(x) @ x
"""


def test_an_operator_in_a_graph_is_a_need(machine, define):
    import torch

    from megacache.compiler.guarded_code import facts_of

    x = torch.eye(4)
    (event,) = machine.run(lambda: torch.compile(define(OPERATOR).f)(x)).kept
    assert [need[:2] for need in facts_of(event.content).needs] == [("op", "needs::it")]
    assert machine.run(lambda: torch.compile(define(OPERATOR).f)(x)).is_served
    edited = machine.run(lambda: torch.compile(define(OPERATOR.replace("alpha=2", "alpha=3")).f)(x))
    assert edited.reasons == ["operator `needs::it` changed since it was compiled"]
    assert edited.result.equal(torch.addmm(x, x, x, alpha=3) @ x)


def test_an_inner_function_is_a_need(machine, define):
    import torch

    from megacache.compiler.guarded_code import facts_of

    text = "import torch\n\ndef f(x):\n    def inner(x):\n        return x @ x\n    return inner(x)\n"
    (event,) = machine.run(lambda: torch.compile(define(text, "needy").f)(torch.ones(2, 2))).kept
    assert [need[:2] for need in facts_of(event.content).needs] == [("inlined", "needy:f.<locals>.inner")]


def test_a_global_that_takes_the_place_of_a_built_in_is_seen(machine, define):
    import torch

    text = "import torch\n\ndef f(x):\n    return torch.addmm(x, x, x, alpha=max(2, 3))\n"
    x = torch.eye(4)
    machine.run(lambda: torch.compile(define(text).f)(x))
    shadowed = machine.run(lambda: torch.compile(define("max = min\n" + text).f)(x))
    assert shadowed.result.equal(torch.addmm(x, x, x, alpha=2))


@pytest.mark.xfail(raises=AssertionError, strict=False, reason="names are looked up in the module, not in the globals")
def test_a_global_of_a_function_without_a_module_is_seen(machine):
    """A function that `exec` makes has globals that are no module's."""
    import torch

    text = "import torch\n\ndef f(x):\n    return torch.addmm(x, x, x, alpha=max(2, 3))\n"

    def run(text):
        scope = {"__name__": "nowhere_at_all"}
        exec(text, scope)  # noqa: S102  the text is ours
        return machine.run(lambda: torch.compile(scope["f"])(x))

    x = torch.eye(4)
    run(text)
    assert run("max = min\n" + text).result.equal(torch.addmm(x, x, x, alpha=2))
