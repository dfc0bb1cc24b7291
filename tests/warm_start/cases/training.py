"""Training: gradients, optimizer steps, autocast, autograd functions, checkpoints, dropout."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

GRADS = """
def run(fn):
    x = grid(4, 4).requires_grad_()
    out = fn(x)
    out.sum().backward()
    return [out.detach(), x.grad]

result, eager = run(torch.compile(f)), run(f)
"""

FUNCTION = (
    """
def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""
    + GRADS
)

SGD = """
from torch import nn

def train(is_compiled):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    forward = torch.compile(net) if is_compiled else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = forward(grid(3, 4)).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [losses, [p.detach() for p in net.parameters()]]

result, eager = train(True), train(False)
"""

LOSS_INSIDE = SGD.replace(
    "    forward = torch.compile(net) if is_compiled else net\n",
    "    def step(x):\n        return (net(x) @ net(x).T).sum()\n"
    "    forward = torch.compile(step) if is_compiled else step\n",
)

OPTIMIZER = """
def train(is_compiled):
    p = torch.nn.Parameter(grid(4, 4))
    optimizer = torch.optim.SGD([p], lr=LR)
    step = torch.compile(optimizer.step) if is_compiled else optimizer.step
    for _ in range(2):
        p.grad = p.detach() @ p.detach()
        step()
    return p.detach()

result, eager = train(True), train(False)
""".replace("LR", "0.1")

LATE = """
from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
compiled = torch.compile(net)
x = grid(4, 4)
result, eager = [compiled(x).detach()], [net(x).detach()]
"""

LATE_BACKWARD = (
    LATE
    + """
for fn, found in ((compiled, result), (net, eager)):
    net.zero_grad()
    fn(x).sum().backward()
    found += [p.grad.clone() for p in net.parameters()]
"""
)

AUTOCAST = """
def f(x):
    return x @ x

compiled = torch.compile(f)
x = grid(4, 4)
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=True):
    result, eager = compiled(x), f(x)
"""

AUTOCAST_INSIDE = """
def f(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x
    return y.float() @ x
"""

AUTOCAST_GRADS = (
    """
def f(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return x @ x
"""
    + GRADS
)

AUTOGRAD_FUNCTION = (
    """
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x @ x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return torch.addmm(x, grad, x, alpha=2)

def f(x):
    return Square.apply(x)
"""
    + GRADS
)

CHECKPOINT = (
    """
from torch.utils.checkpoint import checkpoint

SCALE = 2

def inner(x):
    return torch.addmm(x, x, x, alpha=SCALE)

def f(x):
    return checkpoint(inner, x, use_reentrant=False) @ x
"""
    + GRADS
)

TENSOR_HOOK = (
    """
def double(grad):
    return grad @ grad

def f(x):
    y = x @ x
    y.register_hook(double)
    return y @ x
"""
    + GRADS
)

DETACHED = (
    """
def f(x):
    return x.detach() @ x
"""
    + GRADS
)

TWO_INPUTS = """
def f(x, y):
    return torch.addmm(x, x, y, alpha=2)

def run(fn):
    x, y = grid(4, 4).requires_grad_(True), grid(4, 4).T.contiguous().requires_grad_(True)
    out = fn(x, y)
    out.sum().backward()
    return [out.detach(), x.grad, y.grad]

result, eager = run(torch.compile(f)), run(f)
"""

ACCUMULATED = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

def run(fn):
    x = grid(4, 4).requires_grad_()
    for _ in range(3):
        fn(x).sum().backward()
    return x.grad

result, eager = run(torch.compile(f)), run(f)
"""

RETAINED = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

def run(fn):
    x = grid(4, 4).requires_grad_()
    out = fn(x).sum()
    out.backward(retain_graph=True)
    out.backward()
    return x.grad

result, eager = run(torch.compile(f)), run(f)
"""

BROKEN = (
    """
def f(x):
    y = x @ x
    print("a break")
    return torch.addmm(y, y, x, alpha=2)
"""
    + GRADS
)

NO_GRAD_INSIDE = (
    """
def f(x):
    with torch.no_grad():
        y = x @ x
    return torch.addmm(y, x, x, alpha=2)
"""
    + GRADS
)

DROPOUT = """
def f(x):
    return torch.nn.functional.dropout(x, 0.5, training=True)

torch.manual_seed(5)
x = torch.ones(64, 64, requires_grad=True)
out = torch.compile(f)(x)
out.sum().backward()
kept = (out != 0).float().mean().item()
result = [abs(kept - 0.5) < 0.05, out.detach().unique().tolist(), x.grad]
eager = [True, [0.0, 2.0], out.detach()]
"""

VMAP = """
def inner(x, y):
    return x @ y

def f(x):
    return torch.func.vmap(inner)(x, x)

compiled = torch.compile(f)
x = grid(2, 4, 4)
result, eager = compiled(x), f(x)
"""

GRAD_INSIDE = """
def loss(x):
    return torch.addmm(x, x, x, alpha=2).sum()

def f(x):
    return torch.func.grad(loss)(x)
"""

CASES: tuple[Case, ...] = (
    case("gradients unchanged", FUNCTION),
    case("gradients of an edited function", FUNCTION, ("alpha=2", "alpha=3")),
    case("two steps of sgd", SGD),
    in_cell("two steps of sgd with another rate", SGD, ("lr=0.1", "lr=0.2"), expected="hit"),
    in_cell("two steps of sgd of a wider net", SGD, ("nn.Linear(4, 2)", "nn.Linear(4, 3)")),
    case("loss inside unchanged", LOSS_INSIDE),
    case("loss inside edited", LOSS_INSIDE, ("net(x).T)", "net(x).T @ net(x))")),
    # Dynamo pins the optimizer by identity, and an optimizer has no content that another process can compare.
    in_cell("optimizer step compiled", OPTIMIZER, expected="hit or miss"),
    in_cell("optimizer step compiled with another rate", OPTIMIZER, ("lr=0.1", "lr=0.2"), expected="miss or hit"),
    in_cell("backward never called", LATE, expected="hit or miss"),
    case("backward called in the warm run only", LATE, warm=LATE_BACKWARD, expected="hit or miss or partial"),
    case("backward called in the cold run only", LATE_BACKWARD, warm=LATE, expected="hit"),
    case("backward called late in both runs", LATE_BACKWARD),
    in_cell("autocast unchanged", AUTOCAST),
    in_cell("autocast switched off", AUTOCAST, ("enabled=True", "enabled=False")),
    in_cell("autocast to another dtype", AUTOCAST, ("torch.bfloat16", "torch.float16")),
    in_cell("autocast inside unchanged", AUTOCAST_INSIDE),
    in_cell("autocast inside edited", AUTOCAST_INSIDE, ("dtype=torch.bfloat16", "dtype=torch.bfloat16, enabled=False")),
    in_cell("autocast inside with gradients", AUTOCAST_GRADS),
    case("autograd function unchanged", AUTOGRAD_FUNCTION, expected="hit or miss"),
    case("autograd function, forward edited", AUTOGRAD_FUNCTION, ("return x @ x", "return x @ x.T")),
    case("autograd function, backward edited", AUTOGRAD_FUNCTION, ("alpha=2", "alpha=3")),
    case("checkpoint unchanged", CHECKPOINT, expected="hit or miss"),
    case("checkpointed function edited", CHECKPOINT, ("alpha=SCALE", "alpha=SCALE + 1")),
    case("global of a checkpointed function changed", CHECKPOINT, ("SCALE = 2", "SCALE = 3")),
    in_cell("hook on a gradient unchanged", TENSOR_HOOK, expected="hit or miss"),
    in_cell("hook on a gradient edited", TENSOR_HOOK, ("grad @ grad", "grad @ grad.T")),
    in_cell("detached unchanged", DETACHED),
    in_cell("no longer detached", DETACHED, (".detach() @", " @"), expected="miss"),
    in_cell("two inputs with gradients", TWO_INPUTS),
    in_cell("two inputs, one without gradient", TWO_INPUTS, ("contiguous().requires_grad_(True)", "contiguous()")),
    in_cell("gradients accumulated", ACCUMULATED),
    in_cell("graph retained", RETAINED),
    in_cell("gradients across a graph break", BROKEN),
    in_cell("gradients across a graph break, edited after it", BROKEN, ("alpha=2", "alpha=3")),
    in_cell("no grad inside", NO_GRAD_INSIDE),
    in_cell("no grad inside removed", NO_GRAD_INSIDE, ("with torch.no_grad():", "if True:")),
    in_cell("dropout in training", DROPOUT),
    in_cell("vmap unchanged", VMAP, expected="hit or miss"),
    in_cell("vmap of an edited function", VMAP, ("return x @ y", "return x @ y.T")),
    in_cell("grad of a function unchanged", GRAD_INSIDE, expected="hit or miss"),
    in_cell("grad of an edited function", GRAD_INSIDE, ("alpha=2", "alpha=3")),
)
