"""Summary: the six numbers above every tree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from megacache.views.tree import STATES, Node
from megacache.views.units import count, format_bytes, format_duration


@dataclass(frozen=True, slots=True)
class Summary:
    """What a recording holds, in six numbers; a function that two sessions compiled is one.

    `state_counts` counts artifacts by state, worst first, over all uses.
    """

    function_count: int
    resume_count: int
    graph_break_count: int
    recompile_count: int
    failed_count: int
    artifact_count: int
    state_counts: tuple[tuple[str, int], ...]
    size_bytes: int
    duration_us: int

    @classmethod
    def of(cls, root: Node) -> Summary:
        """Count the nodes of a tree."""
        nodes = list(root.walk())
        kinds = Counter(node.kind for node in nodes)
        states = Counter(node.state for node in nodes if node.kind == "artifact" and node.state)
        breaks = {(node.code_id, node.line, node.name) for node in nodes if node.kind == "graph_break"}
        stored = {(node.artifact_type, node.cache_key, node.content_sha256) for node in nodes if node.content_sha256}
        return cls(
            function_count=len({node.code_id for node in nodes if node.kind == "function"}),
            resume_count=len({node.code_id for node in nodes if node.kind == "resume"}),
            graph_break_count=len(breaks),
            recompile_count=kinds["recompile"],
            failed_count=sum(node.kind == "compile" and node.state in ("failed", "limit") for node in nodes),
            artifact_count=len(stored),
            state_counts=tuple((state, states[state]) for state in STATES if states[state]),
            size_bytes=root.size_bytes or 0,
            duration_us=root.duration_us or 0,
        )

    @property
    def figures(self) -> tuple[tuple[str, str, str], ...]:
        """Number, what it counts, and a remark: functions, graph breaks, recompiles, artifacts, bytes, time."""
        resumes = count(self.resume_count, "resume function") if self.resume_count else ""
        failed = count(self.failed_count, "failed compile") if self.failed_count else ""
        states = ", ".join(f"{number:,} {state}" for state, number in self.state_counts)
        return (
            (f"{self.function_count:,}", "function" if self.function_count == 1 else "functions", resumes),
            (f"{self.graph_break_count:,}", "graph break" if self.graph_break_count == 1 else "graph breaks", ""),
            (f"{self.recompile_count:,}", "recompile" if self.recompile_count == 1 else "recompiles", failed),
            (f"{self.artifact_count:,}", "artifact" if self.artifact_count == 1 else "artifacts", states),
            (format_bytes(self.size_bytes), "in artifacts", ""),
            (format_duration(self.duration_us), "compiling", ""),
        )

    def line(self) -> str:
        """Return the six numbers in one line, without the states of the artifacts."""
        artifacts = self.figures[3][1]
        return " · ".join(
            f"{number} {noun}" + (f" ({remark})" if remark and noun != artifacts else "")
            for number, noun, remark in self.figures
        )

    def states(self) -> str:
        """Return what became of the artifacts: `2 refused, 14 miss, 2 hit`; the empty string where nothing is known."""
        return self.figures[3][2]
