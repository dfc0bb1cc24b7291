"""Bundles: the order of sessions and compiles, several kernels on one bundle, saves in a row, foreign bundles."""

from __future__ import annotations

from warm_start.case import Case, again, case

FUNCTION = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""

COMPILED_FIRST = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
with session():
    result, eager = compiled(x), f(x)
"""

THREE = """
def first(x):
    return torch.addmm(x, x, x, alpha=2)

def second(x):
    return torch.addmm(x, x, x, alpha=3)

def third(x):
    return torch.addmm(x, x, x, alpha=4)

x = grid(4, 4)
used = [first, second, third]
result, eager = [torch.compile(f)(x) for f in used], [f(x) for f in used]
"""

ONE_OF_THREE = THREE.replace("[first, second, third]", "[second]")
NONE_OF_THREE = THREE.replace("[first, second, third]", "[]")

SAVES = """
def f(x):
    y = torch.sin(x) @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=2)

x = grid(4, 4)
result, eager = [], []
for _ in range(COUNT):
    with session():
        compiled = torch.compile(f)
        result.append(compiled(x))
        eager.append(f(x))
"""

SIZES = """
import json, megacache

def sizes():
    with megacache.Bundle.open(bundle) as opened:
        return len(opened.tables.artifacts), len(opened.tables.sessions), bundle.stat().st_size
"""

FIRST_SIZE = f"""{SIZES}
bundle.with_suffix(".size").write_text(json.dumps(sizes()))
"""

LAST_SIZE = f"""{SIZES}
(artifacts, sessions, size), (first_artifacts, first_sessions, first_size) = (
    sizes(), json.loads(bundle.with_suffix(".size").read_text()))
grown = (size - first_size) / (sessions - first_sessions)
result += [artifacts, grown < 10_000 or f"each save added {{grown:,.0f}} bytes"]
eager += [first_artifacts, True]
"""
"""The artifacts are those of the first save; a session that only hits adds its own rows and nothing else."""

RESET = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
"""

AFTER_RESET = """
torch._dynamo.reset()
result += [compiled(x), torch.compile(f)(x)]
eager += [f(x), f(x)]
"""

AFTER_THE_SESSION = """
def helper(x):
    return torch.addmm(x, x, w, alpha=2)

def f(x):
    return helper(x) @ w

w = grid(4, 4)
compiled = torch.compile(f)
with session():
    result, eager = [compiled(grid(4, 4))], [f(grid(4, 4))]
result.append(compiled(grid(5, 4)))
eager.append(f(grid(5, 4)))

def helper(x):
    return torch.addmm(x, x, w, alpha=7)

result += [compiled(grid(4, 4)), compiled(grid(5, 4))]
eager += [f(grid(4, 4)), f(grid(5, 4))]
"""

DISABLED = AFTER_THE_SESSION.replace("result.append(", "__import__('megacache').disable()\nresult.append(", 1)

FAILS = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
try:
    with session():
        result, eager = compiled(x), f(x)
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
"""

CELL_AGAIN = """
result, eager = [], []
for _ in range(2):
    with session():
        def f(x):
            return torch.addmm(x, x, x, alpha=2)
        compiled = torch.compile(f)
        x = grid(4, 4)
        result.append(compiled(x))
        eager.append(f(x))
"""

EDITED_AGAIN = """
with session():
    def f(x):
        return torch.addmm(x, x, x, alpha=2)
    x = grid(4, 4)
    result, eager = [torch.compile(f)(x)], [f(x)]
# %%
with session():
    def f(x):
        return torch.addmm(x, x, x, alpha=3)
    result += [torch.compile(f)(x)]
    eager += [f(x)]
"""

TWO_CELLS = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

x = grid(4, 4)
first = torch.compile(f)(x), f(x)
# %%
def f(x):
    return torch.addmm(x, x, x, alpha=3)

second = torch.compile(f)(x), f(x)
result, eager = zip(first, second)
"""

TWO_MODULES = """
import CASE_ID_a as a, CASE_ID_b as b

x = grid(4, 4)
result = [torch.compile(a.f)(x), torch.compile(b.f)(x)]
eager = [a.f(x), b.f(x)]
"""

MODULE = """
import torch

SCALE = 2

def f(x):
    return torch.addmm(x, x, x, alpha=SCALE)
"""

BROKEN_MODULE = """
import torch

SCALE = 2

def f(x):
    y = x @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=SCALE)
"""

EQUAL_MODULES = {"CASE_ID_a": MODULE, "CASE_ID_b": MODULE.replace("SCALE = 2", "SCALE = 3")}
EQUAL_BROKEN_MODULES = {"CASE_ID_a": BROKEN_MODULE, "CASE_ID_b": BROKEN_MODULE.replace("SCALE = 2", "SCALE = 3")}
UNEQUAL_MODULES = {"CASE_ID_a": MODULE, "CASE_ID_b": MODULE.replace("alpha=SCALE", "beta=SCALE")}

NOTEBOOK = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

def g(x):
    return f(x) @ x

x = grid(4, 4)
result, eager = [torch.compile(f)(x), torch.compile(g)(x)], [f(x), g(x)]
"""

OTHER_NOTEBOOK = NOTEBOOK.replace("alpha=2", "beta=2")

THREADED = """
from concurrent.futures import ThreadPoolExecutor

def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
with ThreadPoolExecutor(1) as pool:
    first = pool.submit(compiled, x).result()
result, eager = [first, compiled(x)], [f(x), f(x)]
"""

MANY_TIMES = """
def f(x, n):
    return torch.addmm(x, x, x, alpha=n)

compiled = torch.compile(f, dynamic=False)
x = grid(4, 4)
values = list(range(1, 12))
result, eager = [compiled(x, n) for n in values], [f(x, n) for n in values]
"""

TWO_COMPILED = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

x = grid(4, 4)
result, eager = [torch.compile(f)(x), torch.compile(f)(x)], [f(x), f(x)]
"""

CASES: tuple[Case, ...] = (
    case("session opened after compile", COMPILED_FIRST, has_own_sessions=True, expected="hit or miss"),
    case("saved after a partial warm run", THREE, warm=ONE_OF_THREE, expected="hit", then=(again(THREE),)),
    case("saved after a warm run of nothing", THREE, warm=NONE_OF_THREE, expected="nothing", then=(again(THREE),)),
    case(
        "eight saves in a row",
        SAVES.replace("COUNT", "1") + FIRST_SIZE,
        warm=SAVES.replace("COUNT", "3"),
        expected="hit",
        then=(again(SAVES.replace("COUNT", "3")), again(SAVES.replace("COUNT", "1") + LAST_SIZE)),
        has_own_sessions=True,
        needs_bundle=True,
    ),
    case("reset between calls", RESET + AFTER_RESET),
    case("reset between calls in the warm run", RESET, warm=RESET + AFTER_RESET, expected="hit"),
    case("calls after the session", AFTER_THE_SESSION, has_own_sessions=True, expected="hit"),
    case("calls after megacache was disabled", DISABLED, has_own_sessions=True, needs_bundle=True, expected="hit"),
    case("session that failed", FAILS, has_own_sessions=True),
    case("cell executed twice", CELL_AGAIN, has_own_sessions=True),
    case("cell edited and executed again", EDITED_AGAIN, has_own_sessions=True),
    case(
        "cell edited to another and executed again",
        EDITED_AGAIN,
        ("alpha=3", "alpha=4"),
        has_own_sessions=True,
        expected="partial",
    ),
    case("one name in two cells", TWO_CELLS),
    case(
        "one name in two cells, swapped",
        TWO_CELLS,
        ("alpha=2", "alpha=1"),
        ("alpha=3", "alpha=2"),
        ("alpha=1", "alpha=3"),
        expected="hit or partial or miss",
    ),
    case("one name in two modules of equal code", TWO_MODULES, files=EQUAL_MODULES),
    case(
        "one name in two modules of equal code, one global changed",
        TWO_MODULES,
        ("SCALE = 3", "SCALE = 4"),
        files=EQUAL_MODULES,
        expected="partial",
    ),
    case("one name in two modules of equal code with a break", TWO_MODULES, files=EQUAL_BROKEN_MODULES),
    case("one name in two modules of other code", TWO_MODULES, files=UNEQUAL_MODULES),
    case(
        "two notebooks with one bundle",
        NOTEBOOK,
        warm=OTHER_NOTEBOOK,
        expected="miss",
        then=(again(NOTEBOOK), again(OTHER_NOTEBOOK)),
    ),
    case("bundle of another function", FUNCTION, warm="def g(x):\n    return x @ x.T\n\nf = g\n", expected="miss"),
    case("called from a thread", THREADED),
    case("recompiled to the limit", MANY_TIMES, expected="hit or partial"),
    case("compiled twice", TWO_COMPILED),
    case(
        "bundle of another torch",
        FUNCTION,
        expected="refused",
        needs_bundle=True,
        reason="2.12.0",
        tamper="UPDATE system_info SET torch_version = '2.12.0'",
    ),
    case(
        "bundle of another python",
        FUNCTION,
        expected="refused",
        needs_bundle=True,
        reason="3.10",
        tamper="UPDATE system_info SET python_version = 'CPython 3.10.1'",
    ),
    case(
        "bundle of another cpu",
        FUNCTION,
        expected="refused",
        needs_bundle=True,
        reason="amx",
        tamper="UPDATE system_info SET cpu_isa = 'amx'",
    ),
)
