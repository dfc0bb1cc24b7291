"""What a guarded code relies on without a guard: found by name, told by content, and met only by the same."""

import pytest

pytestmark = pytest.mark.torch


@pytest.fixture
def met(define):
    """Say whether a need that a first text gives is met by a second one."""
    from megacache.compiler.content import Content, digest
    from megacache.compiler.needs import _inlined, first_unmet

    def is_met(kind, name, text, other, **values):
        module = define(text, "needy", V=2)
        value = eval(name.partition(".<locals>")[0], vars(module))  # noqa: S307  the text is ours
        if kind == "called":
            need = (kind, f"needy:{name}", digest(Content(is_deep=True).facts(value)))
        else:
            codes = (value.__code__, *value.__code__.co_consts)
            code = next(each for each in codes if getattr(each, "co_qualname", 0) == name)
            need = _inlined(code, vars(module))
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
    from megacache.compiler.needs import _inlined, first_unmet

    text = "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, n): self.n = 1\n"
    module = define(text, "needy")
    for function in (module.A.f.fget, module.A.f.fset):
        need = _inlined(function.__code__, vars(module))
        assert need[:2] == ("inlined", "needy:A.f")
        assert first_unmet([need]) is None
        define(text.replace("1", "2"), "needy")
        assert first_unmet([need]) == need
        define(text, "needy")


def test_a_module_that_is_not_there_meets_nothing():
    from megacache.compiler.needs import first_unmet

    for kind, name in [("inlined", "nowhere:f"), ("called", "nowhere:f"), ("op", "nowhere::f"), ("method", "nowhere")]:
        assert first_unmet([(kind, name, "d")]) == (kind, name, "d")


def test_a_need_of_a_kind_that_is_not_known_is_not_met():
    from megacache.compiler.needs import first_unmet

    assert first_unmet([("new", "needy:f", "d")]) is not None


def test_the_first_unmet_need_is_told(define):
    from megacache.compiler.needs import first_unmet

    define(F, "needy")
    needs = [("inlined", "needy:g", "d"), ("inlined", "needy:f", "d")]
    assert first_unmet(needs) == needs[0]
    assert first_unmet([]) is None


@pytest.mark.parametrize(
    "other",
    [
        F + "old = f\ndef f(x): return -old(x)\nf.__defaults__ = (old,)",
        F + "def wrap(old):\n    def f(x): return -old(x)\n    return f\nf = wrap(f)",
        "import functools\n" + F + "f = functools.partial(f, x=1)",
    ],
)
def test_a_function_that_holds_the_old_one_is_another(met, other):
    assert not met("inlined", "f", F, other)


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
    needs = [need[:2] for need in facts_of(event.content).needs]
    assert needs == [("op", "needs::it"), ("method", "__matmul__"), ("method", "__rmatmul__")]
    assert machine.run(lambda: torch.compile(define(OPERATOR).f)(x)).is_served
    edited = machine.run(lambda: torch.compile(define(OPERATOR.replace("alpha=2", "alpha=3")).f)(x))
    assert edited.reasons == ["operator `needs::it` changed since it was compiled"]
    assert edited.result.equal(torch.addmm(x, x, x, alpha=3) @ x)


def test_an_inner_function_is_a_need(machine, define):
    import torch

    from megacache.compiler.guarded_code import facts_of

    text = "import torch\n\ndef f(x):\n    def inner(x):\n        return x.mm(x)\n    return inner(x)\n"
    (event,) = machine.run(lambda: torch.compile(define(text, "needy").f)(torch.ones(2, 2))).kept
    needs = [need[:2] for need in facts_of(event.content).needs]
    assert needs == [("inlined", "needy:f.<locals>.inner"), ("method", "mm")]


ADD = "\ndef f(x):\n    return torch.addmm(x, x, x, alpha={})\n"
ASKING = {
    "id": ADD.format("id(f) % 7"),
    "hash": ADD.format("hash('a') % 7"),
    "id in a helper": "def helper():\n    return id(helper) % 7\n" + ADD.format("helper()"),
    "id as a value": ADD.format("sum(map(id, [f])) % 7"),
    "id inside": ADD.format("[id(y) % 7 for y in [f]][0]"),
}
OWN = {
    "a function of that name": "def id(x):\n    return 3\n" + ADD.format("id(f)"),
    "an argument of that name": ADD.format("id").replace("(x)", "(x, id=3)"),
    "an attribute of that name": "class A:\n    id = 3\n\na = A()\n" + ADD.format("a.id"),
}


@pytest.mark.parametrize("what", ASKING)
def test_what_asks_for_a_number_of_this_process_is_not_kept(machine, define, what):
    import torch

    heard = machine.run(lambda: torch.compile(define("import torch\n" + ASKING[what]).f)(torch.ones(2, 2)))
    assert heard.kept == []
    if heard.reasons:  # torch 2.15 breaks the graph at some
        assert heard.reasons[0] == f"it asks for `{what.partition(' ')[0]}`, which is another number in every process"


@pytest.mark.parametrize("what", OWN)
def test_what_only_uses_the_name_is_kept(machine, define, what):
    import torch

    text = "import torch\n" + OWN[what]
    machine.run(lambda: torch.compile(define(text).f)(torch.ones(2, 2)))
    assert machine.run(lambda: torch.compile(define(text).f)(torch.ones(2, 2))).is_served


def test_a_global_that_takes_the_place_of_a_built_in_is_seen(machine, define):
    import torch

    text = "import torch\n\ndef f(x):\n    return torch.addmm(x, x, x, alpha=max(2, 3))\n"
    x = torch.eye(4)
    machine.run(lambda: torch.compile(define(text).f)(x))
    shadowed = machine.run(lambda: torch.compile(define("max = min\n" + text).f)(x))
    assert shadowed.result.equal(torch.addmm(x, x, x, alpha=2))


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
