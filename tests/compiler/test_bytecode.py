"""What Dynamo made of a frame, without any name that only one process has, and put together again in another."""

import gc
import types
import uuid

import pytest
from guarded_samples import code_of

from megacache.compiler.codes import digest_of

pytestmark = pytest.mark.torch


@pytest.fixture
def parts():
    """Take a code apart whose globals hold what Dynamo puts there."""
    import torch

    from megacache.compiler import bytecode

    def taken(text, *, installed=(), imports=None, **scope):
        scope = {"__name__": "m", **scope}
        body = bytecode.body_of(code_of(text), scope, installed=installed, imports=imports or {}, guards=b"guards")
        return body, scope

    assert torch
    return taken


BACKEND = "__compiled_fn_1_" + str(uuid.uuid4()).replace("-", "_")
RESUME = "__resume_at_24_1"
BUILTINS = "__builtins_dict___7"
CALLS = f"def f(x):\n    return {RESUME}({BACKEND}(x), {BUILTINS}['len'](x), other(x))"


def resume(x, *others):
    return (x, *others)


def test_names_of_this_process_alone_are_replaced(parts):
    made = {BACKEND: len, RESUME: resume, BUILTINS: {"len": len}}
    body, _ = parts(CALLS, installed=set(made), other=len, **made)
    assert [name.kind for name in body.names] == ["resume", "backend", "builtins"]
    assert set(body.code.co_names) == {"__resume_at__0", "__compiled_fn__1", "__builtins_dict__megacache", "other"}
    assert body.guards == b"guards"
    assert body.names[0].code == resume.__code__
    assert body.names[0].value == __name__


def test_two_processes_store_the_same(parts):
    other = (
        CALLS.replace(BACKEND, "__compiled_fn_9_x").replace(RESUME, "__resume_at_24_8").replace(BUILTINS, BUILTINS[:-1])
    )
    first, _ = parts(CALLS, installed={BACKEND, RESUME, BUILTINS}, **{BACKEND: len, RESUME: resume, BUILTINS: {}})
    names = {"__compiled_fn_9_x": len, "__resume_at_24_8": resume, BUILTINS[:-1]: {}}
    second, _ = parts(other, installed=set(names), **names)
    assert digest_of(first.code) == digest_of(second.code)
    assert [(each.placeholder, each.kind) for each in first.names] == [
        (each.placeholder, each.kind) for each in second.names
    ]


def test_a_graph_is_there_only_where_one_is_called(parts):
    from megacache.compiler.bytecode import has_graph

    assert has_graph(parts(f"def f(x): return {BACKEND}(x)", installed={BACKEND}, **{BACKEND: len})[0])
    assert not has_graph(parts("def f(x): return len(x)")[0])


def test_a_name_of_the_users_is_left_alone_whatever_it_looks_like(parts):
    body, _ = parts(f"def f(x): return {BACKEND}(x), __resume_at_1(x)", **{BACKEND: len})
    assert body.names == ()
    assert set(body.code.co_names) == {BACKEND, "__resume_at_1"}


@pytest.mark.parametrize("value", [object(), [], 1, lambda x: x])
def test_another_thing_that_dynamo_made_is_unprovable(parts, value):
    from megacache.compiler.content import UnprovableError

    with pytest.raises(UnprovableError, match="that Dynamo made"):
        parts("def f(x): return __gen_rand_values(x)", installed={"__gen_rand_values"}, __gen_rand_values=value)


def test_modules_go_by_their_names(parts):
    from megacache.compiler.bytecode import installed_code

    body, _ = parts(
        "def f(x): return __import_json.dumps(x), __torch_1.__name__",
        installed={"__torch_1"},
        imports={"__import_json": "json"},
        __torch_1=types.ModuleType("math"),
    )
    assert [(name.kind, name.value) for name in body.names] == [("module", "json"), ("module", "math")]
    scope = {"__name__": "m"}
    assert types.FunctionType(installed_code(body, scope, None), scope)([1]) == ("[1]", "math")


def test_what_was_taken_apart_runs_again(parts):
    from megacache.compiler.bytecode import installed_code
    from megacache.compiler.guard_state import BUILTINS_ALIAS

    made = {BACKEND: len, RESUME: resume, BUILTINS: {"len": len}}
    body, _ = parts(CALLS, installed=set(made), other=sum, **made)
    scope = {"__name__": "m", "other": sum, BUILTINS_ALIAS: {"len": len}}
    code = installed_code(body, scope, lambda x: [each * 2 for each in x])
    assert types.FunctionType(code, scope)([1, 2]) == ([2, 4], 2, 3)
    assert not set(made) & set(code.co_names)


def test_names_are_new_each_time_and_go_with_the_code(parts):
    from megacache.compiler.bytecode import installed_code

    body, _ = parts(f"def f(x): return {BACKEND}(x)", installed={BACKEND}, **{BACKEND: len})
    scope = {"__name__": "m"}
    first, second = (installed_code(body, scope, backend) for backend in (len, sum))
    assert (types.FunctionType(first, scope)([1, 2]), types.FunctionType(second, scope)([1, 2])) == (2, 3)
    assert len(scope) == 3
    del first, second
    gc.collect()
    assert scope == {"__name__": "m"}


def test_a_resume_function_runs_in_its_own_module(parts, define):
    from megacache.compiler.bytecode import installed_code

    module = define("N = 2\n\ndef resume(x):\n    return x + N\n", "resumed")
    body, _ = parts(f"def f(x): return {RESUME}(x)", installed={RESUME}, **{RESUME: module.resume})
    scope = {"__name__": "m", "N": 5}
    assert types.FunctionType(installed_code(body, scope, None), scope)(1) == 3
    scope = {"__name__": "resumed", "N": 7}
    assert types.FunctionType(installed_code(body, scope, None), scope)(1) == 8


def test_a_resume_function_with_a_closure_is_made_by_a_factory(parts):
    """Dynamo stores a function that takes the closure: `install_resume_function_global` in `output_graph.py`."""
    from megacache.compiler.bytecode import installed_code

    def outer(n):
        def resumed(x):
            return x + n

        return resumed

    def factory(code, f_globals):
        def create(closure):
            return types.FunctionType(code, f_globals, RESUME, None, closure)

        return create

    function = outer(5)
    text = f"def f(x, closure): return {RESUME}(closure)(x)"
    made = factory(function.__code__, globals())
    body, _ = parts(text, installed={RESUME}, **{RESUME: made})
    assert body.names[0].code == function.__code__
    scope = {"__name__": __name__}
    assert types.FunctionType(installed_code(body, scope, None), scope)(1, function.__closure__) == 6


def test_variants_of_one_function_go_on_in_one_code_object(parts):
    """Dynamo counts and keeps compiles by code object: two of them would be two frames."""
    from megacache.compiler.bytecode import installed_code

    bodies = []
    for _ in range(2):
        scope = {"__name__": "m"}
        exec("def resume(x): return x", scope)  # noqa: S102  the text is ours
        bodies.append(parts(f"def f(x): return {RESUME}(x)", installed={RESUME}, **{RESUME: scope["resume"]})[0])
    assert bodies[0].names[0].code is not bodies[1].names[0].code
    scope = {"__name__": "m"}
    codes = [installed_code(body, scope, None) for body in bodies]
    resumed = [scope[name] for code in codes for name in code.co_names]
    assert resumed[0].__code__ is resumed[1].__code__
    assert resumed[0] is not resumed[1]


def test_equal_resume_functions_of_two_modules_are_two_code_objects(parts, define):
    """Dynamo checks the guards of a code object in the globals for which they were made."""
    from megacache.compiler.bytecode import installed_code

    resumed = []
    for name, n in (("one_module", 1), ("other_module", 2)):
        module = define("def resume(x): return x + N", name, N=n)
        body, _ = parts(f"def f(x): return {RESUME}(x)", installed={RESUME}, **{RESUME: module.resume})
        code = installed_code(body, module.__dict__, None)
        resumed += [vars(module)[live] for live in code.co_names]
    assert resumed[0].__code__ == resumed[1].__code__
    assert resumed[0].__code__ is not resumed[1].__code__
    assert [function(1) for function in resumed] == [2, 3]
