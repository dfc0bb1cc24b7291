"""Shapes: what Python hands to the front end, as `widgets/src/host.ts` declares it, name by name.

Times are whole microseconds, sizes bytes, and a field is None where torch did not say.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Figure(TypedDict):
    """One of the figures above the tree; `value` is written with its unit, `more` is a quiet addition."""

    value: str
    more: str
    label: str


class Summary(TypedDict):
    """What stands above and below a tree."""

    title: str
    facts: list[str]
    figures: list[Figure]
    note: str
    isLive: bool
    bundle: str | None


class Finding(TypedDict):
    """One thing to know first, with what to do next; text between backticks is code."""

    tone: str
    title: str
    text: str
    advice: str
    more: str


class PhaseTime(TypedDict):
    """The time of one phase."""

    phase: str
    title: str
    us: int


class StateCount(TypedDict):
    """How many artifacts have one state."""

    state: str
    count: int
    bytes: int | None


class Overview(TypedDict):
    """The first tab of a node."""

    facts: list[tuple[str, str]]
    phases: list[PhaseTime]
    states: list[StateCount]
    findings: list[Finding]


class GuardsReference(TypedDict):
    """Where the guards of one compile are, and how many."""

    name: str
    compileId: str
    kept: int | None
    dropped: int


class TextReference(TypedDict):
    """Where a graph or generated code is."""

    sha256: str
    title: str
    compileId: str
    bytes: int


class ArtifactRow(TypedDict):
    """One artifact of a node."""

    type: str
    key: str
    bytes: int | None
    sha256: str | None
    state: str
    compileIds: str
    reason: str
    components: str | None


class KeyChange(TypedDict):
    """One key component that is not as in the nearest stored key."""

    name: str
    now: str
    then: str


class Why(TypedDict):
    """Why a lookup was served or not."""

    verdict: str
    type: str
    key: str
    reason: str
    nearestKey: str
    differences: list[KeyChange]


class NodeDetail(TypedDict):
    """All tabs of a node, long texts by reference."""

    id: int
    label: str
    name: str
    detail: str
    state: str
    overview: Overview
    source: str | None
    line: int | None
    guards: list[GuardsReference]
    graphs: list[TextReference]
    code: list[TextReference]
    artifacts: list[ArtifactRow]
    why: list[Why]


class SourceLine(TypedDict):
    """One line of source with its mark."""

    number: int
    text: str
    mark: str
    notes: list[str]


class SourcePart(TypedDict):
    """The source of a function."""

    file: str
    qualname: str
    lines: list[SourceLine]


class GuardRow(TypedDict):
    """One guard, kept or dropped."""

    type: str
    expression: str
    source: str
    line: str
    location: str
    isDropped: bool
    dropReason: str
    failedIn: str


class GuardsPart(TypedDict):
    """The guards of one compile."""

    rows: list[GuardRow]


class TextPart(TypedDict):
    """A graph or generated code."""

    text: str
    language: str
    leftOutBytes: int


class ComponentRow(TypedDict):
    """One input of a cache key."""

    name: str
    digest: str
    text: str


class ComponentsPart(TypedDict):
    """The key components of one lookup."""

    rows: list[ComponentRow]


class Phase(TypedDict):
    """A phase with its name for people."""

    phase: str
    title: str


class TimelineLane(TypedDict):
    """One row of the timeline and the node that it is about."""

    label: str
    title: str
    id: int | None


class SpanColumns(TypedDict):
    """The spans of work, one entry each in every column."""

    name: list[str]
    lane: list[int]
    phase: list[int]
    thread: list[int]
    depth: list[int]
    startUs: list[int]
    us: list[int]


class TimelinePart(TypedDict):
    """The spans of work of all sessions."""

    durationUs: int
    phases: list[Phase]
    lanes: list[TimelineLane]
    spans: SpanColumns


class FigurePart(TypedDict):
    """A plotly figure."""

    data: list[object]
    layout: dict[str, object]


class PlotlyPart(TypedDict):
    """The source text of plotly.js."""

    script: str


class VerdictRow(TypedDict):
    """Some artifacts that were loaded with one verdict."""

    verdict: str
    count: int
    bytes: int
    type: str
    reason: str


class Download(TypedDict):
    """A file that waits to be fetched in pieces."""

    token: str
    name: str
    bytes: int
    mime: str


class Outcome(TypedDict):
    """What an action did, in one line; or the doubts for which it loaded nothing yet."""

    text: str
    doubts: NotRequired[list[str]]
    verdicts: NotRequired[list[VerdictRow]]
    download: NotRequired[Download]


Part = NodeDetail | SourcePart | GuardsPart | TextPart | ComponentsPart | TimelinePart | FigurePart | PlotlyPart
"""Whatever a front end may ask for by kind and name."""
