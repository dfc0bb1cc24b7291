"""Tests of `megacache.compiler.spans`."""

import json

from megacache.compiler.spans import Spans, phase_of


def feed(spans, *events, thread=7, compile_id="0/0"):
    closed = []
    for kind, name, at_us in events:
        payload = json.dumps({"name": name, "ts": at_us, "ph": kind})
        closed.append(spans.feed("s", "r", thread, compile_id, 0, payload))
    return [event for event in closed if event]


def test_begin_and_end_make_one_span():
    (inner, outer) = feed(
        Spans(),
        ("B", "backend_compile", 10),
        ("B", "code_gen", 20),
        ("E", "code_gen", 50),
        ("E", "backend_compile", 90),
    )
    assert (inner.name, inner.started_us, inner.duration_us, inner.depth) == ("code_gen", 20, 30, 1)
    assert (outer.phase, outer.duration_us, outer.depth, outer.thread) == ("aot", 80, 0, 0)


def test_span_whose_end_was_lost_does_not_swallow_others():
    spans = Spans()
    closed = feed(spans, ("B", "dynamo", 0), ("B", "build_guards", 5), ("E", "dynamo", 9), ("E", "unknown", 10))
    assert [event.name for event in closed] == ["dynamo"]
    assert feed(spans, ("B", "dynamo", 20), ("E", "dynamo", 21))[0].depth == 0


def test_backward_has_times_of_its_own():
    spans = Spans()
    feed(spans, ("B", "inductor_compile", 0), ("E", "inductor_compile", 10))
    feed(
        spans,
        ("B", "entire_backward_compile", 20),
        ("B", "inductor_compile", 20),
        ("E", "inductor_compile", 50),
        ("E", "entire_backward_compile", 55),
    )
    assert spans.durations("r", "0/0", is_backward=False)["inductor_us"] == 10
    assert spans.durations("r", "0/0", is_backward=True)["inductor_us"] == 30
    assert spans.extent("r", "0/0", is_backward=True) == (20, 35)


def test_time_in_the_compiler_counts_nested_and_parallel_spans_once():
    spans = Spans()
    feed(
        spans,
        ("B", "async_compile.wait", 0),
        ("B", "compile_file", 10),
        ("E", "compile_file", 30),
        ("E", "async_compile.wait", 40),
    )
    feed(spans, ("B", "compile_file", 35), ("E", "compile_file", 60), thread=8)
    assert spans.durations("r", "0/0", is_backward=False)["compiler_us"] == 60


def test_instant_events_have_no_duration():
    (event,) = feed(Spans(), ("i", "fx_graph_cache_hit", 5))
    assert event.is_instant
    assert event.duration_us == 0


def test_phases():
    assert phase_of("bytecode_tracing") == "dynamo"
    assert phase_of("build_guards") == "guards"
    assert phase_of("create_aot_dispatcher_function") == "aot"
    assert phase_of("inductor_compile") == "inductor"
    assert phase_of("Scheduler.codegen") == "codegen"
    assert phase_of("compile_file") == "compiler"
    assert phase_of("TritonBundler.read_and_emit") == "cache"
    assert phase_of("something else") == "other"
