"""Details: everything that the tabs show of one node, with references to the long texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from megacache.explorer.facts import facts
from megacache.explorer.scope import Scope
from megacache.explorer.shapes import (
    ArtifactRow,
    Finding,
    GuardsReference,
    NodeDetail,
    Overview,
    PhaseTime,
    StateCount,
    TextReference,
)
from megacache.explorer.why import Lookups
from megacache.model import GRAPH_NAMES, Document, SessionInfo
from megacache.views.findings import findings, graph_break, refusals
from megacache.views.index import CompileKey, Index
from megacache.views.phases import PHASE_TITLES, own_phases, summed_phases
from megacache.views.tree import STATES, Node

ROW_LIMIT = 1000
"""The most rows of one tab; a reader of more looks at a node further down."""

FINDING_LIMIT = 100
"""The most findings of one node."""

_TITLES = {
    "dynamo_graph": "Dynamo graph",
    "joint_graph": "joint graph",
    "forward_graph": "forward graph",
    "backward_graph": "backward graph",
    "inference_graph": "inference graph",
    "post_grad_graph": "post-grad graph",
    "output_code": "generated code",
}


class Details:
    """The details of the nodes of one recording."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lookups = Lookups(index)
        self._components = {
            (use.artifact_type, use.cache_key): use.components_sha256
            for use in index.recording.artifact_uses
            if use.components_sha256
        }

    def of(self, number: int, node: Node) -> NodeDetail:
        """Return the details of a node; `number` is its number on the wire."""
        scope = Scope(self._index, node)
        return NodeDetail(
            id=number,
            label=node.label,
            name=node.name,
            detail=node.detail,
            state=node.state,
            overview=self._overview(scope),
            source=_source_name(scope),
            line=node.line,
            guards=list(islice(self._guards(scope), ROW_LIMIT)),
            graphs=list(islice(_texts(scope.documents(GRAPH_NAMES)), ROW_LIMIT)),
            code=list(islice(_texts(scope.documents(("output_code",))), ROW_LIMIT)),
            artifacts=[self._artifact(each) for each in scope.artifacts[:ROW_LIMIT]],
            why=self._lookups.of(scope.artifacts),
        )

    def _overview(self, scope: Scope) -> Overview:
        pairs = facts(scope)
        if len(scope.artifacts) > ROW_LIMIT:
            pairs.append(("listed", f"the first {ROW_LIMIT:,} artifacts"))
        return Overview(facts=pairs, phases=self._phases(scope), states=_states(scope), findings=self._findings(scope))

    def _phases(self, scope: Scope) -> list[PhaseTime]:
        node = scope.node
        if node.kind in ("graph_break", "artifact", "offered", "untied"):
            return []
        sums = self._backend_phases(node) if node.kind == "backend" else summed_phases(self._index, scope.compiles)
        return [PhaseTime(phase=phase, title=PHASE_TITLES[phase], us=us) for phase, us in sums.items()]

    def _backend_phases(self, node: Node) -> dict[str, int]:
        entries = (
            self._index.outside_backends.get(node.session_id or "", [])
            if node.compile_id is None
            else self._index.backends.get((node.session_id or "", node.run_id or "", node.compile_id), [])
        )
        entry = next((e for e in entries if (e.backend_id, e.kind) == (node.backend_id, node.backend_kind)), None)
        return {phase: us for phase, us in own_phases(entry).items() if us} if entry else {}

    def _findings(self, scope: Scope) -> list[Finding]:
        node = scope.node
        if node.kind == "graph_break":
            found = [graph_break(scope.graph_breaks)] if scope.graph_breaks else []
        elif node.kind in ("backend", "artifact"):
            found = []
        else:
            found = findings(self._index, scope.compile_keys)
        verdicts = self._index.verdicts.get(node.session_id or "", {})
        keys = ((each.artifact_type or "", each.cache_key or "") for each in scope.artifacts)
        found += refusals(verdicts[key] for key in keys if key in verdicts)
        return [
            Finding(tone=each.tone, title=each.title, text=each.text, advice=each.advice, more=each.more)
            for each in found[:FINDING_LIMIT]
        ]

    def _guards(self, scope: Scope) -> Iterator[GuardsReference]:
        for key in scope.compile_keys:
            counts = self._index.guard_counts.get(key)
            if counts is not None and (counts.kept or counts.dropped):
                yield GuardsReference(name=guards_name(key), compileId=key[1], kept=counts.kept, dropped=counts.dropped)

    def _artifact(self, node: Node) -> ArtifactRow:
        key = (node.artifact_type or "", node.cache_key)
        return ArtifactRow(
            type=node.artifact_type or "",
            key=node.cache_key or "",
            bytes=node.size_bytes,
            sha256=node.content_sha256,
            state=node.state,
            compileIds=", ".join(self._index.artifact_compile_ids.get(key, ())),
            reason=node.detail,
            components=self._components.get(key),
        )


def guards_name(key: CompileKey) -> str:
    """Return the name of the part with the guards of a compile."""
    return ":".join(key)


def cell_name(session: SessionInfo) -> str:
    """Return the name of the part with the cell of a session."""
    return f"cell:{session.session_id}"


def _source_name(scope: Scope) -> str | None:
    """Return the name of the part with the source of a node: of a session its cell, of any other one its code's."""
    session = scope.session
    if session is not None:
        return cell_name(session) if session.cell else None
    return scope.source.code_id if scope.source else None


def _texts(documents: Iterable[Document]) -> Iterator[TextReference]:
    for document in documents:
        title = _TITLES.get(document.name, document.name)
        yield TextReference(
            sha256=document.content_sha256,
            title=f"{title}, {document.kind}" if document.kind else title,
            compileId=document.compile_id or "",
            bytes=document.size_bytes,
        )


def _states(scope: Scope) -> list[StateCount]:
    counts = Counter(each.state for each in scope.artifacts)
    sizes: dict[str, int] = {}
    for each in scope.artifacts:
        if each.size_bytes is not None:
            sizes[each.state] = sizes.get(each.state, 0) + each.size_bytes
    return [StateCount(state=state, count=counts[state], bytes=sizes.get(state)) for state in STATES if counts[state]]
