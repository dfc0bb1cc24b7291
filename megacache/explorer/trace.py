"""Trace: the spans of a recording in Chrome's trace format, which ui.perfetto.dev opens.

One session is a process there, one thread of torch's a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from megacache.explorer.spans import Span, session_starts, spans
from megacache.recording import Recording
from megacache.views.names import session_title
from megacache.views.timeline import Lane, lanes


def chrome_trace(recording: Recording) -> bytes:
    """Return the spans of every session as one JSON document.

    Args:
        recording: Any recording; without events each compile is drawn by its phases.

    Returns:
        `{"traceEvents": [...]}`, in microseconds from the start of the first session.
    """
    sessions = {session.session_id: at for at, session in enumerate(recording.sessions, 1)}
    names = {each.session_id: session_title(each.name, each.rank) for each in recording.sessions}
    starts = session_starts(recording)
    first = min(starts.values(), default=0)
    events: list[dict[str, object]] = []
    threads: dict[tuple[int, int], None] = {}
    for lane in lanes(recording):
        process = sessions.get(lane.session_id, 0)
        shift = starts.get(lane.session_id, first) - first
        for span in spans(lane, starts):
            threads[process, span.thread] = None
            events.append(_event(lane, span, process, shift))
    events.sort(key=lambda event: (event["ts"], -event["dur"]))  # type: ignore[operator]
    processes = {place: names[session_id] for session_id, place in sessions.items()}
    about = [*_names(processes, threads), *events]
    return json.dumps({"traceEvents": about, "displayTimeUnit": "ms"}, separators=(",", ":")).encode()


def _event(lane: Lane, span: Span, process: int, shift_us: int) -> dict[str, object]:
    return {
        "name": span.name,
        "cat": span.phase,
        "ph": "X",
        "ts": span.started_us + shift_us,
        "dur": span.duration_us,
        "pid": process,
        "tid": span.thread,
        "args": {"compile": lane.label, "function": lane.title},
    }


def _names(processes: dict[int, str], threads: dict[tuple[int, int], None]) -> Iterator[dict[str, object]]:
    for process, name in processes.items():
        yield {"name": "process_name", "ph": "M", "pid": process, "tid": 0, "args": {"name": name}}
    for process, thread in threads:
        name = f"thread {thread}"
        yield {"name": "thread_name", "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
