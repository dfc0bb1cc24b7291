"""Figures: where the time and the bytes went, as plotly figures of at most 1,500 marks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from megacache.recording import Recording
from megacache.views.marks import GREY, Mark, byte_marks, largest, mark_totals, size_marks, time_marks
from megacache.views.names import session_title, without_home
from megacache.views.phases import PHASE_TITLES
from megacache.views.timeline import PHASE_COLOURS, Lane, lanes, longest
from megacache.views.tree import Tree
from megacache.views.units import count, format_bytes, format_duration

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MARK_LIMIT = 1500
"""The most marks in one figure: plotly makes four DOM elements of each, and takes seconds over 5,000."""


class Figures:
    """The figures of a recording; each call makes a new plotly `Figure`, which the caller may change."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def _tree(self) -> Tree:
        return Tree.of(self.recording)

    def timeline(self) -> Figure:
        """Draw the phases of each compile over time, a row per compile and per backward.

        Returns:
            Horizontal bars, in seconds from the start of the session. Of more than 60 rows the longest are shown and
            the last row sums up the others; of many bars in a row, the longest.
        """
        import plotly.graph_objects as go

        rows, other_count = longest(lanes(self.recording), MARK_LIMIT)
        labels = self._row_labels(rows)
        figure = go.Figure()
        for phase, title in PHASE_TITLES.items():
            drawn = [(labels[at], lane, bar) for at, lane in enumerate(rows) for bar in lane.bars if bar.phase == phase]
            if drawn:
                figure.add_bar(
                    orientation="h",
                    name=title,
                    y=[label for label, _, _ in drawn],
                    base=[bar.started_us / 1e6 for _, _, bar in drawn],
                    x=[bar.duration_us / 1e6 for _, _, bar in drawn],
                    customdata=[(without_home(lane.title), format_duration(bar.duration_us)) for _, lane, bar in drawn],
                    hovertemplate=f"%{{y}} · %{{customdata[0]}}<br>{title}: %{{customdata[1]}}<extra></extra>",
                    marker={"color": PHASE_COLOURS[phase], "line": {"width": 0}},
                )
        note = f", the longest and {count(other_count, 'other')} summed up" if other_count else ""
        figure.update_layout(_layout(f"Compile time by phase{note}"), barmode="overlay", bargap=0.3)
        figure.update_layout(
            height=150 + 24 * max(3, len(rows)), legend={"orientation": "h", "y": 1, "yanchor": "bottom"}
        )
        figure.update_xaxes(title="seconds since the session began", gridcolor="rgba(128,128,128,.2)", zeroline=False)
        figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], automargin=True, ticklabelstandoff=8)
        return figure

    def sizes(self) -> Figure:
        """Draw the bytes of the artifacts as a treemap: by type, then by the function that made them.

        Returns:
            A treemap of artifact sizes before compression; each content is counted once.
        """
        marks = largest(size_marks(self._tree.root), MARK_LIMIT - 1)
        return _nested("treemap", marks, "Bytes of artifacts by type and function, before compression", format_bytes)

    def icicle(self, by: str = "time") -> Figure:
        """Draw time or bytes down the tree: session, function, compile, backend entry.

        Args:
            by: `time` for compile time; `bytes` for the artifacts' sizes before compression.

        Returns:
            An icicle with the sessions on top.

        Raises:
            ValueError: `by` is another word.
        """
        if by == "time":
            marks = largest(time_marks(self._tree.root), MARK_LIMIT - 1)
            return _nested("icicle", marks, "Compile time down the tree", format_duration)
        if by == "bytes":
            marks = largest(byte_marks(self._tree.root), MARK_LIMIT - 1)
            return _nested("icicle", marks, "Bytes of artifacts down the tree, before compression", format_bytes)
        raise ValueError(f"icicle draws by 'time' or by 'bytes', not by {by!r}")

    def _row_labels(self, rows: list[Lane]) -> list[str]:
        """Name each row by its compile; by its session too where there are several."""
        if len({lane.session_id for lane in rows if lane.session_id}) < 2:
            return [lane.label for lane in rows]
        names = {each.session_id: session_title(each.name, each.rank) for each in self.recording.sessions}
        return [f"{names[lane.session_id]} · {lane.label}" if lane.session_id in names else lane.label for lane in rows]


def _nested(kind: Literal["treemap", "icicle"], marks: list[Mark], title: str, write: Callable[[int], str]) -> Figure:
    import plotly.graph_objects as go

    totals = mark_totals(marks)
    trace = go.Treemap if kind == "treemap" else go.Icicle
    drawn = trace(
        ids=["all", *(mark.key for mark in marks)],
        parents=["", *(mark.parent or "all" for mark in marks)],
        labels=["all", *(mark.label for mark in marks)],
        values=[0, *(mark.own for mark in marks)],
        text=[write(totals[""]), *(write(totals[mark.key]) for mark in marks)],
        customdata=["all", *(mark.hover for mark in marks)],
        branchvalues="remainder",
        marker={"colors": [GREY, *(mark.colour for mark in marks)], "line": {"width": 1, "color": "#d5dae1"}},
        texttemplate="%{label}<br>%{text}",
        hovertemplate="%{customdata}<br>%{text}, %{percentRoot:.1%} of all<extra></extra>",
        textfont={"color": "#ffffff"},
    )
    figure = go.Figure(drawn)
    if kind == "icicle":
        figure.update_traces(tiling={"orientation": "v"}, leaf={"opacity": 1})
    figure.update_layout(_layout(title), uniformtext={"minsize": 9, "mode": "hide"}, height=440)
    figure.update_layout(margin={"t": 40})
    return figure


def _layout(title: str) -> dict[str, object]:
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0.01, "xanchor": "left", "y": 0.98, "yanchor": "top"},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#7a8594"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 12, "r": 12, "t": 64, "b": 12},
    }
