"""Tests of `megacache.compiler.trace.failures`: how a compile failed, as its log tells it."""

from megacache.compiler.trace.failures import Failure

TRACEBACK = """Traceback (most recent call last):
  File "torch/_dynamo/exc.py", line 751, in unimplemented
    raise Unsupported(msg)
{type}: first line
  Hint: second line

from user code:
   File "a.py", line 2, in f
    print(1)

"""


def test_compile_without_a_failure():
    assert Failure.of({"fail_type": None}, None, has_broken=False) is None


def test_text_is_the_one_that_was_raised():
    metrics = {"fail_type": "Unsupported", "fail_reason": "first line"}
    found = Failure.of(metrics, TRACEBACK.format(type="torch._dynamo.exc.Unsupported"), has_broken=False)
    assert (found.status, found.error_type) == ("failed", "Unsupported")
    assert found.error.startswith("first line\n  Hint: second line")
    assert found.error.endswith("print(1)\n")


def test_torch_goes_on_without_a_graph_where_it_says_where_it_breaks():
    metrics = {"fail_type": "Unsupported", "fail_reason": "first line"}
    assert Failure.of(metrics, None, has_broken=True).status == "skipped"


def test_what_torch_does_not_know_it_wraps():
    metrics = {"fail_type": "KeyError", "fail_reason": "'x'"}
    found = Failure.of(metrics, TRACEBACK.format(type="KeyError"), has_broken=False)
    assert (found.error_type, found.error.partition("\n")[0]) == ("InternalTorchDynamoError", "KeyError: first line")


def test_recompile_limit():
    metrics = {"fail_type": "Unsupported", "fail_reason": "Dynamo recompile limit exceeded"}
    assert Failure.of(metrics, None, has_broken=False).status == "limit"
    metrics = {"fail_type": "FailOnRecompileLimitHit", "fail_reason": "Hard failure due to fullgraph=True"}
    found = Failure.of(metrics, None, has_broken=False)
    assert (found.status, found.error_type) == ("failed", "FailOnRecompileLimitHit")
