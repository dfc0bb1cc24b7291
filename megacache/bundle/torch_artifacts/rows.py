"""Rows: what torch's artifacts tell, as the rows of a recording.

Layer: bundle. The same tables that a live capture fills, as far as torch's bytes tell: functions, guarded codes,
guards, graphs, generated code, key components. They do not tell when anything happened, nor why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256

from megacache.bundle.torch_artifacts.entries import Entry, read_entry
from megacache.bundle.torch_artifacts.graphs import AotEntry, Graph, Place
from megacache.bundle.torch_artifacts.placing import BYPASSED, Compiled, Lowering, Placing
from megacache.bundle.torch_artifacts.precompile import PrecompileEntry
from megacache.bundle.torch_artifacts.profile import History, Profile, sentences
from megacache.bundle.torch_artifacts.triton import completeness
from megacache.bundle.torch_format import TorchArtifact
from megacache.model import (
    ArtifactUse,
    BackendEntry,
    Compile,
    Dimension,
    Document,
    GraphBreak,
    Guard,
    ProfiledSize,
    SystemInfo,
    TritonKernel,
)
from megacache.recording import Recording, encode_rows

_UNKNOWN = "unknown"
_SUPERSEDED = "an earlier version: of one key torch loads the last"
_CANDIDATES = ("inductor", "aot_autograd")
"""Of one key of these torch keeps every content, and takes the first whose guard holds.

Source: `GuardedCache.iterate_over_candidates`, `torch/_inductor/codecache.py`, 2.13.0 to 2.15.0.
"""

_REASON = "torch does not keep why"
_MOST_SENTENCES = 20
_MOST_USES = 100
_MOST_GUARDS = 500_000
_LONGEST_REASON = 2000


@dataclass(slots=True)
class Contents:
    """The contents of one import by their digests; a text that many rows share is hashed once."""

    by_digest: dict[str, bytes] = field(default_factory=dict)
    _known: dict[int, tuple[str, str, int]] = field(default_factory=dict)

    def keep(self, content: str) -> tuple[str, int]:
        """Keep a text, and return its digest and its size in bytes."""
        if id(content) not in self._known:
            encoded = content.encode("utf-8", "replace")
            digest = sha256(encoded).hexdigest()
            self.by_digest.setdefault(digest, encoded)
            self._known[id(content)] = (content, digest, len(encoded))  # with the text, so that its id stays its own
        _, digest, size_bytes = self._known[id(content)]
        return digest, size_bytes


class TorchRows:
    """The rows of one container, one cache directory, or one entry.

    Args:
        artifacts: Its artifacts, in their order.
        digests: Of the content of each.
        origin: The id of the session that stands for it.
        at_us: When it is imported, in microseconds since the Unix epoch.
        run_id: Of the run that stands for it, in which compile ids count from 0/0; by default that of the session.
    """

    def __init__(
        self,
        artifacts: Sequence[TorchArtifact],
        digests: Sequence[str],
        origin: str,
        at_us: int,
        *,
        run_id: str | None = None,
    ) -> None:
        self._artifacts, self._digests = artifacts, digests
        self._origin, self._run_id, self._at_us = origin, run_id or origin, at_us
        self._contents = Contents()
        self._entries = [read_entry(each) for each in artifacts]
        self._last = {(each.artifact_type, each.cache_key): index for index, each in enumerate(artifacts)}
        self._graphs = self._all_graphs()
        self._kernels = self._all_kernels()
        self._profiles = self._all_profiles()
        self._ids: dict[int, str] = {}
        self._lowerings = self._all_lowerings()
        self._placing = self._placed()

    def recording(self) -> tuple[Recording, dict[str, bytes]]:
        """Return the rows but for the session and the artifacts themselves, and the contents that they name."""
        recording = Recording(
            systems=self._systems(),
            codes=tuple(self._placing.codes.values()),
            compiles=tuple(self._compile(number, each) for number, each in enumerate(self._placing.compiles)),
            graph_breaks=tuple(self._breaks()),
            dimensions=tuple(self._dimensions()),
            backend_entries=tuple(entry for each in self._lowerings.values() for entry in self._backends(each)),
            artifact_uses=tuple(replace(each, ordinal=ordinal) for ordinal, each in enumerate(self._uses())),
            documents=tuple(replace(each, ordinal=ordinal) for ordinal, each in enumerate(self._documents())),
        )
        return recording, self._contents.by_digest

    def _is_last(self, index: int) -> bool:
        artifact = self._artifacts[index]
        return self._last[artifact.artifact_type, artifact.cache_key] == index

    # -- what belongs together -----------------------------------------------------------------------------------

    def _all_graphs(self) -> dict[str, Graph]:
        """Return the graphs of the `inductor` artifacts by their keys, in the order of their compiles."""
        pairs = zip(self._artifacts, self._entries, strict=True)
        return {each.cache_key: entry.content for each, entry in pairs if isinstance(entry.content, Graph)}

    def _all_kernels(self) -> dict[int, tuple[TritonKernel, ...]]:
        """Return the GPU kernels of each graph, by the place of its artifact."""
        contents = enumerate(each.content for each in self._entries)
        return {index: content.triton_kernels for index, content in contents if isinstance(content, Graph)}

    def _all_profiles(self) -> dict[int, tuple[ProfiledSize, ...]]:
        """Return every state of profile-guided optimization, by the place of its artifact."""
        history = History()
        pairs = enumerate(zip(self._artifacts, self._entries, strict=True))
        return {
            index: history.rows(artifact.cache_key, entry.content)
            for index, (artifact, entry) in pairs
            if isinstance(entry.content, Profile)
        }

    def _all_lowerings(self) -> dict[str, Lowering]:
        """Return every compiled graph with its backward once, however many artifacts hold it, by its backend id."""
        found: dict[str, Lowering] = {}
        for index, entry in enumerate(self._entries):
            if isinstance(entry.content, PrecompileEntry) and self._is_last(index):
                for backend_id, content in entry.content.backends.items():
                    found.setdefault(backend_id, Lowering(backend_id, self._with_graphs(content)))
        for index, entry in enumerate(self._entries):
            if isinstance(entry.content, AotEntry):
                backend_id = entry.content.backend_id or _our_id(self._artifacts[index].cache_key)
                found.setdefault(backend_id, Lowering(backend_id, self._with_graphs(entry.content)))
                self._ids[index] = backend_id
        claimed = {graph.fx_key for each in found.values() for _, graph in each.halves}
        for key, graph in self._graphs.items():
            if key not in claimed:  # a backward that never ran leaves its forward without an entry of AOTAutograd
                is_backward = graph.kind == "backward"
                alone = AotEntry(
                    backend_id=None, forward=None if is_backward else graph, backward=graph if is_backward else None
                )
                found.setdefault(_our_id(key), Lowering(_our_id(key), alone))
        return found

    def _with_graphs(self, entry: AotEntry | None) -> AotEntry | None:
        """Return an entry with the graphs that it only names."""
        if entry is None:
            return None
        return replace(entry, forward=self._whole(entry.forward), backward=self._whole(entry.backward))

    def _whole(self, graph: Graph | None) -> Graph | None:
        if graph is None or graph.source_code is not None:
            return graph
        return self._graphs.get(graph.fx_key or "", graph)

    def _placed(self) -> Placing:
        placing = Placing()
        begins: list[Place] = []
        for index, entry in enumerate(self._entries):
            if isinstance(entry.content, PrecompileEntry) and self._is_last(index):
                placing.place_entry(entry.content, self._lowerings)
            elif isinstance(entry.content, Profile):
                begins += [place for place, _ in entry.content.sizes]
        order = {key: number for number, key in enumerate(self._graphs)}

        def first_compiled(lowering: Lowering) -> int:
            return min((order.get(graph.fx_key or "", len(order)) for _, graph in lowering.halves), default=len(order))

        placing.place_lowerings(sorted(self._lowerings.values(), key=first_compiled), begins)
        return placing

    # -- rows ----------------------------------------------------------------------------------------------------

    def _systems(self) -> tuple[SystemInfo, ...]:
        """Return what precompile entries say of the system; torch keeps of no other artifact where it is from."""
        for entry in reversed(self._entries):
            facts = entry.content.system if isinstance(entry.content, PrecompileEntry) else {}
            if "torch_version" in facts:
                return (
                    SystemInfo(
                        system_id=sha256(repr(sorted(facts.items())).encode("utf-8")).hexdigest()[:16],
                        python_version=facts.get("python_version", _UNKNOWN),
                        torch_version=facts["torch_version"],
                        triton_version=facts.get("triton_version"),
                        toolkit_version=facts.get("toolkit_version"),
                        gpu_name=facts.get("gpu_name"),
                        platform=_UNKNOWN,
                        machine=_UNKNOWN,
                    ),
                )
        return ()

    def _compile(self, number: int, compiled: Compiled) -> Compile:
        guards = compiled.guards
        return Compile(
            run_id=self._run_id,
            compile_id=compiled.compile_id,
            session_id=self._origin,
            code_id=compiled.code_id,
            status="skipped" if compiled.is_bypassed else "ok",
            error=BYPASSED if compiled.is_bypassed else None,
            started_us=self._at_us + number,  # the order, which is all that is known of the time
            guard_count=len(guards.conditions) if guards and not guards.problem else None,
        )

    def _breaks(self) -> Iterator[GraphBreak]:
        """Yield a graph break for each resume function: torch keeps that there was one, and where, but not why."""
        counts: dict[str, int] = defaultdict(int)
        for compile_id, code_id in self._placing.breaks:
            code = self._placing.codes[code_id]
            parent = self._placing.codes.get(code.parent_code_id or "")
            if not compile_id or code.resume_line is None or parent is None:
                continue
            lines = (parent.source or "").splitlines()[code.resume_line - parent.first_line :][:1]
            yield GraphBreak(
                run_id=self._run_id,
                compile_id=compile_id,
                attempt=0,
                ordinal=counts[compile_id],
                reason=_REASON,
                filename=code.filename,
                line=code.resume_line,
                source_line=lines[0].strip() if lines and code.resume_line >= parent.first_line else None,
            )
            counts[compile_id] += 1

    def _backends(self, lowering: Lowering) -> Iterator[BackendEntry]:
        entry = lowering.entry
        halves = [(kind, graph.duration_us) for kind, graph in lowering.halves] or [("other", None)]
        for kind, inductor_us in halves:
            whole_us = (entry.backward_us if kind == "backward" else entry.forward_us) if entry else None
            yield BackendEntry(
                run_id=self._run_id,
                backend_id=lowering.backend_id,
                kind=kind,
                session_id=self._origin,
                compile_id=lowering.compile_id,
                duration_us=whole_us,
                inductor_us=inductor_us,
            )

    def _dimensions(self) -> Iterator[Dimension]:
        counts: dict[str, int] = defaultdict(int)
        for each in self._lowerings.values():
            hints = {symbol: size for _, graph in each.halves for symbol, size in graph.sizes}
            for symbol, source in each.entry.dimensions if each.entry and each.compile_id else ():
                yield Dimension(
                    run_id=self._run_id,
                    compile_id=each.compile_id or "",
                    ordinal=counts[each.compile_id or ""],
                    symbol=symbol,
                    hint=hints.get(symbol),
                    range=None,
                    source=source,
                )
                counts[each.compile_id or ""] += 1

    def _documents(self) -> Iterator[Document]:
        left = _MOST_GUARDS
        for each in self._placing.compiles:
            conditions = each.guards.conditions if each.guards else ()
            left -= len(conditions)
            if left < 0:
                break
            guards = [
                Guard(run_id=self._run_id, compile_id=each.compile_id, ordinal=ordinal, **asdict(condition))
                for ordinal, condition in enumerate(conditions)
            ]
            if guards:
                yield self._document("guards", encode_rows(guards).decode(), each.compile_id, None, None)
        for lowering in self._lowerings.values():
            kinds = [kind for kind, _ in lowering.halves]
            for name, graph in lowering.entry.texts if lowering.entry else ():
                kind = "backward" if name == "backward_graph" and "backward" in kinds else kinds[0] if kinds else None
                yield self._document(name, graph, lowering.compile_id, lowering.backend_id, kind)
            for kind, half in lowering.halves:
                for name, content in (("post_grad_graph", half.post_grad_graph), ("output_code", half.source_code)):
                    if content:
                        yield self._document(name, content, lowering.compile_id, lowering.backend_id, kind)
        kernels = {self._artifacts[index].cache_key: rows for index, rows in self._kernels.items()}
        for name, tables in (("profile", self._profiles.values()), ("triton", kernels.values())):
            yield from (self._document(name, encode_rows(rows).decode(), None, None, None) for rows in tables if rows)

    def _document(
        self, name: str, content: str, compile_id: str | None, backend_id: str | None, kind: str | None
    ) -> Document:
        digest, size_bytes = self._contents.keep(content)
        return Document(
            session_id=self._origin,
            ordinal=0,
            run_id=self._run_id,
            compile_id=compile_id,
            backend_id=backend_id,
            kind=kind,
            name=name,
            title=None,
            content_sha256=digest,
            size_bytes=size_bytes,
        )

    # -- uses ----------------------------------------------------------------------------------------------------

    def _uses(self) -> Iterator[ArtifactUse]:
        """Yield a use per artifact and graph that it belongs to, in the order of the container."""
        users: dict[str, list[tuple[Lowering, str, Graph]]] = defaultdict(list)
        for lowering in self._lowerings.values():
            for kind, graph in lowering.halves:
                users[graph.fx_key or ""].append((lowering, kind, graph))
        for index, (artifact, entry) in enumerate(zip(self._artifacts, self._entries, strict=True)):
            use = self._use(artifact.artifact_type, artifact.cache_key, self._digests[index])
            use = replace(use, detail=entry.detail, reason=self._reason(index, entry))
            if isinstance(entry.content, Graph):
                used_by = users.get(artifact.cache_key, [])[:_MOST_USES]
                use = replace(use, components_sha256=self._components(entry.content), kind=entry.content.kind)
                yield from (_within(use, lowering, kind) for lowering, kind, _ in used_by) if used_by else (use,)
            elif index in self._ids:
                lowering = self._lowerings[self._ids[index]]
                yield _within(use, lowering, next((kind for kind, _ in lowering.halves), None))
            else:
                yield use
        for key, used_by in users.items():
            if key and key not in self._graphs:  # the container holds the graph within another artifact only
                lowering, kind, graph = used_by[0]
                use = replace(self._use("inductor", key, None), components_sha256=self._components(graph))
                yield _within(use, lowering, kind)

    def _components(self, graph: Graph) -> str | None:
        return self._contents.keep(graph.components)[0] if graph.components else None

    def _reason(self, index: int, entry: Entry) -> str | None:
        is_current = self._is_last(index) or self._artifacts[index].artifact_type in _CANDIDATES
        parts = [entry.reason, None if is_current else _SUPERSEDED]
        if isinstance(entry.content, (Graph, AotEntry)) and entry.content.guards:
            parts.append(f"only while {entry.content.guards}")
        if index in self._kernels:
            parts.append(completeness(self._kernels[index]))
        if index in self._profiles:
            parts += sentences(self._profiles[index])[:_MOST_SENTENCES] or ["no size is dynamic"]
        return "; ".join(part for part in parts if part)[:_LONGEST_REASON] or None

    def _use(self, artifact_type: str, cache_key: str, digest: str | None) -> ArtifactUse:
        return ArtifactUse(
            session_id=self._origin,
            ordinal=0,
            run_id=self._run_id,
            compile_id=None,
            backend_id=None,
            kind=None,
            artifact_type=artifact_type,
            cache_key=cache_key,
            content_sha256=digest,
            state=None,
            at_us=self._at_us,
        )


def _within(use: ArtifactUse, lowering: Lowering, kind: str | None) -> ArtifactUse:
    return replace(use, compile_id=lowering.compile_id, backend_id=lowering.backend_id, kind=kind)


def _our_id(cache_key: str) -> str:
    """Name a graph to which torch gave no backend id after its artifact."""
    return f"graph-{cache_key[:12]}"
