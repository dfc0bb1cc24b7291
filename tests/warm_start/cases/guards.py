"""Guards: arguments of all kinds, global and environment state, objects without content to compare."""

from __future__ import annotations

from warm_start.case import Case, case, in_cell

SETUP = """
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace

class Kind(Enum):
    SOFT = 2
    HARD = 3

@dataclass
class Options:
    n: int = 2
    name: str = "a"

@dataclass(frozen=True)
class Frozen:
    n: int = 2

class Plain:
    def __init__(self, n):
        self.n = n
"""


def argument(value: str, body: str) -> str:
    """Return the text of a function that reads one argument beside its tensor."""
    return f"""{SETUP}
def f(x, option):
    {body}

compiled = torch.compile(f)
x = grid(4, 4)
option = {value}
result, eager = compiled(x, option), f(x, option)
"""


READS = "return torch.addmm(x, x, x, alpha={})"

ENUM = argument("Kind.SOFT", READS.format("option.value"))
ENUM_IS = argument("Kind.SOFT", "return x @ x if option is Kind.SOFT else x @ x.T")
DICT = argument('{"n": 2, "m": 3}', READS.format('option["n"]'))
DICT_ORDER = argument('{"n": 2, "m": 3}', READS.format("next(iter(option.values()))"))
DICT_OF_ENUM = argument("{Kind.SOFT: 2, Kind.HARD: 3}", READS.format("option[Kind.SOFT]"))
LIST = argument("[2, 3]", READS.format("option[0] + len(option)"))
TUPLE = argument("(2, (3, 4))", READS.format("option[1][0]"))
SET = argument("{2, 3}", "return x @ x if 2 in option else x @ x.T")
DATACLASS = argument("Options()", READS.format("option.n"))
FROZEN = argument("Frozen()", READS.format("option.n"))
PLAIN = argument("Plain(2)", READS.format("option.n"))
NAMESPACE = argument("SimpleNamespace(n=2)", READS.format("option.n"))
TEXT = argument('"on"', 'return x @ x if option == "on" else x @ x.T')
NONE = argument("None", "return x @ x if option is None else x @ x.T")
BOOL = argument("True", "return x @ x if option else x @ x.T")
FLOAT = argument("2.0", "return x @ x if option == 2.0 else x @ x.T")
INT = argument("2", "return x @ x if option == 2 else x @ x.T")
RANGE = argument("range(2)", "for n in option:\n        x = torch.addmm(x, x, x, alpha=n)\n    return x")
SLICE = argument("slice(0, 4)", "return x[option] @ x")
DTYPE = argument("torch.float64", "return (x @ x).to(option)")
SIZE = argument("torch.Size([2, 8])", "return (x @ x).view(option)")
TYPE = argument("Plain", "return x @ x if option is Plain else x @ x.T")
IS_INSTANCE = argument("Plain(2)", "return x @ x if isinstance(option, Plain) else x @ x.T")
HAS_ATTRIBUTE = argument("Plain(2)", 'return x @ x if hasattr(option, "n") else x @ x.T')
NUMPY = argument("__import__('numpy').arange(16.).reshape(4, 4)", "return x.double() @ torch.from_numpy(option)")
TENSORS = argument("[x, x.T]", "return option[0] @ option[1]")
ALIASED = argument("x", "return x @ option")
PARAMETER = argument("torch.nn.Parameter(grid(4, 4))", "return (x @ option).detach()")
COMPLEX_NUMBER = argument("2j", "return (x @ x) * option")
DOUBLE_ARGUMENT = argument("grid(4, 4)", "return x @ option.to(x.dtype)")

GLOBAL_DICT = """
CONFIG = {"n": 2, "deep": {"m": 3}}

def f(x):
    return torch.addmm(x, x, x, alpha=CONFIG["n"], beta=CONFIG["deep"]["m"])
"""

GLOBAL_DICT_CHANGES = """
CONFIG = {"n": 2}

def f(x):
    return torch.addmm(x, x, x, alpha=CONFIG["n"])

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
"""

CHANGES = """
CONFIG["n"] = 7
result += [compiled(x)]
eager += [f(x)]
"""

OBJECT_CHANGES = """
class Config:
    n = 2

config = Config()

def f(x):
    return torch.addmm(x, x, x, alpha=config.n)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = [compiled(x)], [f(x)]
config.n = 5
result += [compiled(x)]
eager += [f(x)]
Config.n = 9
del config.n
result += [compiled(x)]
eager += [f(x)]
"""

LOCAL_CLASS = """
def make():
    class Local:
        def __init__(self, n):
            self.n = n
    return Local

option = make()(2)

def f(x, option):
    return torch.addmm(x, x, x, alpha=option.n)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x, option), f(x, option)
"""

LOCAL_CLASS_CLOSED = """
def make(n):
    class Local:
        def __init__(self, n):
            self.n = n
    option = Local(n)
    def inner(x):
        return torch.addmm(x, x, x, alpha=option.n)
    return inner

f = make(2)
"""

SENTINEL = """
NOTHING = object()

def f(x, option=NOTHING):
    return x @ x if option is NOTHING else x @ x.T
"""

LOCK = """
import threading

class Holder:
    def __init__(self):
        self.lock = threading.Lock()
        self.n = 2

holder = Holder()

def f(x):
    return torch.addmm(x, x, x, alpha=holder.n)
"""

ENVIRONMENT = """
import os

os.environ["MATRIX_SWITCH"] = "on"

def f(x):
    return x @ x if os.environ["MATRIX_SWITCH"] == "on" else x @ x.T
"""

GRAD_MODE = """
def f(x):
    return x @ x if torch.is_grad_enabled() else x @ x.T

compiled = torch.compile(f)
x = grid(4, 4)
with torch.set_grad_enabled(True):
    result, eager = compiled(x), f(x)
"""

INFERENCE = """
def f(x):
    return x @ x

compiled = torch.compile(f)
with torch.no_grad():
    x = grid(4, 4)
    result, eager = compiled(x), f(x)
"""

REQUIRES_GRAD = """
def f(x):
    return x @ x if x.requires_grad else x @ x.T

compiled = torch.compile(f)
x = grid(4, 4).requires_grad_(True)
result, eager = compiled(x).detach(), f(x).detach()
"""

STRIDES = """
def f(x):
    return x @ x if x.is_contiguous() else x @ x.T

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

COMPILING = """
def f(x):
    return x @ x if not torch.compiler.is_compiling() else torch.mm(x, x)
"""

NAMES = """
def f(x):
    return torch.addmm(x, x, x, alpha=len(__name__))
"""

MODULE_GLOBAL_MISSING = """
def f(x):
    return x @ x if "SWITCH" not in globals() else x @ x.T
"""

FUNCTION_MODE = """
from torch.overrides import TorchFunctionMode

class Swaps(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.sub:
            return torch.add(args[0], args[1])
        return func(*args, **(kwargs or {}))

def f(x):
    return torch.sub(x, 1)

compiled = torch.compile(f)
x = grid(4, 4)
with Swaps():
    result, eager = compiled(x), f(x)
"""

SUBCLASS = """
class Marked(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        out = super().__torch_function__(func, types, args, kwargs or {})
        return out

def f(x):
    return torch.sub(x, 1)

compiled = torch.compile(f)
x = grid(4, 4).as_subclass(Marked)
result, eager = compiled(x).as_subclass(torch.Tensor), f(x).as_subclass(torch.Tensor)
"""

DEVICE = """
def f(x):
    return x @ torch.eye(4)

compiled = torch.compile(f)
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

GUARD_FILTER = """
SCALE = 2

def f(x):
    return torch.addmm(x, x, x, alpha=SCALE)

compiled = torch.compile(f, options={"guard_filter_fn": torch.compiler.keep_tensor_guards_unsafe})
x = grid(4, 4)
result, eager = compiled(x), f(x)
"""

CASES: tuple[Case, ...] = (
    case("enum argument unchanged", ENUM),
    case("enum argument changed", ENUM, ("option = Kind.SOFT", "option = Kind.HARD")),
    case("enum with another value", ENUM, ("SOFT = 2", "SOFT = 4")),
    case("enum compared unchanged", ENUM_IS),
    case("enum compared changed", ENUM_IS, ("option = Kind.SOFT", "option = Kind.HARD")),
    in_cell("dict argument unchanged", DICT),
    in_cell("dict argument changed", DICT, ('option = {"n": 2', 'option = {"n": 4')),
    in_cell("dict argument longer", DICT, ('option = {"n": 2', 'option = {"k": 4, "n": 2'), expected="hit or miss"),
    in_cell("dict argument reordered", DICT_ORDER, ('option = {"n": 2, "m": 3}', 'option = {"m": 3, "n": 2}')),
    case("dict with enum keys unchanged", DICT_OF_ENUM),
    case("dict with enum keys changed", DICT_OF_ENUM, ("{Kind.SOFT: 2", "{Kind.SOFT: 4")),
    in_cell("list argument unchanged", LIST),
    in_cell("list argument changed", LIST, ("option = [2, 3]", "option = [4, 3]")),
    in_cell("list argument longer", LIST, ("option = [2, 3]", "option = [2, 3, 4]")),
    in_cell("list argument becomes a tuple", LIST, ("option = [2, 3]", "option = (2, 3)")),
    in_cell("tuple argument unchanged", TUPLE),
    in_cell("tuple argument changed", TUPLE, ("option = (2, (3", "option = (2, (5")),
    in_cell("set argument unchanged", SET),
    in_cell("set argument changed", SET, ("option = {2, 3}", "option = {4, 3}")),
    case("dataclass argument unchanged", DATACLASS),
    case("dataclass argument changed", DATACLASS, ("option = Options()", "option = Options(n=5)")),
    case("dataclass argument with another default", DATACLASS, ("n: int = 2\n    name", "n: int = 6\n    name")),
    case("frozen dataclass argument unchanged", FROZEN),
    case("frozen dataclass argument changed", FROZEN, ("option = Frozen()", "option = Frozen(5)")),
    case("object argument unchanged", PLAIN),
    case("object argument changed", PLAIN, ("option = Plain(2)", "option = Plain(3)")),
    in_cell("namespace argument unchanged", NAMESPACE),
    in_cell("namespace argument changed", NAMESPACE, ("SimpleNamespace(n=2)", "SimpleNamespace(n=3)")),
    in_cell("text argument unchanged", TEXT),
    in_cell("text argument changed", TEXT, ('option = "on"', 'option = "off"')),
    in_cell("none argument unchanged", NONE),
    in_cell("none argument given", NONE, ("option = None", "option = 1")),
    in_cell("bool argument unchanged", BOOL),
    in_cell("bool argument changed", BOOL, ("option = True", "option = False")),
    in_cell("float argument unchanged", FLOAT),
    in_cell("float argument changed", FLOAT, ("option = 2.0", "option = 3.0")),
    in_cell("int argument unchanged", INT),
    in_cell("int argument changed", INT, ("option = 2\n", "option = 3\n")),
    in_cell("int argument becomes float", INT, ("option = 2\n", "option = 2.0\n")),
    in_cell("int argument becomes bool", INT, ("option = 2\n", "option = True\n")),
    in_cell("range argument unchanged", RANGE),
    in_cell("range argument longer", RANGE, ("range(2)", "range(3)")),
    in_cell("slice argument unchanged", SLICE),
    in_cell("slice argument changed", SLICE, ("slice(0, 4)", "slice(0, 2)")),
    case("dtype argument unchanged", DTYPE),
    case("dtype argument changed", DTYPE, ("torch.float64", "torch.bfloat16")),
    in_cell("size argument changed", SIZE, ("[2, 8]", "[8, 2]")),
    case("type argument unchanged", TYPE),
    case("type argument changed", TYPE, ("option = Plain", "option = Options")),
    case("isinstance unchanged", IS_INSTANCE),
    case("isinstance of another", IS_INSTANCE, ("option = Plain(2)", "option = Options()")),
    in_cell("hasattr unchanged", HAS_ATTRIBUTE),
    in_cell("hasattr of another", HAS_ATTRIBUTE, ("self.n = n", "self.m = n")),
    in_cell("numpy argument with other values", NUMPY, ("arange(16.)", "ones(16)"), expected="hit or miss"),
    in_cell("list of tensors unchanged", TENSORS),
    in_cell("list of tensors reordered", TENSORS, ("option = [x, x.T]", "option = [x.T, x]")),
    in_cell("one tensor twice", ALIASED),
    in_cell("one tensor twice becomes two", ALIASED, ("option = x\n", "option = grid(4, 4).T.contiguous()\n")),
    in_cell(
        "two tensors become one",
        ALIASED.replace("option = x\n", "option = grid(4, 4)\n"),
        warm=ALIASED,
        expected="hit or miss",
    ),
    in_cell("parameter argument unchanged", PARAMETER),
    in_cell("parameter argument becomes a tensor", PARAMETER, ("torch.nn.Parameter(grid(4, 4))", "grid(4, 4)")),
    in_cell("complex argument changed", COMPLEX_NUMBER, ("option = 2j", "option = 3j")),
    in_cell(
        "tensor argument of another dtype", DOUBLE_ARGUMENT, ("option = grid(4, 4)", "option = grid(4, 4).double()")
    ),
    case("global dict unchanged", GLOBAL_DICT),
    case("global dict changed", GLOBAL_DICT, ('"n": 2', '"n": 4')),
    case("global dict changed deep", GLOBAL_DICT, ('"m": 3', '"m": 4')),
    case("global dict changes between calls", GLOBAL_DICT_CHANGES + CHANGES),
    case(
        "global dict changes after a warm start",
        GLOBAL_DICT_CHANGES,
        warm=GLOBAL_DICT_CHANGES + CHANGES,
        expected="partial",
    ),
    case("attribute changes between calls", OBJECT_CHANGES),
    case(
        "attribute changes to another between calls",
        OBJECT_CHANGES,
        ("Config.n = 9", "Config.n = 8"),
        expected="partial",
    ),
    case("object of a local class unchanged", LOCAL_CLASS, expected="hit or miss"),
    case("object of a local class changed", LOCAL_CLASS, ("make()(2)", "make()(3)")),
    case("closed over object of a local class unchanged", LOCAL_CLASS_CLOSED, expected="hit or miss"),
    case("closed over object of a local class changed", LOCAL_CLASS_CLOSED, ("make(2)", "make(3)")),
    case("sentinel unchanged", SENTINEL, expected="hit or miss"),
    case("sentinel replaced", SENTINEL, warm=SENTINEL + "NOTHING = object()\n", expected="miss"),
    in_cell("object that holds a lock unchanged", LOCK, expected="hit or miss"),
    in_cell("object that holds a lock changed", LOCK, ("self.n = 2", "self.n = 3")),
    in_cell("environment variable unchanged", ENVIRONMENT),
    in_cell("environment variable changed", ENVIRONMENT, ('] = "on"', '] = "off"')),
    in_cell("grad mode unchanged", GRAD_MODE),
    in_cell("grad mode switched off", GRAD_MODE, ("enabled(True)", "enabled(False)")),
    in_cell("no grad becomes inference mode", INFERENCE, ("torch.no_grad()", "torch.inference_mode()")),
    in_cell("requires grad switched off", REQUIRES_GRAD, ("requires_grad_(True)", "requires_grad_(False)")),
    in_cell("strides unchanged", STRIDES),
    in_cell("strides changed", STRIDES, ("x = grid(4, 4)", "x = grid(4, 4).T")),
    in_cell("compiling asked", COMPILING),
    case("name of the module read", NAMES),
    case("globals asked", MODULE_GLOBAL_MISSING, expected="hit or partial or miss"),
    case(
        "globals asked and there",
        MODULE_GLOBAL_MISSING,
        warm="SWITCH = 1\n" + MODULE_GLOBAL_MISSING,
        expected="partial or miss",
    ),
    in_cell("function mode unchanged", FUNCTION_MODE, expected="hit or miss"),
    in_cell("function mode edited", FUNCTION_MODE, ("torch.add(", "torch.mul(")),
    in_cell("function mode switched off", FUNCTION_MODE, ("with Swaps():", "if True:")),
    in_cell("tensor subclass unchanged", SUBCLASS, expected="hit or miss"),
    in_cell("tensor subclass edited", SUBCLASS, ("return out", "return out + out if func is torch.sub else out")),
    in_cell("tensor subclass dropped", SUBCLASS, (".as_subclass(Marked)", "")),
    in_cell("tensor made inside unchanged", DEVICE),
    in_cell("guards filtered by the user", GUARD_FILTER, expected="hit or miss"),
    in_cell("guards filtered by the user and the global changed", GUARD_FILTER, ("SCALE = 2", "SCALE = 3")),
)
