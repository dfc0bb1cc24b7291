"""Spans: torch's chromium events, paired into one `Event` per span of work.

Layer: compiler, but needs no torch.

Source: `ChromiumEventLogger` in `torch/_dynamo/utils.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from megacache.model import Event

BACKWARD_SPANS = frozenset({"entire_backward_compile", "compile_fx.<locals>.bw_compiler"})
"""Inside one of these, what torch lowers is a backward graph."""

_PHASE_PATTERNS = (
    ("compiler", r"compile_file|async_compile\.wait|triton|_worker"),
    ("cache", r"cache|TritonBundler|torch_key|triton_key|pgo\."),
    ("guards", r"build_guards"),
    ("codegen", r"code_gen|codegen|Scheduler|PythonWrapper|compile_to_fn|PyCodeCache"),
    ("inductor", r"inductor|fx_codegen|GraphLowering|post_grad|fw_compiler|bw_compiler|fake_tensor_prop"),
    ("aot", r"aot_|backend_compile|create_aot|joint_graph|pre_grad|min_cut|entire_backward|partition"),
    ("dynamo", r"dynamo|entire_frame|compile_attempt|bytecode|gc$|deferred_runtime"),
)

DURATION_COLUMNS = {
    "tracing_us": "bytecode_tracing",
    "guard_build_us": "build_guards",
    "backend_us": "backend_compile",
    "aot_us": "create_aot_dispatcher_function",
    "inductor_us": "inductor_compile",
    "codegen_us": "code_gen",
}
"""Which spans make up which column of `Compile` and `BackendEntry`."""


def phase_of(name: str) -> str:
    """Return the phase, one of `model.PHASES`, that a span's name belongs to."""
    return next((phase for phase, pattern in _PHASE_PATTERNS if re.search(pattern, name)), "other")


@dataclass(slots=True)
class _OpenSpan:
    name: str
    started_us: float
    compile_id: str | None
    attempt: int | None


class Spans:
    """The spans of one process, and how long each lowering spent in each phase."""

    def __init__(self) -> None:
        self._open: dict[int, list[_OpenSpan]] = defaultdict(list)
        self._threads: dict[int, int] = {}
        self._closed: dict[tuple[str, str | None, bool], list[Event]] = defaultdict(list)

    def feed(
        self, session_id: str, run_id: str, thread: int, compile_id: str | None, attempt: int | None, payload: str
    ) -> Event | None:
        """Take one chromium event and return the span that it closes, if any."""
        fields = json.loads(payload)
        name, at_us, kind = fields["name"], float(fields["ts"]), fields["ph"]
        stack = self._open[thread]
        if kind == "B":
            stack.append(_OpenSpan(name, at_us, compile_id, attempt))
            return None
        if kind == "i":
            return self._event(session_id, run_id, thread, _OpenSpan(name, at_us, compile_id, attempt), at_us, True)
        if not any(span.name == name for span in stack):
            return None  # it began before we listened
        is_backward = self.is_backward(thread)
        while (span := stack.pop()).name != name:
            pass  # its end was lost, with an exception
        event = self._event(session_id, run_id, thread, span, at_us, False)
        insort(self._closed[run_id, span.compile_id, is_backward], event, key=_end_us)
        return event

    def is_backward(self, thread: int) -> bool:
        """Say whether the thread is lowering a backward graph now."""
        return any(span.name in BACKWARD_SPANS for span in self._open[thread])

    def durations(
        self, run_id: str, compile_id: str | None, is_backward: bool, window: tuple[int, int] | None = None
    ) -> dict[str, int | None]:
        """Return the time of each phase of one lowering in microseconds, None where there was no such span.

        Args:
            run_id: Of the lowering.
            compile_id: Of the lowering, or None outside of any.
            is_backward: Whether the backward graph's times are asked for, or all others.
            window: Count only spans that end within these moments; tells lowerings outside of any compile id apart.
        """
        events = self._of(run_id, compile_id, is_backward, window)
        found: dict[str, int | None] = {
            column: _total(event for event in events if event.name == name) for column, name in DURATION_COLUMNS.items()
        }
        return found | {"compiler_us": _covered([event for event in events if event.phase == "compiler"])}

    def extent(
        self, run_id: str, compile_id: str | None, is_backward: bool, window: tuple[int, int] | None = None
    ) -> tuple[int, int] | None:
        """Return (start, duration) of all the spans of one lowering, or None if there were none."""
        events = self._of(run_id, compile_id, is_backward, window)
        if not events:
            return None
        start = min(event.started_us for event in events)
        return start, max(event.started_us + event.duration_us for event in events) - start

    def _of(
        self, run_id: str, compile_id: str | None, is_backward: bool, window: tuple[int, int] | None
    ) -> list[Event]:
        events = self._closed.get((run_id, compile_id, is_backward), [])
        if window is None:
            return events
        # Sorted by their ends, since outside of any compile id there may be very many.
        return events[bisect_left(events, window[0], key=_end_us) : bisect_right(events, window[1], key=_end_us)]

    def _event(
        self, session_id: str, run_id: str, thread: int, span: _OpenSpan, ended_us: float, is_instant: bool
    ) -> Event:
        return Event(
            session_id=session_id,
            run_id=run_id,
            compile_id=span.compile_id,
            attempt=span.attempt,
            name=span.name,
            phase=phase_of(span.name),
            thread=self._threads.setdefault(thread, len(self._threads)),
            depth=len(self._open[thread]),
            started_us=int(span.started_us),
            duration_us=max(int(ended_us - span.started_us), 0),
            is_instant=is_instant,
        )


def _end_us(event: Event) -> int:
    return event.started_us + event.duration_us


def _total(events: Iterable[Event]) -> int | None:
    durations = [event.duration_us for event in events]
    return sum(durations) if durations else None


def _covered(events: Sequence[Event]) -> int | None:
    """Return the time that at least one of the events covers, so that nested and parallel ones count once."""
    covered, end = 0, 0
    for event in sorted(events, key=lambda event: event.started_us):
        start, stop = max(event.started_us, end), event.started_us + event.duration_us
        covered += max(stop - start, 0)
        end = max(end, stop)
    return covered if events else None
