"""Timeline: which phase each compile was in, as bars that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from megacache.errors import ArtifactNotFoundError
from megacache.model import BackendEntry, Compile, Event
from megacache.recording import Recording
from megacache.views.index import Index, grouped
from megacache.views.phases import PHASE_TITLES, own_phases

PHASE_COLOURS = {
    "dynamo": "#5b8dee",
    "guards": "#3a63b8",
    "aot": "#9b7fe0",
    "inductor": "#3fa98b",
    "codegen": "#86b85c",
    "compiler": "#c8843a",
    "cache": "#d4699a",
    "other": "#8a94a3",
}
"""The colour of each phase, readable on light and on dark ground."""


LANE_LIMIT = 60
"""The most rows of one timeline; the others are summed up."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of one phase; `started_us` counts from the start of the session."""

    phase: str
    started_us: int
    duration_us: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the timeline: a compile, or the backward that belongs to it.

    `events` are the spans that the bars were cut from, where torch told them; `backend_id` is that of a backward.
    """

    session_id: str
    compile_id: str
    label: str
    title: str
    bars: tuple[Bar, ...]
    run_id: str = ""
    backend_id: str | None = None
    events: tuple[Event, ...] = ()

    @property
    def duration_us(self) -> int:
        """The time in all bars."""
        return sum(bar.duration_us for bar in self.bars)


def lanes(recording: Recording) -> list[Lane]:
    """Return the rows of the timeline, by session and in order of their start.

    Args:
        recording: Any recording; without events the phase durations of each compile are laid end to end.

    Returns:
        One lane per compile, and one per backward that was lowered apart from it.
    """
    index = Index(recording)
    try:
        events = recording.events
    except ArtifactNotFoundError:
        events = ()
    spans = grouped(
        (each for each in events if not each.is_instant and each.compile_id),
        lambda row: (row.session_id, row.run_id, row.compile_id),
    )
    found = [
        lane
        for session_id, keys in index.compile_keys.items()
        for run_id, compile_id in keys
        for lane in _compile_lanes(index, session_id, run_id, compile_id, spans)
    ]
    order = {session_id: rank for rank, session_id in enumerate(index.sessions)}
    return sorted(found, key=lambda lane: (order.get(lane.session_id, len(order)), lane.bars[0].started_us))


def _compile_lanes(
    index: Index,
    session_id: str,
    run_id: str,
    compile_id: str,
    spans: dict[tuple[str, str, str | None], list[Event]],
) -> Iterator[Lane]:
    row = index.compiles.get((run_id, compile_id))
    backwards = [each for each in index.backends.get((session_id, run_id, compile_id), ()) if each.kind == "backward"]
    inside = spans.get((session_id, run_id, compile_id), [])
    before: list[Event] = []
    behind: list[Event] = []
    for event in inside:
        (behind if any(_holds(entry, event) for entry in backwards) else before).append(event)
    start = index.sessions[session_id].started_us if session_id in index.sessions else 0
    code = index.codes.get(row.code_id or "") if row else None
    title = code.title if code else "code not recorded"
    own = row if row and row.session_id == session_id else None
    forward = _without(_innermost(before), backwards) if before else _laid_end_to_end(own)
    backward = _innermost(behind) if behind else [bar for entry in backwards for bar in _backend_bars(entry)]
    kind = "resume" if code and code.parent_code_id else "forward"
    backend_id = backwards[0].backend_id if backwards else None
    for label, bars, entry, spans_of in ((kind, forward, None, before), ("backward", backward, backend_id, behind)):
        if bars:
            moved = tuple(Bar(bar.phase, bar.started_us - start, bar.duration_us) for bar in bars)
            yield Lane(session_id, compile_id, f"{compile_id} {label}", title, moved, run_id, entry, tuple(spans_of))


def _holds(entry: BackendEntry, event: Event) -> bool:
    if entry.started_us is None or entry.duration_us is None:
        return False
    return entry.started_us <= event.started_us < entry.started_us + entry.duration_us


def _innermost(events: Iterable[Event]) -> list[Bar]:
    """Cut nested spans so that each moment belongs to the innermost phase; equal neighbours are joined."""
    bars: list[Bar] = []
    for spans in grouped(events, lambda event: event.thread).values():
        open_spans: list[Event] = []
        now = 0
        for event in sorted(spans, key=lambda each: (each.started_us, each.depth, -each.duration_us)):
            now = _close(open_spans, event.started_us, now, bars)
            if open_spans:
                _add(bars, open_spans[-1].phase, now, event.started_us)
            open_spans.append(event)
            now = event.started_us
        _close(open_spans, None, now, bars)
    return sorted(bars, key=lambda bar: bar.started_us)


def _without(bars: list[Bar], backwards: Iterable[BackendEntry]) -> list[Bar]:
    """Cut the backwards out that torch lowered within their compile; they have lanes of their own."""
    for entry in backwards:
        first, last = entry.started_us or 0, (entry.started_us or 0) + (entry.duration_us or 0)
        kept: list[Bar] = []
        for bar in bars:
            end = bar.started_us + bar.duration_us
            _add(kept, bar.phase, bar.started_us, min(end, first))
            _add(kept, bar.phase, max(bar.started_us, last), end)
        bars = kept
    return bars


def _close(open_spans: list[Event], until: int | None, now: int, bars: list[Bar]) -> int:
    """Close the spans that end by a moment, innermost first, and return how far the bars have come."""
    while open_spans and (until is None or open_spans[-1].started_us + open_spans[-1].duration_us <= until):
        span = open_spans.pop()
        end = span.started_us + span.duration_us
        _add(bars, span.phase, now, end)
        now = max(now, end)
    return now


def _add(bars: list[Bar], phase: str, start: int, end: int) -> None:
    if end <= start:
        return
    last = bars[-1] if bars else None
    if last and last.phase == phase and last.started_us + last.duration_us == start:
        bars[-1] = Bar(phase, last.started_us, last.duration_us + end - start)
    else:
        bars.append(Bar(phase, start, end - start))


def _laid_end_to_end(row: Compile | None) -> list[Bar]:
    """Draw a compile without events: each phase less what it holds, in torch's order."""
    return _end_to_end(row.started_us, own_phases(row)) if row and row.duration_us else []


def _backend_bars(entry: BackendEntry) -> list[Bar]:
    return [] if entry.started_us is None else _end_to_end(entry.started_us, own_phases(entry))


def _end_to_end(start: int, phases: dict[str, int | None]) -> list[Bar]:
    bars: list[Bar] = []
    for phase, duration in phases.items():
        _add(bars, phase, start, start + (duration or 0))
        start += duration or 0
    return bars


def longest(found: list[Lane], mark_limit: int) -> tuple[list[Lane], int]:
    """Keep the lanes that take longest, in their order, and sum up the others in one.

    Args:
        found: What `lanes` returned.
        mark_limit: The most bars to keep in all; a lane with too many keeps its longest.

    Returns:
        At most `LANE_LIMIT` lanes, one more called `other (n)` if any were left, and how many those are.
    """
    ranked = sorted(range(len(found)), key=lambda at: -found[at].duration_us)
    chosen = sorted(ranked[:LANE_LIMIT])
    bar_limit = (mark_limit - len(PHASE_TITLES)) // max(1, len(chosen))
    kept = [_with_longest_bars(found[at], bar_limit) for at in chosen]
    left = [found[at] for at in ranked[LANE_LIMIT:]]
    return ([*kept, _summed_up(left)] if left else kept), len(left)


def _with_longest_bars(lane: Lane, limit: int) -> Lane:
    if len(lane.bars) <= limit:
        return lane
    bars = sorted(sorted(lane.bars, key=lambda bar: -bar.duration_us)[:limit], key=lambda bar: bar.started_us)
    return replace(lane, bars=tuple(bars))


def _summed_up(left: list[Lane]) -> Lane:
    bars: list[Bar] = []
    start = 0
    for phase in PHASE_TITLES:
        duration = sum(bar.duration_us for lane in left for bar in lane.bars if bar.phase == phase)
        if duration:
            bars.append(Bar(phase, start, duration))
            start += duration
    return Lane("", "", f"other ({len(left):,})", "summed up by phase, not in time", tuple(bars))
