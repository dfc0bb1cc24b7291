"""Graph breaks: in the function, in a helper, in a loop, inside a context; resume functions and their helpers."""

from __future__ import annotations

from warm_start.case import Case, case

IN_FUNCTION = """
def f(x):
    y = x @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=2)
"""

IN_HELPER = """
def helper(x):
    y = x @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=2)

def f(x):
    return helper(x) @ x
"""

IN_METHOD = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x):
        x = self.first(x)
        print("a break", x.sum().item())
        return torch.addmm(x, x, x, alpha=2)

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

IN_LOOP = """
def f(x):
    for n in range(3):
        x = torch.addmm(x, x, x, alpha=n)
        print("a break")
    return x @ x
"""

IN_CONTEXT = """
def f(x):
    with torch.no_grad():
        y = x @ x
        print("a break")
        y = torch.addmm(y, y, x, alpha=2)
    return y @ x

compiled = torch.compile(f)
x = grid(4, 4).requires_grad_()
result, eager = compiled(x).detach(), f(x).detach()
"""

IN_AUTOCAST = """
def f(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x
        print("a break")
        y = y @ x
    return y @ y
"""

EXPLICIT = """
def f(x):
    y = x @ x
    torch._dynamo.graph_break()
    return torch.addmm(y, y, x, alpha=2)
"""

ITEM = """
def f(x):
    n = int(x.sum().abs().item()) + 1
    return torch.addmm(x, x, x, alpha=n)
"""

DATA_BRANCH = """
def f(x):
    if x.sum() > 0:
        return torch.addmm(x, x, x, alpha=2)
    return x @ x.T

compiled = torch.compile(f)
inputs = [grid(4, 4) + 1, grid(4, 4) - 5]
result, eager = [compiled(x) for x in inputs], [f(x) for x in inputs]
"""

RESUME_HELPER = """
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    y = x @ x
    print("a break")
    return helper(y)
"""

RESUME_GLOBAL = """
SCALE = 2

def f(x):
    y = x @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=SCALE)
"""

NESTED = """
def inner(x):
    print("inner")
    return torch.addmm(x, x, x, alpha=2)

def middle(x):
    y = inner(x) @ x
    print("middle")
    return y

def f(x):
    y = middle(x)
    return y @ x
"""

CLOSURE = """
def make(n):
    def inner(x):
        y = x @ x
        print("a break")
        return torch.addmm(y, y, x, alpha=n)
    return inner

f = make(2)
"""

TWICE = """
def f(x):
    y = x @ x
    print("first")
    y = torch.addmm(y, y, x, alpha=2)
    print("second")
    return y @ x
"""

TRY = """
def f(x):
    try:
        y = x @ x
        print("a break")
        raise ValueError
    except ValueError:
        y = x @ x.T
    return y @ x
"""

RAISES = """
def f(x, limit=1):
    if x.shape[0] > limit:
        raise ValueError(f"more than {limit}")
    return x @ x

def call(fn, x):
    try:
        return fn(x)
    except ValueError as error:
        return str(error)

compiled = torch.compile(f)
inputs = [grid(1, 1), grid(4, 4)]
result, eager = [call(compiled, x) for x in inputs], [call(f, x) for x in inputs]
"""

LOGGED = """
LOG = []

def note(x):
    LOG.append(float(x.sum()))

def f(x):
    y = x @ x
    torch._dynamo.graph_break()
    note(y)
    return torch.addmm(y, y, x, alpha=2)

def run(fn):
    LOG.clear()
    out = [fn(x), fn(x)]
    return [out, list(LOG)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

SHAPES = """
def f(x):
    y = x @ w
    print("a break")
    return torch.addmm(y, y, w, alpha=2)

w = grid(4, 4)
compiled = torch.compile(f)
result, eager = [compiled(grid(n, 4)) for n in (3, 5, 7)], [f(grid(n, 4)) for n in (3, 5, 7)]
"""

GENERATOR = """
def parts(x):
    for n in range(2):
        print("a break")
        yield torch.addmm(x, x, x, alpha=n)

def f(x):
    total = x
    for part in parts(x):
        total = total @ part
    return total
"""

UNSUPPORTED = """
import random

random.seed(7)

def f(x):
    y = x @ x
    state = random.getstate()
    return torch.addmm(y, y, x, alpha=2) if state else y
"""

CASES: tuple[Case, ...] = (
    case("break in the function", IN_FUNCTION),
    case("break in the function, edited after it", IN_FUNCTION, ("alpha=2", "alpha=3")),
    case("break in the function, edited before it", IN_FUNCTION, ("y = x @ x", "y = x @ x.T")),
    case("break in the function, printed text edited", IN_FUNCTION, ('"a break"', '"a gap"')),
    case("break in the function, moved", IN_FUNCTION, warm="# moved\n" * 10 + IN_FUNCTION, expected="hit"),
    case("break removed", IN_FUNCTION, ('    print("a break")\n', "")),
    case("break in a helper", IN_HELPER),
    case("break in a helper, helper edited", IN_HELPER, ("alpha=2", "alpha=3"), expected="miss or partial"),
    case(
        "break in a helper, function edited",
        IN_HELPER,
        ("helper(x) @ x", "helper(x) @ x.T"),
        expected="miss or partial",
    ),
    case("break in a module", IN_METHOD),
    case("break in a module, edited", IN_METHOD, ("alpha=2", "alpha=3")),
    # Dynamo skips a frame that breaks in a loop or in a `try`: nothing is compiled, so there is nothing to keep.
    case("break in a loop", IN_LOOP, expected="miss"),
    case("break in a loop, edited", IN_LOOP, ("alpha=n", "alpha=n + 1")),
    case("break in a loop, longer", IN_LOOP, ("range(3)", "range(4)")),
    case("break inside no grad", IN_CONTEXT),
    case("break inside no grad, edited", IN_CONTEXT, ("alpha=2", "alpha=3")),
    case("break inside autocast", IN_AUTOCAST),
    case("explicit break", EXPLICIT),
    case("item read", ITEM),
    case("item read, edited", ITEM, ("+ 1\n", "+ 2\n")),
    case("branch on data", DATA_BRANCH),
    case("branch on data, other branch edited", DATA_BRANCH, ("x @ x.T", "x.T @ x")),
    case("helper after a break", RESUME_HELPER),
    case("helper after a break edited", RESUME_HELPER, ("alpha=2", "alpha=3"), expected="partial or miss"),
    case("global after a break changed", RESUME_GLOBAL, ("SCALE = 2", "SCALE = 3"), expected="partial or miss"),
    case("breaks in nested helpers", NESTED),
    case("breaks in nested helpers, innermost edited", NESTED, ("alpha=2", "alpha=3"), expected="partial or miss"),
    case("break in a closure", CLOSURE),
    case("break in a closure, value changed", CLOSURE, ("make(2)", "make(3)"), expected="partial or miss"),
    case("two breaks", TWICE),
    case("two breaks, edited between", TWICE, ("alpha=2", "alpha=3")),
    case("break in a try", TRY, expected="miss"),
    case("exception raised", RAISES, expected="hit or partial or miss"),
    case("exception raised, limit changed", RAISES, ("limit=1", "limit=9"), expected="miss or partial"),
    case("effects after a break", LOGGED),
    case(
        "effects after a break, edited",
        LOGGED,
        ("float(x.sum())", "float(x.sum()) + 1"),
        expected="hit or miss or partial",
    ),
    case("break with dynamic sizes", SHAPES),
    case("break in a generator", GENERATOR, expected="hit or miss or partial"),
    case("break in a generator, edited", GENERATOR, ("alpha=n", "alpha=n + 1"), expected="miss or partial or hit"),
    case("break at an unsupported call", UNSUPPORTED),
    case("break at an unsupported call, edited", UNSUPPORTED, ("alpha=2", "alpha=3")),
)
