"""Tests of `megacache.compiler.reasons`, on torch's own texts."""

import json

from megacache.compiler import reasons

BREAK = """Graph break in user code at model.py:24
Graph Break Reason: Encountered graph break when attempting to trace CALL: a function call, e.g. f(x, y):

Failed to trace builtin operator
  Explanation: Dynamo does not know how to trace builtin operator `print` with argument types ['str'] (has_kwargs False)
  Hint: Avoid calling builtin `print` with argument types ['str'].
  Hint: Please report an issue to PyTorch.

  Developer debug context: builtin print [<class 'torch._dynamo.variables.constant.ConstantVariable'>] False

 For more details about this graph break, please visit: https://meta-pytorch.github.io/compile-graph-break-site/gb/gb0059.html

User code traceback:
  File "train.py", line 28, in <module>
    g(x,1).backward()
    ~^^^^^
  File "model.py", line 24, in f
    print("brk")

Traceback (most recent call last):
  File "symbolic_convert.py", line 1076, in wrapper
    return inner_fn(self, inst)
"""


def read_break(text):
    return reasons.graph_break(text, run_id="r", compile_id="0/0", attempt=0, ordinal=0)


def test_graph_break_is_taken_apart():
    row = read_break(BREAK)
    assert row.gb_type == "Failed to trace builtin operator"
    assert row.explanation.startswith("Dynamo does not know how to trace builtin operator `print`")
    assert len(row.hints) == 2
    assert row.context.startswith("builtin print")
    assert (row.filename, row.line, row.source_line) == ("model.py", 24, 'print("brk")')
    assert row.user_stack == ("train.py:28 <module>", "model.py:24 f")
    assert "Traceback" not in row.reason


def test_graph_break_of_an_unknown_form_is_kept_whole():
    row = read_break("something new")
    assert (row.reason, row.filename, row.line) == ("something new", None, None)


def test_single_reason_is_bare_text():
    (row,) = reasons.recompile_reasons(
        "0/0: tensor 'x' size mismatch at index 0. expected 8, actual 9", run_id="r", compile_id="0/1"
    )
    assert row.failed_compile_id == "0/0"
    assert row.guard == "tensor 'x' size mismatch at index 0. expected 8, actual 9"


def test_several_reasons_are_json_with_their_source_line():
    first = (
        "0/1: n == 1                                    # y = helper(x)*n  # x/model.py:23 in f\n"
        'User stack trace:\n  File "/x/model.py", line 23, in f\n    y = helper(x)*n'
    )
    rows = reasons.recompile_reasons(json.dumps([first, "0/0: other"]), run_id="r", compile_id="0/2")
    assert [row.failed_compile_id for row in rows] == ["0/1", "0/0"]
    assert (rows[0].guard, rows[0].source_line) == ("n == 1", "y = helper(x)*n")
    assert rows[0].location == "/x/model.py:23 in f"
    assert [row.ordinal for row in rows] == [0, 1]


def test_reason_that_is_a_json_number_is_text():
    (row,) = reasons.recompile_reasons("42", run_id="r", compile_id="0/1")
    assert row.guard == "42"
