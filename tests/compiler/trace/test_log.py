"""Tests of `megacache.compiler.trace.log` and `trace.compiles`: raw events out of records."""

import json
from hashlib import md5
from io import BytesIO
from typing import Any

from megacache.compiler.codes import TracedCode
from megacache.compiler.raw_events import BytecodeMade, CompileEnded, CompileStarted, RawEvent, TraceEvent
from megacache.compiler.trace.log import TraceLog

BROKEN = "Graph break in user code at a.py:{line}\nUser code traceback:\n" + '  File "a.py", line {line}, in f\n    x\n'


class Writer:
    """Writes a log as torch does, a millisecond per record."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.milliseconds = 0
        self.write(str=["/v/torch/_dynamo/convert_frame.py", 0])
        self.write(str=["a.py", 1])

    def write(self, compile_id: str | None = None, payload: str | None = None, **metadata: Any) -> None:
        if compile_id is not None:
            frame, number = compile_id.split("/")
            metadata |= {"frame_id": int(frame), "frame_compile_id": int(number), "attempt": 0}
        if payload is not None:
            metadata["has_payload"] = md5(payload.encode(), usedforsecurity=False).hexdigest()
        self.milliseconds += 1
        self.lines.append(f"V0101 00:00:00.{self.milliseconds:03}000 7 torch/x.py:1] {json.dumps(metadata)}")
        self.lines += [f"\t{line}" for line in payload.split("\n")] if payload is not None else []

    def span(self, compile_id: str | None, kind: str, name: str) -> None:
        at_us = 1767225600_000000 + (self.milliseconds + 1) * 1000  # 2026-01-01 00:00:00 UTC
        self.write(compile_id, json.dumps({"name": name, "ts": at_us, "ph": kind}, indent=0), chromium_event={})

    def compile(
        self,
        compile_id: str,
        name: str,
        line: int,
        *,
        broken_at: int | None = None,
        has_guards: bool = True,
        **metrics: Any,
    ) -> None:
        self.span(compile_id, "B", "dynamo")
        own = {"name": name, "line": line, "filename": 1}
        caller = {"name": "<module>", "line": 99, "filename": 1}
        torch = {"name": "wrapper", "line": 9, "filename": 0}
        self.write(compile_id, dynamo_start={"stack": [caller, torch, own]})
        if broken_at is not None:
            self.write(compile_id, BROKEN.format(line=broken_at), artifact={"name": "dynamo_graph_break_reason"})
        if has_guards:
            self.write(compile_id, "+- GUARD: x", dynamo_cpp_guards_str={})
        self.write(compile_id, compilation_metrics={"fail_type": None, **metrics})
        self.span(compile_id, "E", "dynamo")

    def events(self) -> list[RawEvent]:
        log = TraceLog(BytesIO("".join(f"{line}\n" for line in self.lines).encode()), 0)
        found = list(log.events())
        assert log.damage.failed_event_count == log.damage.unknown_event_count == 0
        return found


def of(events: list[RawEvent], kind: type[RawEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_compile_begins_before_all_that_belongs_to_it_and_ends_behind():
    log = Writer()
    log.compile("0/0", "f", 3)
    events = [event for event in log.events() if event.compile_id == "0/0"]
    assert isinstance(events[0], CompileStarted)
    assert events[0].code == TracedCode("f", "a.py", 3)
    assert events[0].stack == ("a.py:99 <module>",)
    assert isinstance(events[-1], CompileEnded)
    assert events[-1].status == "ok"
    assert events[-1].at_us > events[0].at_us


def test_frame_without_guards_was_skipped():
    log = Writer()
    log.compile("0/0", "f", 3, has_guards=False)
    assert [event.status for event in of(log.events(), CompileEnded)] == ["skipped"]


def test_resume_function_hangs_on_the_compile_that_broke_there():
    log = Writer()
    log.compile("0/0", "f", 3, broken_at=5)
    log.compile("1/0", "f", 30, broken_at=31)
    log.compile("2/0", "torch_dynamo_resume_in_f_at_5", 5)
    made = [event for event in of(log.events(), BytecodeMade) if event.resumes]
    assert [(event.compile_id, event.resumes[0].co_name) for event in made] == [
        ("0/0", "torch_dynamo_resume_in_f_at_5")
    ]


def test_resume_function_without_a_known_break_hangs_on_the_function_of_its_name():
    log = Writer()
    log.compile("0/0", "f", 3)
    log.compile("1/0", "torch_dynamo_resume_in_f_at_5", 5)
    assert [event.compile_id for event in of(log.events(), BytecodeMade) if event.resumes] == ["0/0"]


def test_backend_is_named_by_the_bytecode_of_a_resume_function():
    log = Writer()
    log.compile("0/0", "torch_dynamo_resume_in_f_at_5", 5)
    text = "2 LOAD_GLOBAL 3 (NULL + __compiled_fn_4_dc14_9f1)"
    log.span("1/0", "B", "dynamo")
    log.write("1/0", dynamo_start={"stack": [{"name": "torch_dynamo_resume_in_f_at_5", "line": 5, "filename": 1}]})
    log.write("1/0", text, artifact={"name": "torch_dynamo_resume_in_f_at_5_MODIFIED_BYTECODE"})
    log.write("1/0", "+- GUARD: x", dynamo_cpp_guards_str={})
    log.write("1/0", compilation_metrics={"fail_type": None})
    log.span("1/0", "E", "dynamo")
    assert [event.names for event in of(log.events(), BytecodeMade)][-1] == ("__compiled_fn_4_dc14_9f1",)


def test_compile_at_the_limit_is_of_the_code_of_its_frame():
    log = Writer()
    log.compile("0/0", "f", 3)
    log.span("0/1", "B", "dynamo")
    log.write("0/1", "0/0: n == 2", artifact={"name": "recompile_reasons"})
    log.write("0/1", compilation_metrics={"fail_type": "Unsupported", "fail_reason": "Dynamo recompile limit exceeded"})
    log.span("0/1", "E", "dynamo")
    events = log.events()
    assert of(events, CompileStarted)[-1].code == TracedCode("f", "a.py", 3)
    assert of(events, CompileEnded)[-1].status == "limit"
    assert [event.compile_id for event in of(events, TraceEvent) if "artifact" in event.metadata] == ["0/1"]


def test_log_that_begins_or_ends_within_a_compile_keeps_its_events():
    log = Writer()
    log.write("0/0", "+- GUARD: x", dynamo_cpp_guards_str={})
    log.span("0/0", "E", "dynamo")
    log.span("1/0", "B", "dynamo")
    events = log.events()
    assert len(of(events, TraceEvent)) == len(events) == 5


def test_compile_without_spans_ends_with_its_metrics():
    log = Writer()
    log.write("0/0", dynamo_start={"stack": [{"name": "f", "line": 3, "filename": 1}]})
    log.write("0/0", "+- GUARD: x", dynamo_cpp_guards_str={})
    log.write("0/0", compilation_metrics={"fail_type": None})
    assert [event.status for event in of(log.events(), CompileEnded)] == ["ok"]


def test_guards_that_megacache_built_again_are_left_out():
    log = Writer()
    log.compile("0/0", "f", 3)
    at = next(number for number, line in enumerate(log.lines) if "dynamo_cpp_guards_str" in line)
    log.lines[at:at] = log.lines[at : at + 2]
    assert len([event for event in of(log.events(), TraceEvent) if "dynamo_cpp_guards_str" in event.metadata]) == 1
