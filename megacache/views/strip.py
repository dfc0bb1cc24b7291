"""The timeline as a strip of the report: bars in percent of each session's time."""

from __future__ import annotations

from megacache.recording import Recording
from megacache.views.markup import note, safe
from megacache.views.phases import PHASE_TITLES
from megacache.views.timeline import PHASE_COLOURS, Bar, Lane, lanes, longest
from megacache.views.units import count, format_duration

_BAR_LIMIT = 1500


def timeline_html(recording: Recording) -> str:
    """Return the phases of each compile as bars, one strip per session; nothing where no time is known."""
    found, left = longest(lanes(recording), _BAR_LIMIT)
    if not found:
        return ""
    names = {session.session_id: session.name for session in recording.sessions}
    used = {bar.phase for lane in found for bar in lane.bars}
    legend = "".join(
        f'<span><i class="key" style="background:{PHASE_COLOURS[phase]}"></i>{safe(title)}</span>'
        for phase, title in PHASE_TITLES.items()
        if phase in used
    )
    strips = [
        _strip(names.get(session_id, ""), [lane for lane in found if lane.session_id == session_id], len(names) > 1)
        for session_id in dict.fromkeys(lane.session_id for lane in found)
    ]
    more = note(f"The longest are shown; {count(left, 'other')} summed up in the last row.") if left else ""
    body = f'{"".join(strips)}<div class="legend">{legend}</div>{more}'
    return f'<section class="timeline"><h2>Timeline</h2>{body}</section>'


def _strip(name: str, rows: list[Lane], is_one_of_many: bool) -> str:
    """Return the lanes of one session on one scale, from its first bar to its last."""
    start = min(bar.started_us for lane in rows for bar in lane.bars)
    end = max(bar.started_us + bar.duration_us for lane in rows for bar in lane.bars)
    head = f"<h3>{safe(name)}</h3>" if is_one_of_many and name else ""
    return head + "".join(
        f'<div class="lane" title="{safe(lane.title)}"><span>{safe(lane.label)}</span>'
        f'<div class="track">{"".join(_bar(bar, start, end - start) for bar in lane.bars)}</div>'
        f'<span class="number">{format_duration(lane.duration_us)}</span></div>'
        for lane in rows
    )


def _bar(bar: Bar, start: int, span: int) -> str:
    left, width = 100 * (bar.started_us - start) / span, 100 * bar.duration_us / span
    text = f"{PHASE_TITLES[bar.phase]} {format_duration(bar.duration_us)}"
    style = f"left:{left:.2f}%;width:{width:.2f}%;background:{PHASE_COLOURS[bar.phase]}"
    return f'<i style="{style}" title="{text}">{text if width > 9 else ""}</i>'
