"""Settings: options of torch, of `torch.compile` and of the process; the CPU's vector instructions."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

CONFIG = """
import torch._dynamo.config
import torch._functorch.config
import torch._inductor.config

OPTION

def f(x):
    return torch.addmm(x, x, x, alpha=2)
"""

NOTHING_SET = CONFIG.replace("OPTION\n", "")


def option(text: str) -> str:
    """Return the text of a function that is compiled under one option."""
    return CONFIG.replace("OPTION", text)


EPILOGUE = option("torch._inductor.config.epilogue_fusion = False")
CONSTANTS = option("torch._inductor.config.joint_graph_constant_folding = False")
FUNCTORCH = option("torch._functorch.config.cse = False")
STATIC = option("torch._dynamo.config.assume_static_by_default = False")
DEFAULT_DTYPE = option("torch.set_default_dtype(torch.float64)")
THREADS = option("torch.set_num_threads(1)")
DETERMINISTIC = option("torch.use_deterministic_algorithms(True)")
PRECISION = option('torch.set_float32_matmul_precision("medium")')
ANOMALY = option("torch.autograd.set_detect_anomaly(True)")
DEFAULT_DEVICE = option('torch.set_default_device("meta")').replace("grid(4, 4)", 'grid(4, 4).to("cpu")')

DTYPE_READ = """
DTYPE_SET

def f(x):
    return x @ torch.ones(4, 4).to(x.dtype), torch.ones(2)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x), f(x)
torch.set_default_dtype(torch.float32)
"""

COMPILE_OPTIONS = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f, options={"epilogue_fusion": True})
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

MODE = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f, mode="default")
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

FULLGRAPH = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f, fullgraph=True)
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

FULLGRAPH_BROKEN = """
def f(x):
    y = x @ x
    print("a break")
    return y @ x

def call(fn):
    try:
        return fn(x)
    except torch._dynamo.exc.Unsupported:
        return "unsupported"

x = grid(4, 4)
result, eager = call(torch.compile(f)), f(x)
"""

FULLGRAPH_SET = FULLGRAPH_BROKEN.replace("torch.compile(f)", "torch.compile(f, fullgraph=True)").replace(
    "f(x)\n", '"unsupported"\n'
)

BACKEND = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f, backend="inductor")
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

OWN_BACKEND = """
SCALE = 2

def backend(graph, inputs):
    return lambda *args: [out * SCALE for out in graph.forward(*args)]

def f(x):
    return x @ x

compiled = torch.compile(f, backend=backend)
x = grid(4, 4)
result, eager = compiled(x), f(x) * SCALE
"""

POST_GRAD = """
import torch._inductor.config

def swap(graph):
    for node in graph.nodes:
        if node.target is torch.ops.aten.mm.default:
            node.args = (node.args[1], node.args[0])

PASS = None
torch._inductor.config.post_grad_custom_post_pass = PASS

def f(x, y):
    return x @ y

compiled = torch.compile(f)
x, y = grid(4, 4), grid(4, 4).T.contiguous()
result, eager = compiled(x, y), f(y, x) if PASS else f(x, y)
"""

SWAP = ("PASS = None", "PASS = swap")
PASS_EDITED = [
    SWAP,
    ("(node.args[1], node.args[0])", "(node.args[1], node.args[1])"),
    ("f(y, x) if PASS", "f(y, y) if PASS"),
]

DECOMPOSITION = """
from torch._inductor.decomposition import decompositions, fast_random_decomps

def tripled(x):
    return x + x + x

original = decompositions.pop(torch.ops.aten.frac.default, None)
MINE = None
if MINE:
    decompositions[torch.ops.aten.frac.default] = MINE
fast_random_decomps.cache_clear()

def f(x):
    return torch.frac(x)

try:
    compiled = torch.compile(f)
    x = grid(4, 4)
    result, eager = compiled(x), MINE(x) if MINE else f(x)
finally:
    decompositions.pop(torch.ops.aten.frac.default, None)
    if original:
        decompositions[torch.ops.aten.frac.default] = original
    fast_random_decomps.cache_clear()
"""

STANCE = """
def f(x):
    return torch.addmm(x, x, x, alpha=2)

compiled = torch.compile(f)
x = grid(4, 4)
with torch.compiler.set_stance("default"):
    result, eager = compiled(x), f(x)
"""

KERNEL = """
def f(x):
    return torch.sin(x) * 2 + 1

compiled = torch.compile(f)
x = grid(64, 64)
result, eager = compiled(x), f(x)
"""

AVX512 = {"ATEN_CPU_CAPABILITY": "avx512"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2"}
SCALAR = {"ATEN_CPU_CAPABILITY": "default"}

OTHER_CONFIG = "refused or miss"
"""Torch's own keys tell its options apart, so only what lies above them must be refused."""

CASES: tuple[Case, ...] = (
    case("kernel unchanged", KERNEL),
    in_cell("inductor option set in both", EPILOGUE),
    case("inductor option changed", NOTHING_SET, warm=EPILOGUE, expected=OTHER_CONFIG, reason="epilogue_fusion"),
    in_cell(
        "inductor option changed back", EPILOGUE, warm=NOTHING_SET, expected=OTHER_CONFIG, reason="epilogue_fusion"
    ),
    in_cell(
        "inductor option of folding changed",
        NOTHING_SET,
        warm=CONSTANTS,
        expected=OTHER_CONFIG,
        reason="joint_graph_constant_folding",
    ),
    in_cell("functorch option changed", NOTHING_SET, warm=FUNCTORCH, expected=OTHER_CONFIG, reason="cse"),
    in_cell("dynamo option changed", NOTHING_SET, warm=STATIC, expected=OTHER_CONFIG),
    in_cell("compile options unchanged", COMPILE_OPTIONS),
    in_cell(
        "compile options changed",
        COMPILE_OPTIONS,
        ('"epilogue_fusion": True', '"epilogue_fusion": False'),
        expected=OTHER_CONFIG,
    ),
    in_cell(
        "compile options left out",
        COMPILE_OPTIONS,
        (', options={"epilogue_fusion": True}', ""),
        expected="hit or miss or refused",
    ),
    in_cell("mode unchanged", MODE),
    in_cell("mode changed", MODE, ('mode="default"', 'mode="max-autotune-no-cudagraphs"'), expected=OTHER_CONFIG),
    in_cell("full graph unchanged", FULLGRAPH),
    in_cell("full graph left out", FULLGRAPH, (", fullgraph=True", ""), expected="hit or miss"),
    in_cell("full graph of a broken function", FULLGRAPH_BROKEN, warm=FULLGRAPH_SET, expected="miss or partial"),
    in_cell("backend unchanged", BACKEND),
    in_cell("backend changed to eager", BACKEND, ('backend="inductor"', 'backend="eager"'), expected=OTHER_CONFIG),
    in_cell(
        "backend changed to aot eager", BACKEND, ('backend="inductor"', 'backend="aot_eager"'), expected=OTHER_CONFIG
    ),
    case("backend of the user unchanged", OWN_BACKEND, expected="hit or miss"),
    case("backend of the user edited", OWN_BACKEND, ("SCALE = 2", "SCALE = 3")),
    in_cell("custom pass unchanged", POST_GRAD.replace(*SWAP), expected="hit or miss"),
    in_cell("custom pass set", POST_GRAD, SWAP, expected=OTHER_CONFIG),
    in_cell("custom pass edited", POST_GRAD.replace(*SWAP), *PASS_EDITED[1:], expected=OTHER_CONFIG),
    in_cell("decomposition set", DECOMPOSITION, ("MINE = None", "MINE = tripled"), expected=OTHER_CONFIG),
    in_cell("stance unchanged", STANCE),
    in_cell(
        "stance set to fail on recompile", STANCE, ('"default"', '"eager_on_recompile"'), expected="hit or nothing"
    ),
    in_cell("stance set to force eager", STANCE, ('"default"', '"force_eager"'), expected="nothing"),
    in_cell("default dtype changed", NOTHING_SET, warm=DEFAULT_DTYPE, expected="miss or refused"),
    in_cell(
        "default dtype read and changed",
        DTYPE_READ.replace("DTYPE_SET", ""),
        warm=DTYPE_READ.replace("DTYPE_SET", "torch.set_default_dtype(torch.float64)"),
        expected="miss or refused",
    ),
    in_cell("thread count changed", NOTHING_SET, warm=THREADS, expected="miss or refused"),
    in_cell(
        "thread count changed under a kernel",
        KERNEL,
        warm="torch.set_num_threads(1)\n" + KERNEL,
        expected="miss or refused",
    ),
    in_cell("deterministic algorithms switched on", NOTHING_SET, warm=DETERMINISTIC, expected="miss or refused"),
    in_cell("matmul precision changed", NOTHING_SET, warm=PRECISION, expected="hit or miss or refused"),
    in_cell("anomaly detection switched on", NOTHING_SET, warm=ANOMALY, expected="hit or miss or refused"),
    in_cell("default device changed", NOTHING_SET, warm=DEFAULT_DEVICE, expected="hit or miss or refused"),
    in_cell("avx2 again", KERNEL, env=AVX2),
    in_cell("avx512 on avx2", KERNEL, env=AVX512, warm_env=AVX2, expected="refused", reason="avx"),
    in_cell("avx2 on avx512", KERNEL, env=AVX2, warm_env=AVX512, expected="refused", reason="avx"),
    in_cell("avx512 on a scalar machine", KERNEL, env=AVX512, warm_env=SCALAR, expected="refused", reason="avx"),
    in_cell("scalar machine on avx2", KERNEL, env=SCALAR, warm_env=AVX2, expected="refused", reason="avx"),
)
