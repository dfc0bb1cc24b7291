"""Log: a log that TORCH_TRACE made torch write, as the raw events that the taps would have heard.

Layer: compiler, but needs no torch.

What only the taps know is not in them: the contents of artifacts, dropped guards, and of code its module and text.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from megacache.compiler.raw_events import RawEvent, TraceEvent, compile_id_in
from megacache.compiler.trace.clock import TraceClock
from megacache.compiler.trace.compiles import TraceCompiles
from megacache.compiler.trace.lines import LOG_LIMIT_BYTES, Damage, TraceRecord, records
from megacache.compiler.trace.system import TraceSystem
from megacache.compiler.trace.threads import TraceThreads

_KNOWN_EVENTS = frozenset(
    {
        "aot_backward_graph",
        "aot_forward_graph",
        "aot_inference_graph",
        "aot_joint_graph",
        "artifact",
        "bwd_compilation_metrics",
        "bwd_compilation_metrics_runtime",
        "chromium_event",
        "compilation_metrics",
        "compilation_metrics_runtime",
        "compiled_autograd_graph",
        "create_symbol",
        "create_unbacked_symbol",
        "describe_source",
        "describe_storage",
        "describe_tensor",
        "dump_file",
        "dynamo_cpp_guards_str",
        "dynamo_guards",
        "dynamo_output_graph",
        "dynamo_start",
        "export",
        "exported_program",
        "expression_created",
        "graph_dump",
        "guard_added",
        "guard_added_fast",
        "guard_on_data_dependent_error",
        "inductor_input_graph",
        "inductor_output_code",
        "inductor_post_grad_graph",
        "link",
        "mismatched_fake_kernel",
        "missing_fake_kernel",
        "optimize_ddp_split_child",
        "optimize_ddp_split_graph",
        "propagate_real_tensors",
        "propagate_real_tensors_provenance",
        "str",
        "symbolic_shape_specialization",
    }
)
"""What torch calls its events. Source: the calls of `trace_structured` all over torch, 2.13.0 to 2.15.0."""

_FIRST_RECORDS = 1000
"""Within so many records a log tells its year and time zone, if it does at all."""

_END_OF_TIME_US = 1 << 53
"""The year 2255; no log is of a later one."""

Span = tuple[str, str, int]
"""`B`, `E` or `i`, the name, and the moment in microseconds since the Unix epoch."""


class TraceLog:
    """One log, read once.

    Args:
        stream: The log, uncompressed.
        modified_us: When it was last written to, in microseconds since the Unix epoch; see `TraceClock`.
        size_bytes: Read no further.
    """

    def __init__(self, stream: BinaryIO, modified_us: int, size_bytes: int = LOG_LIMIT_BYTES) -> None:
        self.damage = Damage()
        self.system = TraceSystem()
        self.event_count = 0
        self.rank: int | None = None
        self.started_us: int | None = None
        self.ended_us: int | None = None
        self._records = records(stream, self.damage, size_bytes)
        self._clock = TraceClock(modified_us)
        self._threads = TraceThreads()
        self._compiles = TraceCompiles()

    @property
    def script(self) -> str | None:
        """The program that was traced, as far as the first call stack tells."""
        return self._compiles.script

    def events(self) -> Iterator[RawEvent]:
        """Yield what was heard, in order; what cannot be read is counted in `damage` and passed over."""
        for record in chain(self._peeked(), self._records):
            try:
                yield from list(self._events_of(record))
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
                self.damage.failed_event_count += 1
        yield from self._compiles.rest()

    def _peeked(self) -> Iterator[TraceRecord]:
        """Read on to the first span, which tells the year and the time zone of all before it."""
        first: deque[TraceRecord] = deque()
        span = None
        for record in self._records:
            first.append(record)
            span = _span_or_none(record)
            if span is not None or len(first) == _FIRST_RECORDS:
                break
        if first and span is not None:
            self._learn_time(first[-1], span)
        while first:
            yield first.popleft()

    def _learn_time(self, record: TraceRecord, span: Span) -> None:
        try:
            self._clock.learn(record.stamp, span[2])
        except (ValueError, OverflowError):
            self.damage.failed_event_count += 1

    def _events_of(self, record: TraceRecord) -> Iterator[RawEvent]:
        metadata = record.metadata
        if _KNOWN_EVENTS.isdisjoint(metadata):
            self.damage.unknown_event_count += 1
            return
        compile_id = compile_id_in(metadata)
        span = _span(record)
        event = TraceEvent(
            at_us=self._moment(record, span),
            thread=self._thread(compile_id, span),
            compile_id=compile_id,
            metadata=metadata,
            payload=record.payload,
        )
        self.event_count += 1
        self.started_us = min(self.started_us or event.at_us, event.at_us)
        self.ended_us = max(self.ended_us or event.at_us, event.at_us)
        if isinstance(metadata.get("rank"), int):
            self.rank = metadata["rank"]
        self.system.learn(event)
        yield from self._compiles.follow(event, span[:2] if span else None)

    def _moment(self, record: TraceRecord, span: Span | None) -> int:
        if span is None or span[0] == "i":  # torch writes an instant when the work that it began is over
            return self._clock.moment(record.stamp)
        self._clock.learn(record.stamp, span[2])
        return span[2]

    def _thread(self, compile_id: str | None, span: Span | None) -> int:
        if span is None or span[0] == "i":
            return self._threads.current(compile_id)
        return (self._threads.begin if span[0] == "B" else self._threads.end)(compile_id, span[1])


def _span(record: TraceRecord) -> Span | None:
    if "chromium_event" not in record.metadata:
        return None
    fields = json.loads(record.payload or "{}")
    at_us = int(fields["ts"])
    if not 0 <= at_us < _END_OF_TIME_US:
        raise ValueError(f"{at_us} is no moment")
    return str(fields["ph"]), str(fields["name"]), at_us


def _span_or_none(record: TraceRecord) -> Span | None:
    try:
        span = _span(record)
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
    return span if span is not None and span[0] in "BE" else None
