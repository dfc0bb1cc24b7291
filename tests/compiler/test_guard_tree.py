"""Tests of `megacache.compiler.guard_tree`, on torch's own text."""

from megacache.compiler.guard_tree import guards_in

TREE = """
TREE_GUARD_MANAGER:
+- RootGuardManager
| +- LAMBDA_GUARD: top_saved_tensors_hooks ids == None  # _dynamo/output_graph.py:1135 in init_ambient_guards
| +- GLOBAL_STATE: ___check_global_state() against {"allow_bf16_reduce":0}
| +- GuardManager: source=L['n'], accessed_by=FrameLocalsGuardAccessor(key='n'), type=<class 'int'>
| | +- TYPE_MATCH: ___check_type_id(L['n'], 140), type=<class 'int'>  # y = helper(x)  # x/probe.py:23 in f (HINT)
| +- GuardManager: source=G, accessed_by=GlobalsGuardAccessor, type=<class 'dict'>
| | +- GuardManager: source=G['helper'], accessed_by=DictGetItemGuardAccessor('helper'), type=<class 'function'>
| | | +- ID_MATCH: ___check_obj_id(G['helper'].__code__, 14)  # y = "a # b"  # x/probe.py:23 in f
+- LAMBDA_GUARD: 2 <= L['x'].size()[0]  # def helper(x): return x  # x/probe.py:21 in helper (user code)

Guard latency = 103.76 us
"""


def test_every_guard_is_found_in_order():
    guards = list(guards_in(TREE, run_id="r", compile_id="0/1"))
    assert [guard.guard_type for guard in guards] == [
        "LAMBDA_GUARD",
        "GLOBAL_STATE",
        "TYPE_MATCH",
        "ID_MATCH",
        "LAMBDA_GUARD",
    ]
    assert [guard.ordinal for guard in guards] == list(range(5))


def test_guard_has_the_source_of_the_manager_above_it():
    guards = list(guards_in(TREE, run_id="r", compile_id="0/1"))
    assert [guard.source for guard in guards] == [None, None, "L['n']", "G['helper']", None]


def test_comment_becomes_source_line_and_location():
    guards = list(guards_in(TREE, run_id="r", compile_id="0/1"))
    assert guards[2].expression == "___check_type_id(L['n'], 140), type=<class 'int'>"
    assert (guards[2].source_line, guards[2].location) == ("y = helper(x)", "x/probe.py:23 in f")
    assert (guards[0].source_line, guards[0].location) == (None, "_dynamo/output_graph.py:1135 in init_ambient_guards")
    assert guards[4].location == "x/probe.py:21 in helper"


def test_text_without_guards_gives_none():
    assert list(guards_in("no tree here", run_id="r", compile_id="0/0")) == []
