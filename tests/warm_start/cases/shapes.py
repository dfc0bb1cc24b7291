"""Shapes: dynamic sizes, second shapes, dtypes, ranks, and values that recompile."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

SIZES = """
def f(x):
    return torch.addmm(x, x, w, alpha=2)

w = grid(4, 4)
compiled = torch.compile(f)
sizes = [3, 5, 7]
result, eager = [], []
for size in sizes:
    x = grid(size, 4)
    result.append(compiled(x))
    eager.append(f(x))
"""

KERNEL_SIZES = SIZES.replace("torch.addmm(x, x, w, alpha=2)", "torch.sin(x).sum(0) + x.shape[0]")

SHAPE_READ = """
def f(x):
    if x.shape[0] > 4:
        return torch.addmm(x, x, w, alpha=2)
    return x @ w * x.shape[0]

w = grid(4, 4)
compiled = torch.compile(f)
sizes = [3, 5, 6]
result, eager = [compiled(grid(size, 4)) for size in sizes], [f(grid(size, 4)) for size in sizes]
"""

DTYPES = """
def f(x):
    return x @ x

compiled = torch.compile(f)
dtypes = [torch.float32]
result = [compiled(grid(4, 4).to(dtype)) for dtype in dtypes]
eager = [f(grid(4, 4).to(dtype)) for dtype in dtypes]
"""

RANKS = """
def f(x):
    return x @ w

w = grid(4, 4)
compiled = torch.compile(f)
shapes = [(4, 4)]
result, eager = [compiled(grid(*shape)) for shape in shapes], [f(grid(*shape)) for shape in shapes]
"""

MARKED = """
def f(x):
    return x @ w

w = grid(4, 4)
compiled = torch.compile(f)
result, eager = [], []
for size in (3, 6):
    x = grid(size, 4)
    torch._dynamo.mark_dynamic(x, 0)
    result.append(compiled(x))
    eager.append(f(x))
"""

OPTION = """
def f(x):
    return torch.addmm(x, x, w, alpha=2)

w = grid(4, 4)
compiled = torch.compile(f, dynamic=True)
sizes = [3, 5]
result, eager = [compiled(grid(size, 4)) for size in sizes], [f(grid(size, 4)) for size in sizes]
"""

VALUES = """
def f(x, n):
    return torch.addmm(x, x, x, alpha=n)

compiled = torch.compile(f)
x = grid(4, 4)
values = [1, 2]
result, eager = [compiled(x, n) for n in values], [f(x, n) for n in values]
"""

LOOPS = VALUES.replace(
    "    return torch.addmm(x, x, x, alpha=n)", "    for _ in range(n):\n        x = x @ x\n    return x"
)

FLOATS = """
def f(x, n):
    return (x @ x) * n

compiled = torch.compile(f)
x = grid(4, 4)
values = [1.5, 2.5, 3.5]
result, eager = [compiled(x, n) for n in values], [f(x, n) for n in values]
"""

SQUARE = """
def f(x, y):
    return x @ y

compiled = torch.compile(f, dynamic=True)
shapes = [(3, 3)]
result = [compiled(grid(a, b), grid(b, a)) for a, b in shapes]
eager = [f(grid(a, b), grid(b, a)) for a, b in shapes]
"""

DIVISIBLE = """
def f(x):
    if x.shape[0] % 2 == 0:
        return x.view(2, -1)
    return x.T

compiled = torch.compile(f, dynamic=True)
sizes = [4, 6]
result, eager = [compiled(grid(size, 4)) for size in sizes], [f(grid(size, 4)) for size in sizes]
"""

BACKWARD = """
def f(x):
    return torch.addmm(x, x, w, alpha=2)

def run(fn, size):
    x = grid(size, 4).requires_grad_()
    out = fn(x)
    out.sum().backward()
    return [out.detach(), x.grad]

w = grid(4, 4)
compiled = torch.compile(f)
sizes = [3, 5, 7]
result, eager = [run(compiled, size) for size in sizes], [run(f, size) for size in sizes]
"""

CASES: tuple[Case, ...] = (
    case("dynamic batch", SIZES),
    in_cell("dynamic batch with a kernel", KERNEL_SIZES),
    in_cell("dynamic batch in another order", SIZES, ("[3, 5, 7]", "[7, 3, 5]"), expected="hit or partial"),
    in_cell("dynamic batch, sizes that were not seen", SIZES, ("[3, 5, 7]", "[9, 11]"), expected="hit or partial"),
    in_cell("dynamic batch, size one", SIZES, ("[3, 5, 7]", "[3, 5, 1]"), expected="partial or hit"),
    in_cell("dynamic batch, size zero", SIZES, ("[3, 5, 7]", "[3, 5, 0]"), expected="partial or hit"),
    in_cell("dynamic batch with gradients", BACKWARD),
    in_cell("one size", SIZES.replace("[3, 5, 7]", "[3]")),
    case("second size after a warm start", SIZES.replace("[3, 5, 7]", "[3]"), ("[3]", "[3, 5]"), expected="partial"),
    in_cell("another size alone", SIZES.replace("[3, 5, 7]", "[3]"), ("[3]", "[5]")),
    in_cell("shape read in a branch", SHAPE_READ),
    in_cell(
        "shape read in a branch, sizes added", SHAPE_READ, ("[3, 5, 6]", "[3, 5, 6, 2, 9]"), expected="partial or hit"
    ),
    in_cell("one dtype", DTYPES),
    in_cell(
        "new dtype after a warm start",
        DTYPES,
        ("[torch.float32]", "[torch.float32, torch.float64]"),
        expected="partial",
    ),
    in_cell("another dtype alone", DTYPES, ("[torch.float32]", "[torch.float64]")),
    in_cell("new rank after a warm start", RANKS, ("[(4, 4)]", "[(4, 4), (2, 4, 4)]"), expected="partial"),
    in_cell("dimension marked as dynamic", MARKED),
    in_cell(
        "dimension no longer marked",
        MARKED,
        ("    torch._dynamo.mark_dynamic(x, 0)\n", ""),
        expected="hit or miss or partial",
    ),
    in_cell("dynamic option", OPTION),
    in_cell("dynamic option, other sizes", OPTION, ("[3, 5]", "[9, 2]"), expected="hit"),
    in_cell("dynamic option left out", OPTION, (", dynamic=True", ""), expected="miss or refused or partial"),
    in_cell("dynamic option switched off", OPTION, ("dynamic=True", "dynamic=False"), expected="miss or refused"),
    case("recompile for a value", VALUES),
    case("recompile for a value, new value", VALUES, ("[1, 2]", "[1, 2, 3]"), expected="partial or hit"),
    case("recompile for a value, first value alone", VALUES, ("[1, 2]", "[1]"), expected="hit"),
    case("recompile for a value, second value alone", VALUES, ("[1, 2]", "[2]"), expected="hit"),
    in_cell("value never seen alone", VALUES.replace("[1, 2]", "[1]"), ("[1]", "[2]")),
    in_cell("loop count as an argument", LOOPS),
    in_cell("loop count as an argument, new count", LOOPS, ("[1, 2]", "[1, 2, 3]"), expected="partial"),
    in_cell("float arguments", FLOATS),
    in_cell("float arguments, new value", FLOATS, ("[1.5, 2.5, 3.5]", "[1.5, 2.5, 4.5]"), expected="partial or hit"),
    in_cell("square becomes oblong", SQUARE, ("[(3, 3)]", "[(3, 3), (3, 5)]"), expected="partial or hit"),
    in_cell("size that divides", DIVISIBLE),
    in_cell("size that no longer divides", DIVISIBLE, ("[4, 6]", "[4, 6, 5]"), expected="partial"),
)
