"""Operators: custom ops and callables that Dynamo puts into a graph without looking into them."""

from __future__ import annotations

from warm_start.case import Case, case

CUSTOM = """
SCALE = 2

def helper(x):
    return x @ x

@torch.library.custom_op("CASE_ID::scale", mutates_args=())
def scale(x: torch.Tensor) -> torch.Tensor:
    return torch.addmm(x, helper(x), x, alpha=SCALE)

@scale.register_fake
def _(x):
    return torch.empty_like(x)

def setup_context(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])

def backward(ctx, grad):
    (x,) = ctx.saved_tensors
    return torch.addmm(x, grad, x, alpha=4)

scale.register_autograd(backward, setup_context=setup_context)

def f(x):
    return scale(x) @ x

def run(fn):
    x = grid(4, 4).requires_grad_()
    out = fn(x)
    out.sum().backward()
    return [out.detach(), x.grad]

result, eager = run(torch.compile(f)), run(f)
"""

RESHAPING = """
@torch.library.custom_op("CASE_ID::half", mutates_args=())
def half(x: torch.Tensor) -> torch.Tensor:
    return x[:2].clone()

@half.register_fake
def _(x):
    return x.new_empty((2, x.shape[1]))

def f(x):
    return half(x) @ x
"""

MUTATING = """
@torch.library.custom_op("CASE_ID::fill", mutates_args=("x",))
def fill(x: torch.Tensor, value: float) -> None:
    x.fill_(value)

def f(x):
    y = x @ x
    fill(y, 2.0)
    return y @ x
"""

FROM_FILE = """
import CASE_ID_ops

def f(x):
    return torch.ops.CASE_ID.scale(x) @ x
"""

OPS_FILE = {
    "CASE_ID_ops": """
import torch

@torch.library.custom_op("CASE_ID::scale", mutates_args=())
def scale(x: torch.Tensor) -> torch.Tensor:
    return torch.addmm(x, x, x, alpha=2)

@scale.register_fake
def _(x):
    return torch.empty_like(x)
"""
}

LIBRARY = """
library = torch.library.Library("CASE_ID", "DEF")
library.define("scale(Tensor x) -> Tensor")

def scale(x):
    return torch.addmm(x, x, x, alpha=2)

library.impl("scale", scale, "CompositeImplicitAutograd")

def f(x):
    return torch.ops.CASE_ID.scale(x) @ x
"""

ALLOWED = """
SCALE = 2

def helper(x):
    return x @ x

@torch.compiler.allow_in_graph
def op(x):
    return torch.addmm(x, helper(x), x, alpha=SCALE)

def f(x):
    return op(x) @ x
"""

ALLOWED_CLOSURE = """
def make(n):
    def op(x):
        return torch.addmm(x, x, x, alpha=n)
    return torch.compiler.allow_in_graph(op)

op = make(2)

def f(x):
    return op(x) @ x
"""

ALLOWED_STATE = """
CONFIG = {"n": 2}

class Holder:
    n = 3

@torch.compiler.allow_in_graph
def op(x):
    return torch.addmm(x, x, x, alpha=CONFIG["n"], beta=Holder.n)

def f(x):
    return op(x) @ x
"""

ALLOWED_FILE = """
import CASE_ID_lib as lib

torch.compiler.allow_in_graph(lib.op)

def f(x):
    return lib.op(x) @ x
"""

ALLOWED_LIBRARY = {
    "CASE_ID_lib": """
import torch

SCALE = 2

def op(x):
    return torch.addmm(x, x, x, alpha=SCALE)
"""
}

ALLOWED_IN_CHECKPOINT = """
from torch.utils.checkpoint import checkpoint

SCALE = 2

@torch.compiler.allow_in_graph
def op(x):
    return torch.addmm(x, x, x, alpha=SCALE)

def f(x):
    return checkpoint(op, x, use_reentrant=False) @ x
"""

CONSTANT_RESULT = """
SCALE = 2

@torch.compiler.assume_constant_result
def scale():
    return SCALE

def f(x):
    return torch.addmm(x, x, x, alpha=scale())
"""

NONSTRICT = """
SCALE = 2

@torch._dynamo.nonstrict_trace
def op(x):
    return torch.addmm(x, x, x, alpha=SCALE)

def f(x):
    return op(x) @ x
"""

SUBSTITUTED = """
def slow(x):
    return x @ x

@torch.compiler.substitute_in_graph(slow, skip_signature_check=True)
def fast(x):
    return torch.mm(x, x)

def f(x):
    return slow(x) @ x
"""

COND = """
def yes(x):
    return torch.addmm(x, x, x, alpha=2)

def no(x):
    return x @ x

def f(x):
    return torch.cond(x.sum() > THRESHOLD, yes, no, (x,))
""".replace("THRESHOLD", "-100")

CASES: tuple[Case, ...] = (
    case("custom op unchanged", CUSTOM),
    case("custom op, implementation edited", CUSTOM, ("alpha=SCALE", "alpha=SCALE + 1"), expected="hit or miss"),
    case("custom op, helper edited", CUSTOM, ("return x @ x", "return x @ x.T"), expected="hit or miss"),
    case("custom op, global changed", CUSTOM, ("SCALE = 2", "SCALE = 3"), expected="hit or miss"),
    case("custom op, backward edited", CUSTOM, ("alpha=4", "alpha=5")),
    case("custom op, context edited", CUSTOM, ("(inputs[0])", "(output.detach())")),
    case("custom op, shape unchanged", RESHAPING),
    case("custom op, shape edited", RESHAPING, ("[:2]", "[:3]"), ("(2, ", "(3, ")),
    case("custom op that mutates", MUTATING),
    case("custom op that mutates, edited", MUTATING, ("x.fill_(value)", "x.fill_(value + 1)"), expected="hit or miss"),
    case("custom op in a file unchanged", FROM_FILE, files=OPS_FILE),
    case("custom op in a file edited", FROM_FILE, ("alpha=2", "alpha=3"), files=OPS_FILE, expected="hit or miss"),
    case("composite op unchanged", LIBRARY, expected="hit or miss"),
    case("composite op edited", LIBRARY, ("alpha=2", "alpha=3")),
    case("allowed in graph unchanged", ALLOWED),
    case("allowed in graph edited", ALLOWED, ("alpha=SCALE", "alpha=SCALE + 1")),
    case("allowed in graph, global changed", ALLOWED, ("SCALE = 2", "SCALE = 3")),
    case("allowed in graph, helper edited", ALLOWED, ("return x @ x", "return x @ x.T")),
    case("allowed in graph, closure unchanged", ALLOWED_CLOSURE),
    case("allowed in graph, closure changed", ALLOWED_CLOSURE, ("make(2)", "make(3)")),
    case("allowed in graph, dict changed", ALLOWED_STATE, ('"n": 2', '"n": 4')),
    case("allowed in graph, class attribute changed", ALLOWED_STATE, ("n = 3", "n = 4")),
    case("allowed in graph, in a file unchanged", ALLOWED_FILE, files=ALLOWED_LIBRARY),
    case("allowed in graph, in a file edited", ALLOWED_FILE, ("alpha=SCALE", "alpha=SCALE + 1"), files=ALLOWED_LIBRARY),
    case(
        "allowed in graph, in a file, global changed", ALLOWED_FILE, ("SCALE = 2", "SCALE = 3"), files=ALLOWED_LIBRARY
    ),
    case("allowed in graph, in a checkpoint", ALLOWED_IN_CHECKPOINT, ("SCALE = 2", "SCALE = 3")),
    case("constant result unchanged", CONSTANT_RESULT, expected="hit or miss"),
    case("constant result changed", CONSTANT_RESULT, ("SCALE = 2", "SCALE = 3")),
    case("traced without strictness unchanged", NONSTRICT, expected="hit or miss"),
    case("traced without strictness, global changed", NONSTRICT, ("SCALE = 2", "SCALE = 3")),
    case("substituted unchanged", SUBSTITUTED, expected="hit or miss"),
    case(
        "substitute edited", SUBSTITUTED, ("torch.mm(x, x)", "torch.mm(x, x.T)"), ("return x @ x\n", "return x @ x.T\n")
    ),
    case("condition unchanged", COND, expected="hit or miss"),
    case("branch of a condition edited", COND, ("alpha=2", "alpha=3")),
)
