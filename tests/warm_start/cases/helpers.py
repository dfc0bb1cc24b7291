"""Helpers: what a compiled function calls and Dynamo inlines; in the same cell, in a module on disk, in a container."""

from __future__ import annotations

from warm_start.case import Case, case

HELPER = """
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x) @ x
"""

OF_HELPER = """
def deeper(x):
    return torch.addmm(x, x, x, alpha=2)

def helper(x):
    return deeper(x) @ x

def f(x):
    return helper(x) @ x
"""

REDEFINED = """
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
"""

REDEFINES = """
# %%
def helper(x):
    return torch.addmm(x, x, x, alpha=5)

result += [compiled(x)]
eager += [f(x)]
"""

DELETES = """
# %%
del helper

def call(fn):
    try:
        return fn(x)
    except NameError:
        return "no helper"

result += [call(compiled)]
eager += [call(f)]
"""

REDEFINED_BEFORE_CALL = """
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x) @ x

compiled = torch.compile(f)

def helper(x):
    return torch.addmm(x, x, x, alpha=3)

x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

GLOBAL_OF_HELPER = """
SCALE = 2

def helper(x):
    return torch.addmm(x, x, x, alpha=SCALE)

def f(x):
    return helper(x) @ x
"""

DEFAULT_OF_HELPER = """
def helper(x, n=2):
    return torch.addmm(x, x, x, alpha=n)

def f(x):
    return helper(x) @ x
"""

CLOSURE_OF_HELPER = """
def make(n):
    return lambda x: torch.addmm(x, x, x, alpha=n)

helper = make(2)

def f(x):
    return helper(x) @ x
"""

UNUSED = """
def unused(x):
    return x + 1

def f(x, is_used=False):
    return unused(x) if is_used else x @ x
"""

REBOUND = """
def first(x):
    return torch.addmm(x, x, x, alpha=2)

def second(x):
    return torch.addmm(x, x, x, alpha=3)

step = first

def f(x):
    return step(x) @ x
"""

REBOUND_TO_TORCHS = """
act = torch.relu

def f(x):
    return act(x @ x)
"""

IN_LIST = """
def first(x):
    return torch.addmm(x, x, x, alpha=2)

def second(x):
    return x @ x.T

STEPS = [first, second]

def f(x):
    for step in STEPS:
        x = step(x)
    return x
"""

IN_DICT = """
def first(x):
    return torch.addmm(x, x, x, alpha=2)

def second(x):
    return x @ x.T

STEPS = {"on": first, "off": second}

def f(x):
    return STEPS["on"](x)
"""

AS_ARGUMENT = """
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x, step):
    return step(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x, helper), f(x, helper)
"""

LAMBDA_AS_ARGUMENT = """
def f(x, step):
    return step(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
steps = [lambda x: torch.addmm(x, x, x, alpha=2), lambda x: torch.addmm(x, x, x, alpha=3)]
result, eager = [compiled(x, step) for step in steps], [f(x, step) for step in steps]
"""

DECORATED = """
import functools

def twice(fn):
    @functools.wraps(fn)
    def inner(x):
        return fn(fn(x)) @ x
    return inner

@twice
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x) @ x
"""

CACHED = """
import functools

@functools.lru_cache
def factor(n):
    return n + 1

def f(x):
    return torch.addmm(x, x, x, alpha=factor(2))
"""

DISABLED = """
@torch.compiler.disable
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x @ x) @ x
"""

COMPILED = """
@torch.compile
def helper(x):
    return torch.addmm(x, x, x, alpha=2)

def f(x):
    return helper(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
result = compiled(x)
with torch.compiler.set_stance("force_eager"):
    eager = f(x)
"""

PATCHED = """
import torch.nn.functional as F

original = F.linear

def mine(x, w):
    return torch.addmm(x, x, w, alpha=2)

PATCH = None

def f(x):
    return F.linear(x, x)

F.linear = PATCH or original
try:
    compiled = torch.compile(f)
    x = grid(4, 4)
    result, eager = compiled(x), f(x)
finally:
    F.linear = original
"""

BUILTIN_SHADOWED = """
def f(x):
    return torch.addmm(x, x, x, alpha=max(2, 3))
"""

IMPORTED_NAME = """
from CASE_ID_lib import helper

def f(x):
    return helper(x) @ x
"""

IMPORTED_MODULE = """
import CASE_ID_lib as lib

def f(x):
    return lib.helper(x) @ x
"""

IMPORTED_INSIDE = """
def f(x):
    from CASE_ID_lib import helper
    return helper(x) @ x
"""

LIBRARY = {
    "CASE_ID_lib": """
import torch

SCALE = 2

def deeper(x):
    return x @ x

def helper(x):
    return torch.addmm(x, deeper(x), x, alpha=SCALE)
"""
}

MONKEYPATCHED = """
import CASE_ID_lib as lib

def f(x):
    return lib.helper(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
lib.deeper = lambda x: x @ x.T
result += [compiled(x)]
eager += [f(x)]
"""

STORED_IN_MODULE = """
import CASE_ID_lib as lib

def mine(x):
    return torch.addmm(x, x, x, alpha=3)

lib.deeper = mine

def f(x):
    return lib.helper(x) @ x
"""

CASES: tuple[Case, ...] = (
    case("helper unchanged", HELPER),
    case("helper edited", HELPER, ("alpha=2", "alpha=3")),
    case("helper moved and commented", HELPER, ("def f(x)", "# moved\n\n\ndef f(x)"), expected="hit"),
    case("helper renamed", HELPER, ("helper", "assistant"), expected="miss"),
    case("helper of a helper unchanged", OF_HELPER),
    case("helper of a helper edited", OF_HELPER, ("alpha=2", "alpha=3")),
    case("helper redefined in the cold kernel", REDEFINED + REDEFINES, expected="hit"),
    case("helper redefined after a warm start", REDEFINED, warm=REDEFINED + REDEFINES, expected="partial"),
    case(
        "helper redefined in each kernel to another", REDEFINED + REDEFINES, ("alpha=5", "alpha=6"), expected="partial"
    ),
    case("helper deleted after a warm start", REDEFINED, warm=REDEFINED + DELETES, expected="hit or partial"),
    case("helper redefined before the first call", REDEFINED_BEFORE_CALL),
    case("helper redefined before the first call to another", REDEFINED_BEFORE_CALL, ("alpha=3", "alpha=4")),
    case("global of a helper unchanged", GLOBAL_OF_HELPER),
    case("global of a helper changed", GLOBAL_OF_HELPER, ("SCALE = 2", "SCALE = 3")),
    case("default of a helper changed", DEFAULT_OF_HELPER, ("n=2", "n=3")),
    case("closure of a helper unchanged", CLOSURE_OF_HELPER),
    case("closure of a helper changed", CLOSURE_OF_HELPER, ("make(2)", "make(3)")),
    case("helper that is not called edited", UNUSED, ("x + 1", "x + 2"), expected="hit or miss"),
    case("global rebound to another function", REBOUND, ("step = first", "step = second")),
    case("global rebound to another function of torch", REBOUND_TO_TORCHS, ("torch.relu", "torch.tanh")),
    case("helpers in a list unchanged", IN_LIST),
    case("helpers in a list reordered", IN_LIST, ("[first, second]", "[second, first]")),
    case("helper in a list edited", IN_LIST, ("alpha=2", "alpha=3")),
    case("helpers in a dict unchanged", IN_DICT),
    case("helpers in a dict swapped", IN_DICT, ('"on": first, "off": second', '"off": first, "on": second')),
    case("helper as an argument unchanged", AS_ARGUMENT),
    case("helper as an argument edited", AS_ARGUMENT, ("alpha=2", "alpha=3")),
    case("lambdas as arguments unchanged", LAMBDA_AS_ARGUMENT),
    case("lambda as an argument edited", LAMBDA_AS_ARGUMENT, ("alpha=2", "alpha=4"), expected="partial"),
    case("decorated helper unchanged", DECORATED),
    case("decorator of a helper edited", DECORATED, ("fn(fn(x)) @ x", "fn(fn(x)) @ x.T")),
    case("decorated helper edited", DECORATED, ("alpha=2", "alpha=3")),
    case("cached helper unchanged", CACHED),
    case("cached helper edited", CACHED, ("n + 1", "n + 2")),
    case("disabled helper unchanged", DISABLED),
    case("disabled helper edited", DISABLED, ("alpha=2", "alpha=3"), expected="hit or miss or partial"),
    case("compiled helper unchanged", COMPILED),
    case("compiled helper edited", COMPILED, ("alpha=2", "alpha=3")),
    case("function of torch patched", PATCHED, ("PATCH = None", "PATCH = mine")),
    case("function of torch patched in both", PATCHED.replace("PATCH = None", "PATCH = mine")),
    case("builtin shadowed", BUILTIN_SHADOWED, warm="max = min\n" + BUILTIN_SHADOWED, expected="miss"),
    case("helper imported by name unchanged", IMPORTED_NAME, files=LIBRARY),
    case("helper imported by name edited", IMPORTED_NAME, ("@ x\n\ndef h", "@ x.T\n\ndef h"), files=LIBRARY),
    case("helper of an imported module unchanged", IMPORTED_MODULE, files=LIBRARY),
    case("helper of an imported module edited", IMPORTED_MODULE, ("(x, deeper(x), x, a", "(x, x, x, a"), files=LIBRARY),
    case("global of an imported module changed", IMPORTED_MODULE, ("SCALE = 2", "SCALE = 3"), files=LIBRARY),
    case(
        "imported module moved", IMPORTED_MODULE, ("SCALE = 2", "# moved\n\nSCALE = 2"), files=LIBRARY, expected="hit"
    ),
    case("helper imported inside unchanged", IMPORTED_INSIDE, files=LIBRARY, expected="hit"),
    case("helper imported inside edited", IMPORTED_INSIDE, ("(x, deeper(x), x, a", "(x, x, x, a"), files=LIBRARY),
    case("module monkeypatched between calls", MONKEYPATCHED, files=LIBRARY),
    case("module monkeypatched to another", MONKEYPATCHED, ("x @ x.T", "x.T @ x"), files=LIBRARY, expected="partial"),
    case("function stored in a module unchanged", STORED_IN_MODULE, files=LIBRARY),
    case("function stored in a module edited", STORED_IN_MODULE, ("alpha=3", "alpha=4"), files=LIBRARY),
)
