"""Tests of `megacache.compiler.surroundings`: what code can reach by the names that it mentions.

In a text, `V` is 2 in the one process and 3 in the other; `it` is the code, and `args` are its locals.
"""

import pickle
import sys
import types
from itertools import pairwise

import pytest

from megacache.compiler.content import UnprovableError

pytestmark = pytest.mark.torch

PRELUDE = "import abc, collections, collections.abc, dataclasses, enum, functools, types, typing\nimport torch\n"


def lines(text, **values):
    from megacache.compiler.surroundings import Surroundings

    scope = {"__name__": "__main__", **values}
    exec(PRELUDE + text, scope)  # noqa: S102  the text is ours
    code = scope["it"].__code__
    surroundings = Surroundings.of([code], "__main__")
    args = dict(zip(code.co_varnames, scope.get("args", ()), strict=False))
    return list(pickle.loads(pickle.dumps(surroundings)).told(args, scope))  # noqa: S301  ours


def is_told(text):
    assert lines(text, V=2) == lines(text, V=2)
    return lines(text, V=2) != lines(text, V=3)


TOLD = {
    "global that is there": "if V == 3: n = 1\ndef it(): return n",
    "attribute of a module": "m = types.ModuleType('m')\nif V == 3: m.n = 1\ndef it(): return getattr(m, 'n', 2)",
    "names of a module": "m = types.ModuleType('m')\nif V == 3: m.n = 1\ndef it(): return dir(m)",
    "attribute of torch": "vars(torch).pop('megacache_test', None)\nif V == 3: torch.megacache_test = 1\n"
    "def it(): return hasattr(torch, 'megacache_test')",
    "kind of a global": "n = 1 if V == 3 else None\ndef it(): return n",
    "keys of a dict": "args = ({V: 1},)\ndef it(d): return list(d)",
    "order of a dict": "args = ({'a': 1, 'b': 1} if V == 3 else {'b': 1, 'a': 1},)\ndef it(d): return list(d)",
    "keys of a dict in a list": "args = ([{V: 1}],)\ndef it(d): return list(d[0])",
    "keys of a subclass": "args = (collections.OrderedDict({V: 1}),)\ndef it(d): return list(d)",
    "length of a list": "args = ([1] * V,)\ndef it(d): return d",
    "length of a long list": "args = ([1] * V * 1000,)\ndef it(d): return d",
    "elements of a set": "args = ({V},)\ndef it(d): return d",
    "length of a queue": "args = (collections.deque([1] * V),)\ndef it(d): return d",
    "attribute of an object": "class A: pass\na = A()\nif V == 3: a.n = 1\nargs = (a,)\n"
    "def it(a): return hasattr(a, 'n')",
    "attributes of an object": "class A: pass\na = A()\nif V == 3: a.n = 1\nargs = (a,)\ndef it(a): return vars(a)",
    "slot of an object": "class A: __slots__ = ('n',)\na = A()\nif V == 3: a.n = 1\nargs = (a,)\ndef it(a): return a.n",
    "attribute of a class": "class A: pass\nif V == 3: A.n = 1\ndef it(): return hasattr(A, 'n')",
    "attribute of a base": "class B: n = 1\nclass A(B): pass\nif V == 3: del B.n\nargs = (A(),)\ndef it(a): return a.n",
    "keys in a closure": "def make(d):\n    def go(): return list(d)\n    return go\ngo = make({V: 1})\n"
    "def it(): return go()",
    "keys in a default": "def go(d={V: 1}): return list(d)\ndef it(): return go()",
    "keys in a partial": "go = functools.partial(list, {V: 1})\ndef it(): return go()",
    "keys in a bound object": "class A:\n    def __init__(self): self.d = {V: 1}\n    def go(self): return self.d\n"
    "go = A().go\nd = 1\ndef it(): return go().d",
    "attribute of a function": "def go(): pass\nif V == 3: go.n = 1\ndef it(): return hasattr(go, 'n')",
    "member of an enum": "class A(enum.Enum): X = V\ndef it(): return A(2)",
    "keys of a module of torch": "net = torch.nn.Sequential()\nif V == 3: net.add_module('a', torch.nn.ReLU())\n"
    "def it(): return net",
    "number of hooks": "net = torch.nn.ReLU()\n"
    "for _ in range(V): net.register_forward_hook(lambda *_: None)\ndef it(): return net",
    "parameter that is none": "net = torch.nn.Linear(1, 1, bias=V == 3)\ndef it(): return net.bias",
    "leaf": "y = torch.ones(1, requires_grad=True)\nargs = (y * 1 if V == 3 else y,)\ndef it(x): return x.is_leaf",
    "gradient function": "y = torch.ones(1, requires_grad=True)\nargs = (y * 1 if V == 3 else y,)\n"
    "def it(x): return x.grad_fn",
    "offset": "args = (torch.ones(9)[V:5],)\ndef it(x): return x.storage_offset()",
    "attribute of a tensor": "y = torch.ones(1)\nif V == 3: y.tag = 1\nargs = (y,)\n"
    "def it(x): return hasattr(x, 'tag')",
    "registered class": "class A(abc.ABC): pass\nif V == 3: A.register(int)\nclass B: pass\n"
    "if V == 3: A.register(B)\nargs = (B(),)\ndef it(b): return isinstance(b, A)",
    "registered with Python's": "class B: pass\nif V == 3: collections.abc.Sequence.register(B)\n"
    "args = (B(),)\ndef it(b): return isinstance(b, collections.abc.Sequence)",
    "class that answers": "class M(type):\n    def __instancecheck__(cls, b): return V == 3\n"
    "class A(metaclass=M): pass\n"
    "args = (object(),)\ndef it(b): return isinstance(b, A)",
    "one list or two": "a = [1]\nargs = (a, a if V == 3 else [1])\ndef it(a, b): a.append(1); return b",
    "one set or two": "a = {1}\nargs = (a, a if V == 3 else {1})\ndef it(a, b): return a is b",
    "one function or two": "def make():\n    def go(): pass\n    return go\na = make()\nb = a if V == 3 else make()\n"
    "def it(): return a is b",
    "one class or two": "def make():\n    class A: pass\n    return A\na = make()\nb = a if V == 3 else make()\n"
    "def it(): return a is b",
    "one cell or two": "def make():\n    n = 1\n    return (lambda: n), (lambda: n)\na, b = make()\n"
    "if V == 3: b = make()[1]\ndef it(): return a() + b()",
    "one parameter or two": "a, b = (torch.nn.Linear(1, 1) for _ in range(2))\nif V == 3: b.weight = a.weight\n"
    "def it(): return a, b",
    "second instance of a protocol": "@typing.runtime_checkable\nclass P(typing.Protocol):\n    n: int\nclass A: pass\n"
    "a, b = A(), A()\nif V == 3: b.n = 1\nargs = (a, b)\ndef it(a, b): return isinstance(b, P)",
    "annotation": "def go(x: 'a' if V == 3 else 'b'): pass\ndef it(): return go.__annotations__",
    "default of a static method": "class A:\n    @staticmethod\n    def go(d={V: 1}): return d\n"
    "def it(): return A.go()",
    "closure of a property": "def make(d):\n    return property(lambda self: d)\nclass A: n = make({V: 1})\n"
    "args = (A(),)\ndef it(a): return a.n",
    "default of a cached function": "@functools.lru_cache\ndef go(d=frozenset({V})): return d\ndef it(): return go()",
    "object of a built-in method": "get = {'k': {V: 1}}.get\ndef it(): return get('k')",
    "object behind a reference": "import weakref\nclass A: pass\na = A()\na.d = {V: 1}\nr = weakref.ref(a)\n"
    "def it(): return r().d",
    "dict of the user's": "d = collections.UserDict({V: 1})\ndef it(): return list(d)",
    "namespace": "n = types.SimpleNamespace(**{'a' * V: 1})\ndef it(): return n",
    "dict of a thread": "import threading\nn = threading.local()\nn.d = {V: 1}\ndef it(): return n.d",
    "default behind a context manager": "import contextlib\n@contextlib.contextmanager\ndef go(d={V: 1}): yield d\n"
    "def it(): return go()",
    "element of a long list": "items = [{V: 1}] + [1] * 1100\ndef it(): return items[0]",
    "storage of a tensor": "args = (torch.ones(V)[:1],)\ndef it(x): return x.untyped_storage().size()",
    "attribute of a module of torch's": "vars(torch.nn.functional).pop('megacache_test', None)\n"
    "if V == 3: torch.nn.functional.megacache_test = 1\n"
    "def it(): return hasattr(torch.nn.functional, 'megacache_test')",
    "module that was made by a class": "class M(types.ModuleType): pass\nm = M('m')\nif V == 3: m.n = 1\n"
    "def it(): return getattr(m, 'n', 2)",
    "name of a variable of the environment": "import os\nos.environ.pop('MEGACACHE_TEST', None)\n"
    "if V == 3: os.environ['MEGACACHE_TEST'] = ''\ndef it(): return os.environ.get('MEGACACHE_' + 'TEST'[:4])",
    "module that is imported inside": "import sys\nm = sys.modules['megacache_test_m'] = types.ModuleType('m')\n"
    "if V == 3: m.n = 1\ndef it(): return sys.modules['megacache_test_m'].n",
    "environment": "import os\nos.environ.update({'MEGACACHE_TEST': str(V)})\n"
    "def it(): return os.getenv('MEGACACHE_TEST')",
    "global read by its name": "if V == 3: n = 1\ndef it(): return globals().get('n')",
}


@pytest.mark.parametrize("what", TOLD)
def test_what_the_names_reach_is_told(what, monkeypatch):
    import torch

    monkeypatch.setenv("MEGACACHE_TEST", "")
    try:
        assert is_told(TOLD[what])
    finally:
        sys.modules.pop("megacache_test_m", None)
        for module in (torch, torch.nn.functional):
            vars(module).pop("megacache_test", None)


LEFT_TO_GUARDS = {
    "value of a global": "n = V\ndef it(): return n",
    "value of an argument": "args = (V,)\ndef it(n): return n",
    "value in a dict": "args = ({'n': V},)\ndef it(d): return d['n']",
    "size of a tensor": "args = (torch.ones(V),)\ndef it(x): return x.is_leaf",
    "attribute that nobody mentions": "class A: pass\na = A()\nif V == 3: a.m = 1\nargs = (a,)\ndef it(a): return a.n",
    "global that nobody mentions": "if V == 3: m = 1\ndef it(): return n",
    "global of the name of an attribute": "if V == 3: size = 1\nargs = (torch.ones(1),)\ndef it(x): return x.size()",
    "module in a module that nobody mentions": "m = types.ModuleType('m')\n"
    "if V == 3: m.late = types.ModuleType('late')\ndef it(): return dir(m)",
    "mark that Dynamo left": "y = torch.ones(1)\nif V == 3: y._dynamo_static_input_type = 'guarded'\nargs = (y,)\n"
    "def it(x): return getattr(x, 'tag', None)",
}


@pytest.mark.parametrize("what", LEFT_TO_GUARDS)
def test_what_guards_compare_and_nobody_reads_is_not_told(what):
    assert not is_told(LEFT_TO_GUARDS[what])


def test_a_circle_has_an_end():
    assert is_told("a = [{V: 1}]\na.append(a)\nargs = (a,)\ndef it(a): return a")


def test_what_lies_too_deep_is_unprovable():
    with pytest.raises(UnprovableError, match="deeper than 60"):
        lines("a = []\nfor _ in range(5000): a = [a]\nargs = (a,)\ndef it(a): return a")


def test_too_many_objects_are_unprovable():
    with pytest.raises(UnprovableError, match=r"more than 50,000 objects"):
        lines("args = ([[object() for _ in range(900)] for _ in range(900)],)\ndef it(a): return a")


def test_no_code_of_the_users_runs():
    text = """
class A(dict):
    def no(self, *args): raise AssertionError("it ran")
    __getattribute__ = __len__ = __iter__ = __hash__ = __eq__ = __repr__ = __bool__ = items = keys = no
    __class__ = property(no)
class B:
    __dict__ = property(lambda self: 1 / 0)
    __slots__ = ()
args = (A(), B())
def it(a, b): return hasattr(a, "b")
"""
    assert lines(text)


def test_the_names_are_written_in_order():
    from megacache.compiler.surroundings import Surroundings

    codes = [compile(text, "<text>", "exec") for text in ("a.b.c.d.e.f('g', 'h')", "f.e.d.c.b.a('h', 'g')")]
    written = [pickle.dumps(Surroundings.of(each, "__main__")) for each in (codes, codes[::-1])]
    assert all(one == other for one, other in pairwise(written))


def test_code_without_a_module_may_read_the_globals_of_the_notebook(monkeypatch):
    from megacache.compiler.surroundings import Surroundings

    code = compile("known", "<a cell>", "exec")
    surroundings = Surroundings.of([code], "torch.nn.modules.container")
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    told = []
    for main.known in ({1: 1}, {2: 1}):
        told.append(list(surroundings.told({}, {})))
    assert told[0] != told[1]


def test_code_of_another_module_reads_its_own_globals(define):
    from megacache.compiler.surroundings import Surroundings

    other = define("n = {}\ndef it(): return n")
    surroundings = Surroundings.of([other.it.__code__], "__main__")
    before = list(surroundings.told({}, {"n": 1}))
    other.n["a"] = 1
    after = list(surroundings.told({}, {"n": 1}))
    assert before != after
    assert before[0].startswith(f"G['n'] of {other.__name__} reaches")
    assert isinstance(other, types.ModuleType)
