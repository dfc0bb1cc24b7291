"""Classes: methods of all kinds, inheritance, properties, operators; edited on disk, in a cell, and by assignment."""

from __future__ import annotations

from warm_start.case import Case, case

METHODS = """
class Steps:
    scale = 2

    def __init__(self, n):
        self.n = n

    def method(self, x):
        return torch.addmm(x, self.helper(x), x, alpha=self.n)

    def helper(self, x):
        return x @ x

    @staticmethod
    def static(x):
        return torch.addmm(x, x, x, alpha=4)

    @classmethod
    def of_class(cls, x):
        return torch.addmm(x, x, x, alpha=cls.scale)

    @property
    def doubled(self):
        return 2 * self.n

    def with_property(self, x):
        return torch.addmm(x, x, x, alpha=self.doubled)

steps = Steps(3)
f = steps.METHOD
"""

METHOD = METHODS.replace("METHOD", "method")
STATIC = METHODS.replace("METHOD", "static")
OF_CLASS = METHODS.replace("METHOD", "of_class")
PROPERTY = METHODS.replace("METHOD", "with_property")

USED = """
class Steps:
    scale = 2

    def __init__(self, n):
        self.n = n

    def step(self, x):
        return torch.addmm(x, x, x, alpha=self.n)

    @staticmethod
    def static(x):
        return torch.addmm(x, x, x, alpha=4)

    @classmethod
    def of_class(cls, x):
        return torch.addmm(x, x, x, alpha=cls.scale)

    def unused(self, x):
        return x

steps = Steps(3)

def f(x):
    return steps.step(x) @ Steps.static(x) @ steps.of_class(x)
"""

PATCHED = """
class Steps:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=2)

steps = Steps()

def f(x):
    return steps.step(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
"""

INHERITED = """
class Base:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=2)

class Derived(Base):
    def step(self, x):
        return super().step(x) @ x

steps = Derived()

def f(x):
    return steps.step(x)
"""

MIXED = """
class First:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=2)

class Second:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=3)

class Both(First, Second):
    pass

steps = Both()

def f(x):
    return steps.step(x)
"""

OPERATOR = """
class Weight:
    def __init__(self, w):
        self.w = w
    def __matmul__(self, x):
        return torch.addmm(x, self.w, x, alpha=2)

weight = Weight(grid(4, 4).T)

def f(x):
    return weight @ x
"""

DESCRIPTOR = """
class Factor:
    def __get__(self, instance, owner):
        return 2

class Steps:
    factor = Factor()

steps = Steps()

def f(x):
    return torch.addmm(x, x, x, alpha=steps.factor)
"""

GETATTR = """
class Config:
    def __getattr__(self, name):
        return {"n": 2}[name]

config = Config()

def f(x):
    return torch.addmm(x, x, x, alpha=config.n)
"""

CACHED_PROPERTY = """
import functools

class Steps:
    @functools.cached_property
    def factor(self):
        return 2

steps = Steps()

def f(x):
    return torch.addmm(x, x, x, alpha=steps.factor)
"""

SLOTS = """
class Steps:
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n

steps = Steps(2)

def f(x):
    return torch.addmm(x, x, x, alpha=steps.n)
"""

BUILT_INSIDE = """
class Steps:
    def __init__(self, n):
        self.n = n + 1

def f(x):
    return torch.addmm(x, x, x, alpha=Steps(2).n)
"""

DATACLASS_INSIDE = """
from dataclasses import dataclass

@dataclass
class Steps:
    n: int = 2

def f(x):
    return torch.addmm(x, x, x, alpha=Steps().n)
"""

NAMEDTUPLE = """
from typing import NamedTuple

class Pair(NamedTuple):
    a: int
    b: int

pair = Pair(2, 3)

def f(x):
    return torch.addmm(x, x, x, alpha=pair.a)
"""

AT_COMPILE = """
class Steps:
    @torch.compile
    def method(self, x):
        return torch.addmm(x, x, x, alpha=2)

    @staticmethod
    @torch.compile
    def static(x):
        return torch.addmm(x, x, x, alpha=3)

x = grid(4, 4)
result = [Steps().method(x), Steps.static(x)]
with torch.compiler.set_stance("force_eager"):
    eager = [Steps().method(x), Steps.static(x)]
"""

LOCAL_CLASS = """
def make(n):
    class Steps:
        def step(self, x):
            return torch.addmm(x, x, x, alpha=n)
    return Steps()

steps = make(2)

def f(x):
    return steps.step(x)
"""

REDEFINED = """
class Steps:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=2)

def f(x):
    return Steps().step(x)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
# %%
class Steps:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=3)

result += [compiled(x)]
eager += [f(x)]
"""

METHOD_ON_INSTANCE = """
class Steps:
    def step(self, x):
        return torch.addmm(x, x, x, alpha=2)

steps = Steps()
PATCH = None
if PATCH:
    steps.step = PATCH

def f(x):
    return steps.step(x)
"""

TWO_INSTANCES = """
class Steps:
    def __init__(self, n):
        self.n = n
    def step(self, x):
        return torch.addmm(x, x, x, alpha=self.n)

x = grid(4, 4)
both = [Steps(2), Steps(3)]
result = [torch.compile(steps.step)(x) for steps in both]
eager = [steps.step(x) for steps in both]
"""

CASES: tuple[Case, ...] = (
    case("method unchanged", METHOD),
    case("method edited", METHOD, ("alpha=self.n", "alpha=self.n + 1")),
    case("method of a method edited", METHOD, ("return x @ x", "return x @ x.T")),
    case("static method unchanged", STATIC),
    case("static method edited", STATIC, ("alpha=4", "alpha=5")),
    case("class method unchanged", OF_CLASS),
    case("class method edited", OF_CLASS, ("alpha=cls.scale", "alpha=cls.scale + 1")),
    case("class attribute changed", OF_CLASS, ("scale = 2", "scale = 3")),
    case("property unchanged", PROPERTY),
    case("property edited", PROPERTY, ("2 * self.n", "3 * self.n")),
    case("instance attribute changed", METHOD, ("Steps(3)", "Steps(4)")),
    case("methods in a function unchanged", USED),
    case("methods in a function, method edited", USED, ("alpha=self.n", "alpha=self.n + 1")),
    case("methods in a function, static edited", USED, ("alpha=4", "alpha=5")),
    case("methods in a function, class attribute changed", USED, ("scale = 2", "scale = 3")),
    case("methods in a function, other method edited", USED, ("return x\n", "return -x\n"), expected="hit or miss"),
    case(
        "method monkeypatched between runs",
        PATCHED,
        ("steps = Steps()", "Steps.step = lambda self, x: x @ x.T\nsteps = Steps()"),
    ),
    case("base class unchanged", INHERITED),
    case("base class edited", INHERITED, ("alpha=2", "alpha=3")),
    case("order of bases changed", MIXED, ("(First, Second)", "(Second, First)")),
    case("operator unchanged", OPERATOR),
    case("operator edited", OPERATOR, ("alpha=2", "alpha=3")),
    case("descriptor edited", DESCRIPTOR, ("return 2", "return 3")),
    case("getattr edited", GETATTR, ('"n": 2', '"n": 3')),
    case("cached property edited", CACHED_PROPERTY, ("return 2", "return 3")),
    case("slots unchanged", SLOTS),
    case("slot value changed", SLOTS, ("Steps(2)", "Steps(3)")),
    case("object built inside unchanged", BUILT_INSIDE),
    case("object built inside, constructor edited", BUILT_INSIDE, ("n + 1", "n + 2")),
    case("dataclass built inside unchanged", DATACLASS_INSIDE),
    case("dataclass built inside, default changed", DATACLASS_INSIDE, ("n: int = 2", "n: int = 3")),
    case("named tuple unchanged", NAMEDTUPLE),
    case("named tuple with swapped fields", NAMEDTUPLE, ("a: int\n    b: int", "b: int\n    a: int")),
    case("methods decorated by torch compile", AT_COMPILE),
    case("methods decorated by torch compile, one edited", AT_COMPILE, ("alpha=2", "alpha=4"), expected="partial"),
    case("class inside a function unchanged", LOCAL_CLASS, expected="hit or miss"),
    case("class inside a function edited", LOCAL_CLASS, ("alpha=n", "alpha=n + 1")),
    case("class inside a function with another value", LOCAL_CLASS, ("make(2)", "make(3)")),
    case("class redefined in one kernel", REDEFINED),
    case("class redefined in one kernel to another", REDEFINED, ("alpha=3", "alpha=4"), expected="partial"),
    case("method set on an instance", METHOD_ON_INSTANCE, ("PATCH = None", "PATCH = lambda x: x @ x.T")),
    case("two instances of one class", TWO_INSTANCES),
    case(
        "two instances of one class, one changed", TWO_INSTANCES, ("Steps(3)]", "Steps(4)]"), expected="hit or partial"
    ),
)
