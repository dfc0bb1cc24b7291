"""Tests of `megacache.compiler.trace.threads`: which spans of a log were under way at the same time."""

from megacache.compiler.trace.threads import TraceThreads


def test_nested_spans_of_one_compile_are_in_one_thread():
    threads = TraceThreads()
    assert [threads.begin("0/0", name) for name in ("dynamo", "backend_compile")] == [0, 0]
    assert threads.current("0/0") == 0
    assert [threads.end("0/0", name) for name in ("backend_compile", "dynamo")] == [0, 0]


def test_one_compile_after_the_other_is_in_one_thread_and_two_at_once_are_in_two():
    threads = TraceThreads()
    threads.begin("0/0", "dynamo")
    threads.end("0/0", "dynamo")
    assert threads.begin("1/0", "dynamo") == 0
    assert threads.begin("2/0", "dynamo") == 1
    assert threads.end("1/0", "dynamo") == 0
    assert threads.end("2/0", "dynamo") == 1


def test_parallel_runs_of_the_compiler_are_in_threads_of_their_own():
    threads = TraceThreads()
    threads.begin("0/0", "async_compile.wait")
    assert [threads.begin(None, "compile_file") for _ in range(3)] == [1, 2, 3]
    assert sorted(threads.end(None, "compile_file") for _ in range(3)) == [1, 2, 3]


def test_nested_spans_outside_of_any_compile_are_in_one_thread():
    threads = TraceThreads()
    assert [threads.begin(None, name) for name in ("backend_compile", "inductor_compile")] == [0, 0]


def test_spans_without_an_end_end_with_the_one_around_them():
    threads = TraceThreads()
    threads.begin("0/0", "dynamo")
    threads.begin("0/0", "lost")
    assert threads.end("0/0", "dynamo") == 0
    assert threads.begin("1/0", "dynamo") == 0


def test_end_without_a_beginning_and_endless_beginnings_do_no_harm():
    threads = TraceThreads()
    assert threads.end("0/0", "dynamo") == 0
    numbers = {threads.begin(f"{number}/0", "dynamo") for number in range(1000)}
    assert len(numbers) <= 256
