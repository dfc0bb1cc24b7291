"""State: globals of all kinds, side effects, inputs that are mutated, results of all kinds, random numbers."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

GLOBAL = """
VALUE = 2

def f(x):
    return torch.addmm(x, x, x, alpha=VALUE)
"""

GLOBAL_CHANGES = """
VALUE = 2

def f(x):
    return torch.addmm(x, x, x, alpha=VALUE)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
"""

CHANGES = """
VALUE = 5
result += [compiled(x)]
eager += [f(x)]
"""

GLOBAL_FLOAT = """
VALUE = 2.5

def f(x):
    return x @ x if VALUE > 2.25 else x @ x.T
"""

GLOBAL_TEXT = """
VALUE = "float64"

def f(x):
    return (x @ x).to(getattr(torch, VALUE))
"""

LOOP = """
COUNT = 2

def f(x):
    for _ in range(COUNT):
        x = torch.addmm(x, x, x, alpha=2)
    return x
"""

TENSOR = """
weight = grid(4, 4).T.contiguous()

def f(x):
    return x @ weight
"""

ARRAY = """
import numpy as np

array = np.arange(16, dtype=np.float32).reshape(4, 4)

def f(x):
    return x @ torch.from_numpy(array)
"""

NUMPY = """
import numpy as np

def f(x):
    return np.matmul(x, x) + 1

compiled = torch.compile(f)
x = np.arange(16.0).reshape(4, 4) / 16
result, eager = torch.from_numpy(compiled(x)), torch.from_numpy(f(x))
"""

COUNTER = """
count = 0

def f(x):
    global count
    count += 1
    return torch.addmm(x, x, x, alpha=2)

def run(fn):
    global count
    count = 0
    return [fn(x), count, fn(x), count]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

APPENDED = """
seen = []

def f(x):
    seen.append(x.shape[0])
    return torch.addmm(x, x, x, alpha=2)

def run(fn):
    seen.clear()
    out = fn(x)
    return [out, list(seen)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

APPENDED_TENSOR = """
seen = []

def f(x):
    y = x @ x
    seen.append(y)
    return y @ x

def run(fn):
    seen.clear()
    out = fn(x)
    return [out, list(seen)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

STORED = """
class Holder:
    def __init__(self):
        self.last = None
        self.calls = 0

holder = Holder()

def f(x):
    holder.last = x @ x
    holder.calls += 1
    return holder.last @ x

def run(fn):
    holder.calls = 0
    out = fn(x)
    return [out, holder.last, holder.calls]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

DICT_FILLED = """
cache = {}

def f(x, key):
    cache[key] = x @ x
    return cache[key] @ x

def run(fn):
    cache.clear()
    out = fn(x, "a")
    return [out, dict(cache)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

NONLOCAL = """
def make():
    count = 0
    def inner(x):
        nonlocal count
        count += 1
        return torch.addmm(x, x, x, alpha=2)
    return inner, lambda: count

def run(is_compiled):
    inner, read = make()
    fn = torch.compile(inner) if is_compiled else inner
    return [fn(x), fn(x), read()]

x = grid(4, 4)
result, eager = run(True), run(False)
"""

ITERATOR = """
import itertools

numbers = None

def f(x):
    return torch.addmm(x, x, x, alpha=next(numbers))

def run(fn):
    global numbers
    numbers = itertools.count(2)
    return [fn(x), fn(x)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

MUTATED = """
def f(x):
    x.copy_(x @ x)
    return torch.addmm(x, x, x, alpha=2)

def run(fn):
    x = grid(4, 4)
    return [fn(x), x]

result, eager = run(torch.compile(f)), run(f)
"""

MUTATED_KERNEL = """
def f(x):
    x.add_(1)
    return x * 2

def run(fn):
    x = grid(4, 4)
    return [fn(x), x]

result, eager = run(torch.compile(f)), run(f)
"""

RESIZED_GLOBAL = """
buffer = grid(4, 4)

def f(x):
    buffer.copy_(x @ x)
    return buffer @ x

def run(fn):
    buffer.zero_()
    out = fn(x)
    return [out, buffer.clone()]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

VIEW = """
def f(x):
    return x[1:], x.T

def run(fn):
    x = grid(4, 4)
    a, b = fn(x)
    x.add_(10)
    return [a, b, a.data_ptr() - x.data_ptr(), b.data_ptr() - x.data_ptr()]

result, eager = run(torch.compile(f)), run(f)
"""

SAME = """
def f(x):
    y = x @ x
    return x, y, y

def run(fn):
    x = grid(4, 4)
    a, b, c = fn(x)
    return [a is x, b is c, b]

result, eager = run(torch.compile(f)), run(f)
"""

TUPLE = """
def f(x):
    return x @ x, (x @ x.T, 3), [x.T @ x]
"""

DICT = """
def f(x):
    return {"a": x @ x, 3: (x @ x.T).sum(), "text": "b"}
"""

NOTHING = """
def f(x):
    seen.append(x @ x)

def run(fn):
    seen.clear()
    return [fn(x), list(seen)]

seen = []
x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

DATACLASS = """
from dataclasses import dataclass

@dataclass
class Output:
    product: torch.Tensor
    scale: int

def f(x):
    return Output(x @ x, 2)
"""

NAMEDTUPLE = """
from collections import namedtuple

Output = namedtuple("Output", ["product", "scale"])

def f(x):
    return Output(x @ x, 2)
"""

FUNCTION_OUT = """
def f(x):
    y = x @ x
    return lambda z: torch.addmm(z, y, z, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x)(x), f(x)(x)
"""

MODULES = """
from torch import nn

nets = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

def f(x):
    for net in nets:
        x = net(x)
    return x

compiled = torch.compile(f)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), f(x)
"""

RANDOM = """
import random

def f(x):
    return torch.addmm(x, x, x, alpha=random.randint(1, 9))

def run(fn):
    random.seed(7)
    return [fn(x), fn(x), random.random()]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

TORCH_RANDOM = """
import torch._inductor.config

torch._inductor.config.fallback_random = True

def f(x):
    return x @ torch.rand(4, 4)

def run(fn):
    torch.manual_seed(7)
    return [fn(x), torch.rand(3)]

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

SEEDED_INSIDE = """
import torch._inductor.config

torch._inductor.config.fallback_random = True

def f(x):
    torch.manual_seed(3)
    return x @ torch.rand(4, 4)
"""

CONSTANT_TENSOR = """
def f(x):
    return x @ torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
"""

STACKED_TENSORS = """
weights = [grid(4, 4), grid(4, 4).T.contiguous()]

def f(x):
    for weight in weights:
        x = x @ weight
    return x
"""

GRAD_MODE_SET = """
def f(x):
    torch.set_grad_enabled(False)
    return x @ x

def run(fn):
    torch.set_grad_enabled(True)
    try:
        return [fn(x).detach(), torch.is_grad_enabled()]
    finally:
        torch.set_grad_enabled(True)

x = grid(4, 4)
result, eager = run(torch.compile(f)), run(f)
"""

CASES: tuple[Case, ...] = (
    case("global int unchanged", GLOBAL),
    case("global int changed", GLOBAL, ("VALUE = 2", "VALUE = 3")),
    case("global int changes between calls", GLOBAL_CHANGES + CHANGES, expected="hit"),
    case("global int changes after a warm start", GLOBAL_CHANGES, warm=GLOBAL_CHANGES + CHANGES, expected="partial"),
    in_cell("global float unchanged", GLOBAL_FLOAT),
    in_cell("global float changed", GLOBAL_FLOAT, ("VALUE = 2.5", "VALUE = 1.5")),
    in_cell("global text unchanged", GLOBAL_TEXT),
    in_cell("global text changed", GLOBAL_TEXT, ("float64", "bfloat16")),
    in_cell("global loop count unchanged", LOOP),
    in_cell("global loop count changed", LOOP, ("COUNT = 2", "COUNT = 3")),
    case("global tensor unchanged", TENSOR),
    case("global tensor with other values", TENSOR, (".T.contiguous()", " * 3"), expected="hit"),
    case("global tensor of another shape", TENSOR, (".T.contiguous()", "[:, :2].contiguous()")),
    case(
        "global tensor becomes a parameter",
        TENSOR,
        ("grid(4, 4).T.contiguous()", "torch.nn.Parameter(grid(4, 4).T.contiguous())"),
    ),
    in_cell("global array unchanged", ARRAY),
    in_cell(
        "global array with other values",
        ARRAY,
        ("np.arange(16, dtype=np.float32)", "np.ones(16, dtype=np.float32)"),
        expected="hit or miss",
    ),
    in_cell("numpy function unchanged", NUMPY),
    in_cell("numpy function edited", NUMPY, ("+ 1", "+ 2")),
    case("global counter", COUNTER),
    case("global counter, edited", COUNTER, ("count += 1", "count += 2")),
    case("global list appended", APPENDED),
    case("global list appended with a tensor", APPENDED_TENSOR),
    case("attribute stored", STORED),
    case("attribute stored, edited", STORED, ("calls += 1", "calls += 2")),
    in_cell("global dict filled", DICT_FILLED),
    case("nonlocal counter", NONLOCAL),
    in_cell("global iterator", ITERATOR, expected="hit or miss or partial"),
    in_cell("input mutated", MUTATED),
    in_cell("input mutated by a kernel", MUTATED_KERNEL),
    in_cell("input no longer mutated", MUTATED, ("x.copy_(x @ x)", "x = x @ x")),
    case("global tensor mutated", RESIZED_GLOBAL),
    in_cell("views returned", VIEW),
    in_cell("inputs and results are the same objects", SAME),
    in_cell("tuple returned", TUPLE),
    in_cell("tuple returned, edited", TUPLE, (", 3)", ", 4)")),
    in_cell("dict returned", DICT),
    in_cell("dict returned, edited", DICT, ('"text": "b"', '"text": "c"')),
    in_cell("nothing returned", NOTHING),
    case("dataclass returned", DATACLASS),
    case("dataclass returned with another field", DATACLASS, ("scale: int", "factor: int")),
    case("named tuple returned", NAMEDTUPLE),
    case("named tuple returned with another field", NAMEDTUPLE, ('"scale"]', '"factor"]'), expected="hit or miss"),
    in_cell("function returned", FUNCTION_OUT, expected="hit or miss or partial"),
    in_cell("function returned, edited", FUNCTION_OUT, ("alpha=2", "alpha=3")),
    case("loop over modules", MODULES),
    case("loop over more modules", MODULES, ("[nn.Linear(4, 4), ", "[nn.Linear(4, 4), nn.Linear(4, 4), ")),
    in_cell("random number of python", RANDOM, expected="hit or miss or partial"),
    in_cell("random number of torch", TORCH_RANDOM),
    in_cell("random number seeded inside", SEEDED_INSIDE, expected="hit or miss or partial"),
    in_cell("constant tensor unchanged", CONSTANT_TENSOR),
    in_cell("constant tensor edited", CONSTANT_TENSOR, ("8.0", "9.0")),
    in_cell("global list of tensors", STACKED_TENSORS),
    in_cell("global list of tensors, longer", STACKED_TENSORS, ("[grid(4, 4), ", "[grid(4, 4), grid(4, 4), ")),
    in_cell("grad mode set inside", GRAD_MODE_SET),
)
