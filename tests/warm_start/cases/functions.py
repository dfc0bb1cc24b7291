"""Functions: edited, moved, renamed; their defaults, closures, lambdas, decorators and constants."""

from __future__ import annotations

from warm_start.case import Case, again, case

FUNCTION = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""

DEFAULT = """
def f(x, n=2):
    return torch.addmm(x, x, x, alpha=n)
"""

KEYWORD = """
def f(x, *, n=2):
    return torch.addmm(x, x, x, alpha=n)
"""

KEYWORD_PASSED = """
def f(x, *, n=1):
    return torch.addmm(x, x, x, alpha=n)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x, n=2), f(x, n=2)
"""

POWERS = """
def f(x, factors=[2, 3]):
    for factor in factors:
        x = torch.addmm(x, x, x, alpha=factor)
    return x
"""

CLOSURE = """
def make(n):
    def inner(x):
        return torch.addmm(x, x, x, alpha=n)
    return inner

f = make(2)
"""

CLOSED_HELPER = """
def make():
    def helper(x):
        return torch.addmm(x, x, x, alpha=2)
    def inner(x):
        return helper(x) @ x
    return inner

f = make()
"""

CLOSED_LATER = """
def make():
    n = 2
    def inner(x):
        return torch.addmm(x, x, x, alpha=n)
    def change(value):
        nonlocal n
        n = value
    return inner, change

f, change = make()
compiled = torch.compile(f)
x = grid(4, 4)
first = compiled(x), f(x)
change(3)
result, eager = zip(first, (compiled(x), f(x)))
"""

LAMBDA = """
f = lambda x: torch.addmm(x, x, x, alpha=2)
"""

TWO_LAMBDAS = """
fs = [lambda x: torch.addmm(x, x, x, alpha=2), lambda x: torch.addmm(x, x, x, alpha=3)]
x = grid(4, 4)
result = [torch.compile(f)(x) for f in fs]
eager = [f(x) for f in fs]
"""

NESTED = """
def f(x):
    def inner(y):
        return torch.addmm(y, y, y, alpha=2)
    return inner(x) @ x
"""

DECORATED = """
import functools

def twice(fn):
    @functools.wraps(fn)
    def inner(x):
        return fn(fn(x)) @ x
    return inner

@twice
def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""

DECORATED_WITH_VALUE = """
import functools

def scaled(n):
    def decorate(fn):
        @functools.wraps(fn)
        def inner(x):
            return torch.addmm(x, fn(x), x, alpha=n)
        return inner
    return decorate

@scaled(2)
def f(x):
    return x @ x
"""

AT_COMPILE = """
@torch.compile
def f(x):
    return torch.addmm(x, x, x, alpha=2)

x = grid(4, 4)
result = f(x)
with torch.compiler.set_stance("force_eager"):
    eager = f(x)
"""

RECURSION = """
def f(x, n=2):
    return x if n == 0 else f(x @ x, n - 1)
"""

ARGUMENTS = """
def f(*args, **kwargs):
    return torch.addmm(args[0], args[1], kwargs["y"], alpha=len(args))

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x, x, y=x), f(x, x, y=x)
"""

PARTIAL = """
import functools

def scaled(x, n):
    return torch.addmm(x, x, x, alpha=n)

f = functools.partial(scaled, n=2)
"""

PARTIAL_OF_TENSOR = """
import functools

def product(w, x):
    return w @ x

f = functools.partial(product, grid(4, 4).T)
"""

CALLABLE = """
class Scale:
    def __init__(self, n):
        self.n = n
    def __call__(self, x):
        return torch.addmm(x, x, x, alpha=self.n)

f = Scale(2)
"""

EXECUTED = '''
scope = {"torch": torch}
exec("""
def f(x):
    return torch.addmm(x, x, x, alpha=2)
""", scope)
f = scope["f"]
'''

CONSTANT = """
def f(x):
    return x * 2

compiled = torch.compile(f)
x = torch.arange(16)
result, eager = compiled(x), f(x)
"""

RETURNED = """
def f(x):
    return x @ x, 1
"""

ZERO = """
def f(x):
    return 1 / (x * 0.0)

compiled = torch.compile(f)
x = torch.ones(16)
result, eager = compiled(x), f(x)
"""

MEMBER = """
def f(x, n=2):
    return x @ x if n in {2, 3, "a"} else x @ x.T
"""

NAMED_DTYPE = """
def f(x):
    return (x @ x).to(getattr(torch, "float64"))
"""

GENERATOR = """
def parts(x, n):
    for each in range(n):
        yield torch.addmm(x, x, x, alpha=each)

def f(x):
    total = x
    for part in parts(x, 3):
        total = total @ part
    return total
"""

COMPREHENSION = """
def f(x):
    return torch.linalg.multi_dot([torch.addmm(x, x, x, alpha=n) for n in (1, 2)])
"""

REBUILT = """
import types

def source(x):
    return torch.addmm(x, x, x, alpha=2)

f = types.FunctionType(source.__code__.replace(co_consts=(None, 2, ("alpha",))), globals())
"""

REDEFINED = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

x = grid(4, 4)
first = torch.compile(f)(x), f(x)
# %%
def f(x):
    return torch.addmm(x, x, x, alpha=3)

result, eager = zip(first, (torch.compile(f)(x), f(x)))
"""

SWAPPED_CODE = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

def g(x):
    return torch.addmm(x, x, x, alpha=3)

compiled = torch.compile(f)
x = grid(4, 4)
first = compiled(x), f(x)
f.__code__ = g.__code__
result, eager = zip(first, (compiled(x), f(x)))
"""

CASES: tuple[Case, ...] = (
    case("function unchanged", FUNCTION),
    case("function edited in a constant", FUNCTION, ("alpha=2", "alpha=3")),
    case("function edited in an operation", FUNCTION, ("torch.addmm(x, x, x, alpha=2)", "x @ x.T")),
    case("function edited in a name", FUNCTION, ("torch.addmm(x, x, x, alpha=2)", "torch.addmm(x, x, x, beta=2)")),
    case("function moved down ten lines", FUNCTION, warm="# moved\n" * 10 + FUNCTION, expected="hit"),
    case("comment added", FUNCTION, ("    return", "    # a remark\n    return"), expected="hit"),
    case("docstring added", FUNCTION, ("    return", '    """A remark."""\n    return'), expected="hit or miss"),
    case("annotation added", FUNCTION, ("f(x):", "f(x: torch.Tensor) -> torch.Tensor:"), expected="hit"),
    case("function renamed", FUNCTION, ("f(x)", "g(x)"), ("compile(f)", "compile(g)"), expected="hit or miss"),
    case("argument renamed", FUNCTION, warm=FUNCTION.replace("x", "y"), expected="hit or miss"),
    case("default unchanged", DEFAULT),
    case("default changed", DEFAULT, ("n=2", "n=3")),
    case("default set on the function", DEFAULT, warm=DEFAULT + "f.__defaults__ = (3,)\n", expected="miss"),
    case("mutable default unchanged", POWERS),
    case("mutable default changed", POWERS, ("[2, 3]", "[2, 4]")),
    case("keyword default changed", KEYWORD, ("n=2", "n=3")),
    case("keyword passed unchanged", KEYWORD_PASSED),
    case("keyword passed changed", KEYWORD_PASSED, ("n=2", "n=3")),
    case("closure unchanged", CLOSURE),
    case("closure value changed", CLOSURE, ("make(2)", "make(3)")),
    case("closed over helper unchanged", CLOSED_HELPER),
    case("closed over helper edited", CLOSED_HELPER, ("alpha=2", "alpha=3")),
    case("closed over variable changes between calls", CLOSED_LATER),
    case(
        "closed over variable changes to another value",
        CLOSED_LATER,
        ("change(3)", "change(4)"),
        expected="hit or partial",
    ),
    case("lambda unchanged", LAMBDA),
    case("lambda edited", LAMBDA, ("alpha=2", "alpha=3")),
    case("two lambdas on one line", TWO_LAMBDAS),
    case(
        "two lambdas swapped",
        TWO_LAMBDAS,
        ("alpha=2", "alpha=1"),
        ("alpha=3", "alpha=2"),
        ("alpha=1", "alpha=3"),
        expected="hit or miss",
    ),
    case("nested function unchanged", NESTED),
    case("nested function edited", NESTED, ("alpha=2", "alpha=3")),
    case("decorated unchanged", DECORATED),
    case("decorator edited", DECORATED, ("fn(fn(x)) @ x", "fn(fn(x)) @ x.T")),
    case("decorated function edited", DECORATED, ("alpha=2", "alpha=3")),
    case("decorator with a value unchanged", DECORATED_WITH_VALUE),
    case("decorator with another value", DECORATED_WITH_VALUE, ("scaled(2)", "scaled(3)")),
    case("decorated by torch compile", AT_COMPILE),
    case("decorated by torch compile and edited", AT_COMPILE, ("alpha=2", "alpha=3")),
    case("recursion unchanged", RECURSION),
    case("recursion deeper", RECURSION, ("n=2", "n=3")),
    case("star arguments unchanged", ARGUMENTS),
    case("star arguments longer", ARGUMENTS, ("(x, x, y=x)", "(x, x, x, y=x)")),
    case("partial unchanged", PARTIAL),
    case("partial with another value", PARTIAL, ("n=2", "n=3")),
    case("partial of an edited function", PARTIAL, ("alpha=n", "alpha=n + 1")),
    case("partial that holds a tensor", PARTIAL_OF_TENSOR),
    case("partial that holds another tensor", PARTIAL_OF_TENSOR, ("grid(4, 4).T", "grid(4, 4) @ grid(4, 4)")),
    case("callable object unchanged", CALLABLE),
    case("callable object edited", CALLABLE, ("alpha=self.n", "alpha=self.n + 1")),
    case("callable object with another value", CALLABLE, ("Scale(2)", "Scale(3)")),
    case("function made by exec unchanged", EXECUTED),
    case("function made by exec edited", EXECUTED, ("alpha=2", "alpha=3")),
    case("int constant becomes float", CONSTANT, ("x * 2", "x * 2.0")),
    case("returned constant becomes bool", RETURNED, ("@ x, 1", "@ x, True")),
    case("zero becomes negative zero", ZERO, ("0.0", "-0.0")),
    case("set constant unchanged", MEMBER),
    case("set constant edited", MEMBER, ("{2, 3, ", "{4, 3, ")),
    case("text constant edited", NAMED_DTYPE, ("float64", "bfloat16")),
    case("generator unchanged", GENERATOR),
    case("generator edited", GENERATOR, ("alpha=each", "alpha=each + 1")),
    case("comprehension edited", COMPREHENSION, ("alpha=n)", "alpha=n + 1)")),
    case("code object with replaced constants", REBUILT, ('(None, 2, ("alpha",))', '(None, 3, ("alpha",))')),
    case("function redefined in one kernel", REDEFINED),
    case("code object swapped between calls", SWAPPED_CODE),
    case("code object swapped for another", SWAPPED_CODE, ("alpha=3", "alpha=4"), expected="partial"),
    case(
        "two versions live side by side",
        FUNCTION,
        ("alpha=2", "alpha=3"),
        then=(again(FUNCTION), again(FUNCTION.replace("alpha=2", "alpha=3"))),
    ),
)
