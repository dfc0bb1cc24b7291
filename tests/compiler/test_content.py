"""What a live object is, told by its content: equal for equal things, in every process, and for nothing else."""

import collections
import copy
import enum
import functools
import json
import logging
import operator
import threading
import types
import weakref
from contextlib import suppress

import pytest

from megacache.compiler import content
from megacache.compiler.codes import digest_of
from megacache.compiler.content import Content, UnprovableError, code_digest, codes_in, digest

HEAD = """
import collections, dataclasses, enum, functools, types
"""


def scope_of(text, **values):
    """Run a text as a module named `edited` would."""
    scope = {"__name__": "edited", **values}
    exec(compile(HEAD + text, "edited.py", "exec"), scope)  # noqa: S102  the text is ours
    return scope


def told(text, *, is_deep=False, **values):
    """Return the digest of what a text calls `it`."""
    return digest(Content(is_deep=is_deep).facts(scope_of(text, **values)["it"]))


def is_told(text, **choices):
    """Say whether the two values of a name make two contents, for one that looks deep."""
    return told(text, is_deep=True, V=2) != told(text, is_deep=True, V=3)


def unprovable(value, *, is_deep=True):
    with pytest.raises(UnprovableError):
        Content(is_deep=is_deep).facts(value)
    return True


# -- values


def test_values_are_told_with_their_types():
    values = [1, True, 1.0, 1 + 0j, "1", b"1", 0, False, 0.0, -0.0, -0j, None, "", b"", (), [], {}, set(), frozenset()]
    values += [(1,), [1], {1}, {1: 1}, (1, (2,)), ((1, 2),), (1, 2), (True, 2), range(1), slice(1), ..., NotImplemented]
    values += [
        float("inf"),
        2**70,
        -(2**70),
        "None",
        "é\udc80",
        ("a", "b"),
        ("a, b",),
        {"a": {"b": 1}},
        {"a": 1, "b": 1},
    ]
    assert len({digest(Content().facts(value)) for value in values}) == len(values)
    assert Content().facts(float("nan")) == Content().facts(float("nan"))


def test_equal_values_are_told_alike():
    assert Content().facts({"b", "a", "c"}) == Content().facts({"c", "b", "a"})
    assert Content().facts((1, "a" * 3)) == Content().facts((1, "aaa"))


def test_the_order_of_a_dict_is_told_and_of_a_set_is_not():
    assert Content().facts({"a": 1, "b": 2}) != Content().facts({"b": 2, "a": 1})
    assert Content().facts(frozenset("ab")) == Content().facts(frozenset("ba"))


@pytest.mark.torch
def test_subclasses_of_plain_types_are_not_taken_for_them():
    class Number(int):
        pass

    assert unprovable(Number(1))
    assert unprovable((Number(1),))
    assert Content().facts(collections.OrderedDict(a=1)) != Content().facts({"a": 1})


def test_a_value_inside_itself_has_an_end():
    one, other = [], []
    one.append(one)
    other.append(1)
    assert Content().facts(one) == Content().facts(one)
    assert Content().facts(one) != Content().facts(other)


def test_it_is_told_which_value_is_inside_itself():
    outer, inner, other = [], [], []
    outer.append(inner)
    inner.append(outer)
    other.append([other[:]])
    other[0][0] = other[0]
    assert Content().facts(outer) != Content().facts(other)
    assert Content().facts(outer) == Content().facts(inner)


def test_what_cannot_be_told_leaves_nothing_behind():
    """A value that was told on the way to an error is told in full when it is asked for itself."""
    known, unknown = [1], [object()]
    unknown += [known, unknown]
    known.append(unknown)
    found = Content()
    assert unprovable(unknown)
    with pytest.raises(UnprovableError):
        found.facts(unknown)
    unknown[0] = 2
    assert found.facts(known) == Content().facts(known)


def test_what_holds_much_of_the_same_is_told_in_no_time():
    value = functools.reduce(lambda inner, _: (inner, inner), range(100), 1)
    assert Content().facts(value) != Content(is_deep=True).facts((value, value))


@pytest.mark.torch
@pytest.mark.parametrize(
    "value",
    [object(), threading.Lock(), iter([]), (each for each in ()), collections.deque([1]), weakref.ref(threading.Lock)],
    ids=lambda each: type(each).__name__,
)
def test_what_has_no_content_is_never_told(value):
    assert unprovable(value)
    assert unprovable([{"a": value}])
    assert unprovable(functools.partial(len, value))


def test_every_process_tells_the_same(programs):
    """Sets of texts have another order in each process, and objects another address."""
    printed = [json.loads(programs.run("print_content", PYTHONHASHSEED=seed)) for seed in "12"]
    assert printed[0] == printed[1]
    assert len(set(printed[0])) == len(printed[0])


# -- functions


def test_a_function_that_moved_is_the_same_and_an_edited_one_is_another():
    assert told("def it(x): return x + 1") == told("\n\n# moved\ndef it(x):\n    return x + 1")
    edits = ["x + 2", "x + 1.0", "x - 1", "y + 1", "(x, 1)", "x.a", "[x for x in x]", "lambda: x", "'x'"]
    digests = {told(f"def it(x): return {edit}") for edit in (*edits, "x + 1")}
    assert len(digests) == len(edits) + 1


def test_equal_functions_of_two_names_are_two():
    assert told("def it(x): return x") != told("def other(x): return x\nit = other")
    assert told("def it(x): return x") != told("def it(x): return x", __name__="elsewhere")


@pytest.mark.parametrize("is_deep", [False, True])
def test_functions_that_a_function_holds_are_told(is_deep):
    texts = [
        "def make(helper):\n    def it(x): return helper(x)\n    return it\nit = make(lambda x: EDIT)",
        "def it(x, helper=lambda x: EDIT): return helper(x)",
        "def it(x, *, helper=lambda x: EDIT): return helper(x)",
        "class A:\n    def go(self): return EDIT\ndef it(x, cls=A): return cls",
        "def make(helper):\n    def inner(x): return helper(x)\n    def it(x): return inner(x)\n    return it\n"
        "it = make(lambda x: EDIT)",
        "def outer(function):\n    @functools.wraps(function)\n    def wrapper(*args): return function(*args)\n"
        "    return wrapper\n@outer\ndef it(x): return EDIT",
    ]
    for text in texts:
        assert told(text.replace("EDIT", "1"), is_deep=is_deep) != told(text.replace("EDIT", "2"), is_deep=is_deep)


def test_a_closure_over_nothing_yet_is_told():
    text = "def make():\n    def it(): return later\n    if V:\n        later = 1\n    return it\nit = make()"
    assert told(text, V=0) != told(text, V=1)


def test_functions_that_call_each_other_have_an_end():
    text = "def it(x): return other(x)\ndef other(x): return it(x) + EDIT"
    one, other = (told(text.replace("EDIT", edit), is_deep=True) for edit in "12")
    assert one != other


DEEP = {
    "global": "N = V\ndef it(x): return N",
    "global of a helper": "N = V\ndef helper(x): return N\ndef it(x): return helper(x)",
    "global of an inner function": "N = V\ndef it(x): return (lambda: N)()",
    "helper": "def helper(x): return (2, 3)[FLAG]\nFLAG = V - 2\ndef it(x): return helper(x)",
    "default": "def it(x, n=V): return n",
    "keyword default": "def it(x, *, n=V): return n",
    "closure": "def make(n):\n    def it(x): return n\n    return it\nit = make(V)",
    "default of a helper": "def helper(n=V): return n\ndef it(x): return helper()",
    "dict": "KNOWN = {'a': {'b': [V]}}\ndef it(x): return KNOWN",
    "partial": "helper = functools.partial(int, V)\ndef it(x): return helper()",
    "shadowed builtin": "if V == 3: len = lambda x: 3\ndef it(x): return len(x)",
    "function in a module of the user's": "other = types.ModuleType('other')\nother.n = V\ndef it(x): return other.n",
    "method of a class": "class A:\n    def go(self, n=V): return n\ndef it(x): return A().go()",
    "static method": "class A:\n    @staticmethod\n    def go(n=V): return n\ndef it(x): return A.go()",
    "property": "class A:\n    n = property(lambda self, n=V: n)\ndef it(x): return A().n",
    "base class": "class B:\n    def go(self, n=V): return n\nclass A(B): pass\ndef it(x): return A().go()",
    "cached function": "@functools.lru_cache\ndef helper(n=V): return n\ndef it(x): return helper()",
    "enum": "class Kind(enum.Enum):\n    A = V\nKIND = Kind.A\ndef it(x): return KIND.value",
    "attribute of a class": "class A:\n    n = V\ndef it(x): return A.n",
    "attribute of a base class": "class B:\n    n = V\nclass A(B): pass\ndef it(x): return A.n",
    "partial in a class": "class A:\n    go = functools.partial(int, V)\ndef it(x): return A.go()",
    "dict in a class": "class A:\n    known = {'n': V}\ndef it(x): return A.known['n']",
    "attribute of the function": "def it(x): return it.n\nit.n = V",
    "state of a bound method": "class A:\n    def __init__(self, n): self.n = n\n    def go(self): return self.n\n"
    "go = A(V).go\ndef it(x): return go()",
    "state of a built-in method": "get = {'n': V}.get\ndef it(x): return get('n')",
    "default of a default dict": "KNOWN = collections.defaultdict((lambda: 2) if V == 2 else (lambda: 3))\n"
    "def it(x): return KNOWN['n']",
    "method of a list": "class Steps(list):\n    def total(self, n=V): return n\nSTEPS = Steps([1])\n"
    "def it(x): return STEPS.total()",
    "method of a dict": "class Known(dict):\n    def __missing__(self, key, n=V): return n\nKNOWN = Known()\n"
    "def it(x): return KNOWN['n']",
    "state of a list": "class Steps(list): pass\nSTEPS = Steps([1])\nSTEPS.n = V\ndef it(x): return STEPS.n",
    "method of an enum": "class Kind(enum.Enum):\n    A = 1\n    def n(self, n=V): return n\nKIND = Kind.A\n"
    "def it(x): return KIND.n()",
    "another member of an enum": "class Kind(enum.Enum):\n    A = 1\n    B = V\ndef it(x): return Kind.B.value",
    "fields of a named tuple": "Pair = collections.namedtuple('Pair', 'a b' if V == 2 else 'b a')\nPAIR = Pair(1, 2)\n"
    "def it(x): return PAIR.a",
    "module in a module": "outer = types.ModuleType('outer')\nouter.inner = types.ModuleType('outer.inner')\n"
    "outer.inner.n = V\ndef it(x): return outer.inner.n",
    "module in a default": "other = types.ModuleType('other')\nother.n = V\ndef it(x, m=other): return m.n",
    "module imported inside": "import sys\nother = sys.modules['content_other'] = types.ModuleType('content_other')\n"
    "other.n = V\ndel other\ndef it(x):\n    import content_other\n    return content_other.n",
    "method of a metaclass": "class Meta(type):\n    n = property(lambda cls, n=V: n)\nclass A(metaclass=Meta): pass\n"
    "def it(x): return A.n",
    "wrapper that says it is a function": "class Wrapper:\n    def __init__(self, function): self.function = function\n"
    "    __class__ = property(lambda self: type(self.function))\n"
    "    def __getattr__(self, name): return getattr(self.function, name)\n"
    "    def __call__(self, x, n=V): return n\nhelper = Wrapper(lambda x: x)\ndef it(x): return helper(x)",
    "keyword of a partial": "helper = functools.partial(int, base=V)\ndef it(x): return helper('1')",
    "class of a partial": "class Part(functools.partial):\n    def __call__(self, n=V): return n\nhelper = Part(int)\n"
    "def it(x): return helper()",
    "object": "class A:\n    def __init__(self): self.n = V\nA = A()\ndef it(x): return A.n",
    "namespace": "KNOWN = types.SimpleNamespace(n=V)\ndef it(x): return KNOWN.n",
    "slot of an object": "class A:\n    __slots__ = ('n', 'm')\nA = A()\nA.n = V\ndef it(x): return A.n",
    "field of a dataclass": "@dataclasses.dataclass\nclass A:\n    n: int = V\ndef it(x): return A().n",
    "metadata of a field": "@dataclasses.dataclass\nclass A:\n"
    "    n: int = dataclasses.field(default=1, metadata={'n': V})\n"
    "def it(x): return dataclasses.fields(A)[0].metadata['n']",
    "mapping behind a view": "class Known(dict):\n    def __missing__(self, key, n=V): return n\n"
    "KNOWN = types.MappingProxyType(Known())\ndef it(x): return KNOWN['n']",
    "order of an ordered dict": "KNOWN = collections.OrderedDict(a=1, b=2)\nif V == 3: KNOWN.move_to_end('a')\n"
    "def it(x): return list(KNOWN)",
    "list that hides what it holds": "class Steps(list):\n    def __iter__(self): return iter(())\nSTEPS = Steps([V])\n"
    "def it(x): return STEPS[0]",
    "number that a member of an enum is": "class Kind(int, enum.Enum):\n    def __new__(cls, n):\n"
    "        self = int.__new__(cls, n)\n        self._value_ = 1\n        return self\n    A = V\n"
    "KIND = Kind.A\ndef it(x): return KIND + 1",
    "attribute of a member of an enum": "class Kind(enum.Enum):\n    A = 1\nKind.A.n = V\ndef it(x): return Kind.A.n",
    "class registered with another": "import abc\nclass A(abc.ABC): pass\nclass B: pass\nif V == 3: A.register(B)\n"
    "def it(x): return isinstance(B(), A)",
    "slots of a named tuple's subclass": "class Pair(collections.namedtuple('Pair', 'a')):\n    pass\n"
    "PAIR = Pair(1)\nPAIR.n = V\ndef it(x): return PAIR.n",
    "default of a function in a default": "def it(x, f=lambda n=V: n): return f()",
    "function that is wrapped": "def inner(n=V): return n\n@functools.wraps(inner)\ndef helper(): pass\n"
    "def it(x): return helper.__wrapped__()",
    "module handed to another function": "other = types.ModuleType('other')\nother.n = V\ndef helper(m): return m.n\n"
    "def it(x): return helper(other)",
    "module in a dict": "other = types.ModuleType('other')\nother.n = V\nKNOWN = {'m': other}\n"
    "def it(x): return KNOWN['m'].n",
    "name of a module in a text": "other = types.ModuleType('other')\nother.n = V\nask = getattr\n"
    "def it(x): return ask(other, 'n')",
    "name of a module that is computed": "other = types.ModuleType('other')\nother.n1 = V\n"
    "def it(x): return getattr(other, f'n{1}')",
    "dict of a module": "other = types.ModuleType('other')\nother.n1 = V\n"
    "def it(x): return other.__dict__['n' + str(1)]",
    "version of an installed package": "other = types.ModuleType('other')\n"
    "other.__file__, other.__version__ = '/site-packages/other.py', V\ndef it(x): return other.n",
    "what a module makes when it is asked": "other = types.ModuleType('other')\n"
    "other.__getattr__ = lambda name, n=V: n\n"
    "def it(x): return other.any",
    "name imported inside": "import sys\nsys.modules['content_other'] = types.ModuleType('content_other')\n"
    "sys.modules['content_other'].n = V\ndef it(x):\n    from content_other import n\n    return n",
    "module of a package imported inside": "import sys\npackage = types.ModuleType('content_package')\n"
    "package.part = types.ModuleType('content_package.part')\npackage.part.n = V\n"
    "sys.modules.update({each.__name__: each for each in (package, package.part)})\ndel package\n"
    "def it(x):\n    import content_package.part as part\n    return part.n",
    "relative import inside": "import sys\nsys.modules['content_package'] = types.ModuleType('content_package')\n"
    "sys.modules['content_package'].n = V\n__package__ = 'content_package'\n"
    "def it(x):\n    from . import n\n    return n",
    "function put into a module of Python": "import json\nif V == 3: json.content_test = lambda: 3\n"
    "else: vars(json).pop('content_test', None)\ndef it(x): return json.content_test()",
    "attribute put into a class of Python": "import json\njson.JSONDecoder.content_test = V\n"
    "def it(x): return json.JSONDecoder.content_test",
    "method put into a class of Python": "import json\njson.JSONDecoder.content_test = lambda self, n=V: n\n"
    "def it(x): return json.JSONDecoder().content_test()",
    "tuple that a member of an enum is": "class Kind(tuple, enum.Enum):\n    def __new__(cls, n):\n"
    "        self = tuple.__new__(cls, (n,))\n        self._value_ = 1\n        return self\n    A = V\n"
    "KIND = Kind.A\ndef it(x): return KIND[0]",
    "one list or two": "A = [1]\nB = A if V == 2 else [1]\ndef it(x):\n    A[0] += 1\n    return B",
    "one object or two": "class A: pass\nA, B = A(), A()\nif V == 2: B = A\ndef it(x): return A is B",
}

UNTOLD = {
    "global read by its name": "N = V\ndef it(x): return globals()['N']",
    "text that is evaluated": "N = V\ndef it(x): return eval('N')",
    "text that is executed": "N = V\ndef it(x): exec('N')",
    "other name of eval": "N = V\ngo = eval\ndef it(x): return go('N')",
    "eval of a module": "import builtins\nN = V\ndef it(x): return builtins.eval('N')",
    "frame": "import sys\nN = V\ndef it(x): return sys._getframe().f_globals['N']",
    "frame of a function": "import inspect\nN = V\ndef it(x): return inspect.currentframe().f_globals['N']",
    "globals of a function": "N = V\ndef it(x): return it.__globals__['N']",
    "modules": "import sys\ndef it(x): return sys.modules['edited']",
    "modules by another name": "from sys import modules\ndef it(x): return modules['edited']",
    "import by name": "import importlib\ndef it(x): return importlib.import_module('edited')",
    "import by a function": "from importlib import import_module\ndef it(x): return import_module('edited')",
    "built-in import": "def it(x): return __import__('edited')",
    "module that is not there yet": "def it(x):\n    import content_absent",
    "part of a package that is not there yet": "import sys\n"
    "sys.modules['content_package'] = types.ModuleType('content_package')\n"
    "def it(x):\n    from content_package import absent",
    "annotations": "class A:\n    n: V\ndef it(x): return A.__annotations__",
    "subclasses": "class A: pass\ndef it(x): return A.__subclasses__()",
    "generator": "steps = iter([V])\ndef it(x): return next(steps)",
    "random state": "import random\nrandom.seed(V)\nNEXT = random.Random(V).random\ndef it(x): return NEXT()",
    "day in an enum": "import datetime\nclass Kind(datetime.date, enum.Enum):\n    A = 1, 1, V\n"
    "def it(x): return Kind.A.day",
    "number of a class of its own": "class N(int): pass\nN = N(V)\ndef it(x): return N",
}


@pytest.mark.parametrize("what", DEEP)
def test_what_a_function_reads_when_it_runs_is_told(what):
    assert is_told(DEEP[what])
    assert told(DEEP[what], is_deep=True, V=2) == told(DEEP[what], is_deep=True, V=2)


@pytest.mark.parametrize("what", UNTOLD)
def test_a_function_that_may_read_anything_is_unprovable(what):
    assert unprovable(scope_of(UNTOLD[what], V=2)["it"])


@pytest.mark.parametrize(
    "text",
    [
        "N = object()\ndef it(x): return x.N.eval().modules()",
        "import sys\nother = types.ModuleType('other')\nother.n = object()\ndef it(x): return (other.m, sys.version)",
        "N = object()\ndef it(x):\n    import math\n    from json import dumps\n    return math.pi, dumps",
        "import numpy as np\ndef it(x): return np.sin(np.mean(x))",
        "import sys\nother = types.ModuleType('other')\nother.__file__ = '/site-packages/other.py'\n"
        "other.__getattr__ = lambda name: sys.modules[name]\ndef it(x): return other.n",
    ],
)
def test_what_a_function_only_seems_to_read_is_not_asked_for(text):
    assert told(text, is_deep=True) == told(text, is_deep=True)


def test_without_looking_deep_globals_are_the_guards_business():
    assert told("N = V\ndef it(x): return N", V=2) == told("N = V\ndef it(x): return N", V=3)
    assert told("def it(x, n=V): return n", V=2) != told("def it(x, n=V): return n", V=3)


HELD = {
    "tuple": "(V,)",
    "list in a tuple": "([V],)",
    "dict": "{'n': V}",
    "key of a dict": "{V: 1}",
    "set": "{V}",
    "frozenset": "frozenset({V})",
    "named tuple": "collections.namedtuple('Pair', 'a b')(1, V)",
    "default dict": "collections.defaultdict(int if V == 2 else float)",
    "ordered dict": "collections.OrderedDict(n=V)",
    "view of a dict": "types.MappingProxyType({'n': V})",
    "range": "range(V)",
    "slice": "slice(V)",
    "enum": "enum.Enum('Kind', {'A': V}).A",
    "enum class": "enum.Enum('Kind', {'A': V})",
    "function": "(lambda x: 2) if V == 2 else (lambda x: 3)",
    "functions in a dict": "{'f': (lambda x: 2) if V == 2 else (lambda x: 3)}",
    "built-in": "len if V == 2 else max",
    "class": "int if V == 2 else float",
    "partial": "functools.partial(int, V)",
    "partial over an object": "functools.partial(int, types.SimpleNamespace(), V)",
    "method of a list": "[V].count",
    "number of torch": "__import__('torch').float32 if V == 2 else __import__('torch').float64",
    "device of torch": "__import__('torch').device('cpu' if V == 2 else 'meta')",
    "function of torch": "__import__('torch').mm if V == 2 else __import__('torch').add",
    "kind of an object": "types.SimpleNamespace() if V == 2 else object()",
    "kind of an object in a list": "[types.SimpleNamespace() if V == 2 else object()]",
}


@pytest.mark.torch
@pytest.mark.parametrize(
    "where", ["def it(x, n={}): return n", "def it(x, *, n={}): return n", "it = (lambda n: lambda: n)({})"]
)
@pytest.mark.parametrize("what", HELD)
def test_what_a_default_or_a_closure_holds_is_told(what, where):
    text = where.replace("{}", HELD[what])
    assert told(text, V=2) == told(text, V=2)
    assert told(text, V=2) != told(text, V=3)


@pytest.mark.torch
@pytest.mark.parametrize(
    "what", ["types.SimpleNamespace(n=V)", "__import__('torch').ones(V)", "[types.SimpleNamespace(n=V)]"]
)
def test_of_objects_that_a_default_holds_only_the_kind_is_told(what):
    """Dynamo guards what it reads of them."""
    text = f"def it(x, n={what}): return n"
    assert told(text, V=2) == told(text, V=3)


# -- classes


@pytest.mark.parametrize(
    "text",
    [
        "class it:\n    def go(self): return EDIT",
        "class it:\n    @staticmethod\n    def go(): return EDIT",
        "class it:\n    @classmethod\n    def go(cls): return EDIT",
        "class it:\n    @property\n    def n(self): return EDIT",
        "class it:\n    n = property(fset=lambda self, n: EDIT)",
        "class it:\n    n = property(fdel=lambda self: EDIT)",
        "class it:\n    @functools.cached_property\n    def n(self): return EDIT",
        "class it:\n    def __len__(self): return EDIT",
        "class B:\n    def go(self): return EDIT\nclass it(B): pass",
        "class A:\n    def go(self): return EDIT\nclass B(A): pass\nclass it(B, dict): pass",
        "class it: pass\nit.go = lambda self: EDIT",
        "class it:\n    def go(self): pass\nit.go.__defaults__ = (lambda: EDIT,)",
        "class it:\n    def go(self):\n        class Inner:\n            def go(self): return EDIT",
        "class it:\n    @functools.lru_cache\n    def go(self): return EDIT",
        "class it:\n    go = functools.partial(int, EDIT)",
        "class it:\n    go = functools.partialmethod(int, EDIT)",
        "class A:\n    def go(self): return EDIT\nclass it:\n    go = A().go",
        "class Meta(type):\n    def go(cls): return EDIT\nclass it(metaclass=Meta): pass",
        "class A:\n    def __init__(self, n): self.n = n\n    def __get__(self, *_): return self.n\n"
        "class it:\n    n = A(EDIT)",
        "class it(enum.Enum):\n    A = EDIT",
        "class it(enum.Enum):\n    A = EDIT\n    B = 2",
        "class it(enum.Enum):\n    A = EDIT, 1",
        "class it(enum.Flag):\n    A = EDIT * 4",
    ],
)
def test_an_edited_method_makes_another_class(text):
    assert told(text.replace("EDIT", "1")) == told("# moved\n" + text.replace("EDIT", "1"))
    assert told(text.replace("EDIT", "1")) != told(text.replace("EDIT", "2"))


def test_bases_and_their_order_are_told():
    text = "class A: pass\nclass B: pass\nclass it(BASES): pass"
    assert len({told(text.replace("BASES", bases)) for bases in ("A, B", "B, A", "A", "B", "object", "dict")}) == 6


def test_a_method_that_was_added_or_removed_makes_another_class():
    texts = ["class it: pass", "class it:\n    def go(self): pass", "class it:\n    def on(self): pass"]
    assert len(set(map(told, texts))) == 3


def test_names_and_kinds_of_other_attributes_are_told_and_not_their_values():
    texts = [f"class it:\n    {line}" for line in ("n = 1", "m = 1", "n = '1'", "n = m = 1", "n = [1]", "pass")]
    assert len(set(map(told, texts))) == len(texts)
    assert told("class it:\n    n = 1") == told("class it:\n    n = 2")
    assert told("class it:\n    n = [1]") == told("class it:\n    n = [2]")


def test_what_python_notes_in_a_class_is_not_told():
    text = "class it:\n    'EDIT'\n    n: int = 1"
    assert told(text) == told(f"# moved\n{text.replace('EDIT', 'edited')}")
    kind = scope_of("class it: pass")["it"]
    before = Content().facts(kind)
    assert kind.__annotations__ == {}
    assert Content().facts(kind) == before


def test_flags_that_were_combined_make_no_other_class():
    kind = scope_of("class it(enum.Flag):\n    A = 1\n    B = 2")["it"]
    before = [Content(is_deep=is_deep).facts(kind) for is_deep in (False, True)]
    combined = kind.A | kind.B
    assert ~kind.A == kind.B
    assert [Content(is_deep=is_deep).facts(kind) for is_deep in (False, True)] == before
    assert Content().facts(combined) not in (Content().facts(kind.A), Content().facts(kind.B))


def test_other_names_of_a_member_of_an_enum_are_told():
    assert told("class it(enum.Enum):\n    A = 1\n    B = 1") != told("class it(enum.Enum):\n    A = 1")


def test_fields_of_a_named_tuple_are_told():
    assert told("it = collections.namedtuple('it', 'a b')") != told("it = collections.namedtuple('it', 'b a')")


def test_an_enum_member_is_its_class_name_and_value():
    text = "class Kind(enum.NAME):\n    A = 1\n    B = 2\nit = Kind.PICK"
    edits = [("Enum", "A", "1"), ("Enum", "B", "1"), ("Enum", "A", "7"), ("IntEnum", "A", "1"), ("Flag", "A", "1")]
    texts = [text.replace("NAME", name).replace("PICK", pick).replace("1", one) for name, pick, one in edits]
    assert len(set(map(told, texts[:3]))) == 3
    assert told(texts[0].replace("Kind", "Other")) != told(texts[0])


def test_a_method_is_its_function_and_its_class():
    text = "class A:\n    def go(self): return 1\nclass B(A): pass\nit = OWNER.go"
    assert told(text.replace("OWNER", "A()")) != told(text.replace("OWNER", "B()"))
    assert told(text.replace("OWNER", "A()")) != told(text.replace("1", "2").replace("OWNER", "A()"))


def test_classes_and_functions_that_are_built_in_are_known_by_name():
    known = [int, str, len, max, dict.get, list.append, dict.fromkeys, operator.add, type, functools.partial, str.join]
    known += [collections.OrderedDict, json, enum, object.__init__, types.FunctionType.__get__, "".__add__]
    assert len({Content().facts(each) for each in known}) == len(known)


def test_a_logger_is_its_name():
    assert Content().facts(logging.getLogger("a")) != Content().facts(logging.getLogger("b"))


# -- codes


def test_codes_that_were_told_are_remembered_with_those_inside_them():
    scope = scope_of("def helper(x):\n    return lambda: x\n\ndef it(x, h=helper):\n    return [y for y in x]")
    found = Content()
    found.facts(scope["it"])
    wanted = {*codes_in(scope["it"].__code__), *codes_in(scope["helper"].__code__)}
    assert found.codes == set(map(digest_of, wanted))


def test_each_object_is_told_once():
    found = Content()
    function = scope_of("def it(x): return x")["it"]
    assert found.facts(function) is found.facts(function)


def test_an_object_of_another_is_not_taken_for_it_at_its_place():
    """What was told stays alive as long as its facts, so that no other object gets its address."""
    found = Content()
    assert len({found.facts((number, "x")) for number in range(1000)}) == 1000


TRYING = "def it(x):\n    try:\n        a(x)\n        b(x)\n    except E:\n        c(x)\n"


def test_what_an_exception_handler_covers_is_told():
    code = scope_of(TRYING)["it"].__code__
    bare = code.replace(co_exceptiontable=b"")
    assert digest_of(bare) != digest_of(code)
    assert code_digest(bare) != code_digest(code)


def test_the_digest_of_a_code_object_is_found_once_and_is_that_of_codes():
    for text in (
        TRYING,
        "def it(): return 0.0",
        "def it(): return -0.0",
        "def it(): return 1",
        "def it(): return True",
    ):
        code = scope_of(text)["it"].__code__
        assert code_digest(code) == code_digest(code) == digest_of(code)


@pytest.mark.parametrize(
    "change",
    [
        {"co_consts": (None, 1, 3)},
        {"co_flags": 67 | 0x20},
        {"co_varnames": ("y",)},
        {"co_names": ("other",)},
        {"co_argcount": 0, "co_kwonlyargcount": 1},
        {"co_posonlyargcount": 1},
    ],
)
def test_every_part_of_a_code_object_that_runs_is_told(change):
    code = scope_of("def it(x): return name(x, 1, 2)")["it"].__code__
    assert code_digest(code.replace(**change)) != code_digest(code)


@pytest.mark.parametrize("change", [{"co_firstlineno": 9}, {"co_filename": "b"}, {"co_linetable": b""}])
def test_the_place_of_a_code_object_is_not_told(change):
    code = scope_of("def it(x): return x")["it"].__code__
    assert code_digest(code.replace(**change)) == code_digest(code)


@pytest.mark.parametrize("tell", [Content().facts, lambda number: digest_of(compile(f"it = {number:#x}", "a", "exec"))])
def test_a_huge_number_is_told(tell):
    assert tell(1 << 20000) != tell(1 << 20001)


def test_a_class_is_the_same_after_its_objects_were_copied():
    kind = scope_of("class it:\n    __slots__ = ('n',)")["it"]
    before = Content().facts(kind)
    copy.copy(kind())
    assert "__slotnames__" in vars(kind)
    assert Content().facts(kind) == before


def test_facts_are_told_apart_by_their_digest():
    assert digest(("a", "b")) != digest(("a, b",))
    assert digest(("\udc80",)) != digest(("\udc81",))
    assert len(digest(())) == 32


# -- torch's


@pytest.mark.torch
def test_things_of_torch_are_known_by_name():
    import torch

    known = [torch.float32, torch.float64, torch.strided, torch.channels_last, torch.device("cpu"), torch.Size([1])]
    known += [torch.ops.aten.mm, torch.ops.aten.mm.default, torch.ops.aten.mm.out, torch.nn.functional.relu, torch.relu]
    known += [torch.nn.Linear, torch.nn.Bilinear, torch.Tensor.mm, torch.nn.Parameter, torch.ops.higher_order.cond]
    assert len({digest(Content().facts(each)) for each in known}) == len(known)


@pytest.mark.torch
def test_a_tensor_is_its_values_where_nothing_guards_it_and_unprovable_elsewhere():
    import torch

    def facts(tensor):
        return Content(is_deep=True).facts(tensor)

    tensors = [torch.ones(2), torch.zeros(2), torch.ones(2).double(), torch.ones(2, 1), torch.ones(2) * -0.0]
    assert len({facts(each) for each in tensors}) == 5
    assert facts(torch.ones(2)) == facts(torch.ones(2))
    assert unprovable(torch.ones(2), is_deep=False)
    assert unprovable(torch.ones(1 << 17))
    assert unprovable(torch.ones(2).to_sparse())
    assert unprovable(torch.ones(2, device="meta"))


@pytest.mark.torch
@pytest.mark.parametrize("what", ["mkldnn", "view", "gradient", "graph", "class of its own"])
def test_a_tensor_that_is_more_than_its_values_is_unprovable(what):
    import torch

    tensor = torch.ones(2, requires_grad=what in ("gradient", "graph"))
    if what == "gradient":
        tensor.sum().backward()
    kind = type("Own", (torch.Tensor,), {})
    others = {"mkldnn": tensor.to_mkldnn, "view": lambda: tensor[:1], "graph": lambda: tensor * 2}
    value = others.get(what, lambda: tensor.as_subclass(kind) if what == "class of its own" else tensor)()
    assert unprovable(value)
    assert unprovable(value.mm)
    assert Content().facts(value.mm) != Content().facts(value.add)


@pytest.mark.torch
def test_a_method_of_a_tensor_is_told_with_its_tensor():
    import torch

    def facts(tensor):
        return Content(is_deep=True).facts(tensor.mm)

    assert facts(torch.ones(2, 2)) == facts(torch.ones(2, 2))
    assert facts(torch.ones(2, 2)) != facts(torch.zeros(2, 2))


RAISING = {
    "deep list": "it = functools.reduce(lambda inner, _: [inner], range(5000), 1)",
    "deep functions": "it = functools.reduce(lambda inner, _: lambda: inner, range(5000), 1)",
    "methods": "class A:\n    def __getattr__(self, *_): raise ValueError\n"
    "    __repr__ = __hash__ = __eq__ = __bool__ = __len__ = __iter__ = __getattribute__ = __getattr__\n"
    "it = [A()]",
    "attributes of a class": "class Meta(type):\n    def __getattribute__(cls, name): raise ValueError\n"
    "class it(metaclass=Meta): pass",
    "methods of an argument": "class A:\n    def __getattribute__(self, name): raise ValueError\n"
    "it = functools.partial(int, A())",
    "names of a module": "other = types.ModuleType('other')\nvars(other)[1] = 1\ndef it(x): return getattr(other, x)",
}


@pytest.mark.torch
@pytest.mark.parametrize("is_deep", [False, True])
@pytest.mark.parametrize("what", RAISING)
def test_what_cannot_be_read_raises_nothing_else(what, is_deep):
    found = Content(is_deep=is_deep)
    with suppress(UnprovableError):
        found.facts(scope_of(RAISING[what])["it"])
    assert found.facts([1]) == Content(is_deep=is_deep).facts([1])


@pytest.mark.torch
def test_a_module_of_torch_is_told_where_nothing_guards_it_and_its_class_elsewhere():
    import torch

    def facts(layer):
        return Content(is_deep=True).facts(layer)

    layer = torch.nn.Linear(1, 1)
    before = facts(layer)
    assert unprovable(layer, is_deep=False)
    assert facts(layer) == before
    layer.register_forward_hook(lambda *_: None)
    assert facts(layer) != before
    assert facts(torch.nn.Linear(1, 1)) != before
    assert unprovable(torch.nn.Linear(1000, 1000))
    text = "import torch\nclass it(torch.nn.Linear):\n    def forward(self, x): return EDIT"
    assert told(text.replace("EDIT", "1")) != told(text.replace("EDIT", "2"))


@pytest.mark.torch
def test_a_function_that_bears_a_name_of_torch_is_not_torchs():
    import torch

    before = torch.nn.Linear.forward
    original = Content().facts(torch.nn.Linear)
    torch.nn.Linear.forward = functools.wraps(before)(lambda _self, x: x)
    try:
        assert Content().facts(torch.nn.Linear) != original
    finally:
        torch.nn.Linear.forward = before


@pytest.mark.torch
def test_a_function_that_is_put_into_torch_is_told_by_its_code():
    import torch

    before = torch.nn.Linear.forward
    digests = {digest(Content().facts(torch.nn.Linear))}
    try:
        for text in ("lambda self, x: x", "lambda self, x: -x"):
            torch.nn.Linear.forward = eval(text)  # noqa: S307  the text is ours
            digests.add(digest(Content().facts(torch.nn.Linear)))
    finally:
        torch.nn.Linear.forward = before
    assert len(digests) == 3


OPERATOR = """
import torch

@torch.library.custom_op("content::it", mutates_args=())
def it(x: torch.Tensor) -> torch.Tensor:
    return x + KERNEL

@it.register_fake
def _(x):
    return torch.empty_like(x, dtype=FAKE)

def setup(context, inputs, output):
    context.n = SETUP

def backward(context, grad):
    return grad * BACKWARD

it.register_autograd(backward, setup_context=setup)
it.register_vmap(lambda info, dims, x: (it(x) + VMAP, dims[0]))
"""
PARTS = {"KERNEL": "1", "FAKE": "None", "SETUP": "1", "BACKWARD": "1", "VMAP": "1"}


def operator_of(**parts):
    text = OPERATOR
    for name, value in {**PARTS, **parts}.items():
        text = text.replace(name, value)
    return told(text)


@pytest.mark.torch
def test_every_part_of_an_operator_is_told():
    digests = {operator_of(**{name: "torch.float16" if name == "FAKE" else "2"}) for name in PARTS}
    assert len({*digests, operator_of()}) == len(PARTS) + 1
    assert operator_of() == operator_of()


@pytest.mark.torch
@pytest.mark.parametrize(
    "text",
    [
        "def it(x): return torch.ops.content.inner(x)",
        "inner = torch.ops.content.inner\ndef it(x): return inner(x)",
        "inner = torch.ops.content.inner.default\ndef it(x): return inner(x)",
        "content = torch.ops.content\ndef it(x): return content.inner(x)",
        "from torch import ops as all\ndef it(x): return all.content.inner(x)",
        "def it(x): return getattr(torch.ops.content, 'in' + 'ner')(x)",
    ],
)
def test_an_operator_that_a_function_calls_is_told(text):
    kernel = """
import torch

@torch.library.custom_op("content::inner", mutates_args=())
def inner(x: torch.Tensor) -> torch.Tensor:
    return x + EDIT

"""
    digests = [told(kernel.replace("EDIT", edit) + text, is_deep=True) for edit in "112"]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.torch
def test_the_schema_of_an_operator_is_told():
    text = OPERATOR
    for name, value in PARTS.items():
        text = text.replace(name, value)
    text = text.partition("def setup")[0]
    assert told(text) != told(text.replace("mutates_args=()", 'mutates_args=("x",)'))


def test_the_tellers_are_asked_from_the_most_special_to_the_most_general():
    """An enum may be an int, a bool is one, and every class is a type."""
    kinds = [kind for kind, _ in content._TELLERS]
    assert kinds.index(enum.Enum) == 0
    assert Content().facts(True) != Content().facts(1)
