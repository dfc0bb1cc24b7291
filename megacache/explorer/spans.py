"""Spans: what torch did when, for the timeline that the front end draws and for a trace viewer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from megacache.explorer.shapes import Phase, SpanColumns, TimelineLane, TimelinePart
from megacache.explorer.wire import Line
from megacache.recording import Recording
from megacache.views.names import session_title
from megacache.views.phases import PHASE_TITLES
from megacache.views.timeline import Lane, lanes
from megacache.views.tree import COMPILE_KINDS

SPAN_LIMIT = 50_000
"""The most spans of one timeline, the longest; a shorter one is no wider than a hair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span of a lane, in microseconds from the start of its session."""

    name: str
    phase: str
    thread: int
    depth: int
    started_us: int
    duration_us: int


def session_starts(recording: Recording) -> dict[str, int]:
    """Return when each session began."""
    return {each.session_id: each.started_us for each in recording.sessions}


def spans(lane: Lane, starts: Mapping[str, int]) -> Iterator[Span]:
    """Yield the spans of a lane as torch told them; where it told none, its bars."""
    start = starts.get(lane.session_id, 0)
    for event in lane.events:
        yield Span(
            name=event.name,
            phase=event.phase,
            thread=event.thread,
            depth=event.depth,
            started_us=event.started_us - start,
            duration_us=event.duration_us,
        )
    if not lane.events:
        for bar in lane.bars:
            yield Span(
                name=PHASE_TITLES[bar.phase],
                phase=bar.phase,
                thread=0,
                depth=0,
                started_us=bar.started_us,
                duration_us=bar.duration_us,
            )


def timeline_part(recording: Recording, tree_lines: Iterable[Line]) -> TimelinePart:
    """Return the timeline: sessions one after the other, without the hours between them.

    Args:
        recording: The rows.
        tree_lines: The lines of the tree of functions, for the number of each lane's node.
    """
    numbers = _numbers(tree_lines)
    names = {each.session_id: session_title(each.name, each.rank) for each in recording.sessions}
    found = lanes(recording)
    drawn = _one_after_the_other(recording, found)
    kept = sorted(drawn, key=lambda each: -each[1].duration_us)[:SPAN_LIMIT]
    kept.sort(key=lambda each: (each[1].started_us, each[1].depth))
    return TimelinePart(
        durationUs=max((span.started_us + span.duration_us for _, span in drawn), default=0),
        phases=[Phase(phase=phase, title=title) for phase, title in PHASE_TITLES.items()],
        lanes=[
            TimelineLane(
                label=lane.label if len(names) < 2 else f"{names.get(lane.session_id, '')} · {lane.label}",
                title=lane.title,
                id=numbers.get((lane.session_id, lane.run_id, lane.backend_id or lane.compile_id)),
            )
            for lane in found
        ],
        spans=_columns(kept),
    )


def _numbers(tree_lines: Iterable[Line]) -> dict[tuple[str, str, str], int]:
    """Return the number of each compile's node, and of each backward's."""
    found: dict[tuple[str, str, str], int] = {}
    for line in tree_lines:
        node = line.node
        where = (node.session_id or "", node.run_id or "")
        if node.kind in COMPILE_KINDS:
            found[*where, node.compile_id or ""] = line.id
        elif node.kind == "backend" and node.backend_kind == "backward":
            found[*where, node.backend_id or ""] = line.id
    return found


def _one_after_the_other(recording: Recording, found: list[Lane]) -> list[tuple[int, Span]]:
    """Return every span with the place of its lane, moved so that each session begins where the last one ended."""
    starts = session_starts(recording)
    placed: list[tuple[int, Span]] = []
    end = 0
    for session_id in dict.fromkeys(lane.session_id for lane in found):
        inside = [
            (at, span) for at, lane in enumerate(found) if lane.session_id == session_id for span in spans(lane, starts)
        ]
        shift = end - min((span.started_us for _, span in inside), default=0)
        placed += ((at, replace(span, started_us=span.started_us + shift)) for at, span in inside)
        end = max((span.started_us + span.duration_us for _, span in placed), default=end)
    return placed


def _columns(placed: list[tuple[int, Span]]) -> SpanColumns:
    phases = {phase: at for at, phase in enumerate(PHASE_TITLES)}
    return SpanColumns(
        name=[span.name for _, span in placed],
        lane=[lane for lane, _ in placed],
        phase=[phases.get(span.phase, len(phases) - 1) for _, span in placed],
        thread=[span.thread for _, span in placed],
        depth=[span.depth for _, span in placed],
        startUs=[span.started_us for _, span in placed],
        us=[span.duration_us for _, span in placed],
    )
