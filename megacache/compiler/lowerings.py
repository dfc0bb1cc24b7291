"""Lowerings: graphs on their way to machine code, as backend entries and the documents that belong to them.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from megacache.compiler.changes import Changes, CompileKey
from megacache.compiler.raw_events import TraceEvent
from megacache.compiler.spans import Spans
from megacache.model import BackendEntry, Document

_AOT_ID = re.compile(r"AOT ID: \['[^']*?_(?P<kind>forward|backward|inference)'\]")
"""The first line of generated code says which graph it is of. Source: `torch/_inductor/codegen/wrapper.py`."""

_KIND_OF_GRAPH = {
    "aot_forward_graph": "forward",
    "aot_inference_graph": "inference",
    "aot_backward_graph": "backward",
}

DOCUMENT_OF_EVENT = {
    "dynamo_output_graph": "dynamo_graph",
    "aot_joint_graph": "joint_graph",
    "aot_forward_graph": "forward_graph",
    "aot_inference_graph": "inference_graph",
    "aot_backward_graph": "backward_graph",
    "inductor_post_grad_graph": "post_grad_graph",
    "inductor_output_code": "output_code",
}
"""The structured trace's graph events, and what we call their documents."""


class Documents:
    """The documents of a process, numbered within their session, and the contents they name."""

    def __init__(self, changes: Changes) -> None:
        self.contents: dict[str, bytes] = {}
        self._changes = changes
        self._counts: dict[str, int] = defaultdict(int)

    def keep(self, content: bytes) -> str:
        """Keep a content and return its digest."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.contents.setdefault(sha256, content)
        return sha256

    def add(
        self,
        name: str,
        content: bytes,
        *,
        session_id: str,
        run_id: str,
        compile_id: str | None = None,
        title: str | None = None,
    ) -> Document:
        """Keep a content and return the row of the document that it is."""
        ordinal = self._counts[session_id]
        self._counts[session_id] += 1
        self._changes.reach(session_id)
        return Document(
            session_id=session_id,
            ordinal=ordinal,
            run_id=run_id,
            compile_id=compile_id,
            backend_id=None,
            name=name,
            title=title,
            content_sha256=self.keep(content),
            size_bytes=len(content),
        )


@dataclass(slots=True)
class Lowering:
    """All that torch lowers for one compile id, or for one call outside of any."""

    run_id: str
    compile_id: str | None
    backend_id: str
    started_us: int
    ended_us: int = 0
    session_of_kind: dict[str, str] = field(default_factory=dict)
    documents: list[tuple[Document, str | None]] = field(default_factory=list)
    waiting: list[Document] = field(default_factory=list)
    current_kind: str | None = None
    aot_key: str | None = None
    is_over: bool = False

    @property
    def first_kind(self) -> str | None:
        """The kind of the graph that Dynamo handed over: `inference` or `forward`."""
        return next((kind for kind in ("inference", "forward", "other") if kind in self.session_of_kind), None)


class Lowerings:
    """Fold the graph events into lowerings, and lowerings into rows."""

    def __init__(self, documents: Documents, spans: Spans, changes: Changes) -> None:
        self._documents = documents
        self._spans = spans
        self._changes = changes
        self._by_compile: dict[CompileKey, Lowering] = {}
        self._outside: list[Lowering] = []
        self._named: Counter[tuple[str, str]] = Counter()
        self._title: str | None = None

    def feed(self, name: str, event: TraceEvent, session_id: str, run_id: str) -> None:
        """Take one graph event, one of `DOCUMENT_OF_EVENT`."""
        kind = self._kind_of(name, event)
        if event.compile_id is None:
            lowering = self._outside_with_graph(run_id, kind if name in _KIND_OF_GRAPH else None, event.at_us)
        else:
            lowering = self._within(run_id, event.compile_id, event.at_us)
        lowering.ended_us = event.at_us
        if event.compile_id is None:
            self._mark_last()
        if name == "inductor_output_code":
            kind = kind or lowering.first_kind
        document = self._documents.add(
            DOCUMENT_OF_EVENT[name],
            (event.payload or "").encode("utf-8", "replace"),
            session_id=session_id,
            run_id=run_id,
            compile_id=event.compile_id,
        )
        if name == "inductor_post_grad_graph":  # only the code that follows tells which graph it is
            lowering.waiting.append(document)
            return
        if kind is not None:
            lowering.session_of_kind.setdefault(kind, session_id)
            lowering.current_kind = kind
            if name == "inductor_output_code":  # a backward may be lowered in a later session than it was traced in
                lowering.session_of_kind[kind] = session_id
        lowering.documents.extend((each, kind) for each in (*lowering.waiting, document))
        lowering.waiting.clear()

    def meet_aot_key(self, run_id: str, compile_id: str | None, key: str | None, at_us: int) -> None:
        """Learn that torch works on this AOT key; outside of any compile id, a new key begins a new lowering."""
        if compile_id is not None:
            return
        last = self._open_outside(run_id)
        if last is None or last.aot_key not in (None, key):
            last = self.begin_outside(run_id, at_us, self._title)
        last.aot_key = key
        last.ended_us = at_us
        self._mark_last()

    def name(self, run_id: str, compile_id: str, names: tuple[str, ...]) -> None:
        """Give a lowering the backend id that the new bytecode calls, where it is known, and so end it."""
        backend_ids = [name for name in names if name.startswith("__compiled_fn_")]
        lowering = self._by_compile.get((run_id, compile_id))
        if lowering is None:
            return
        if backend_ids:
            lowering.backend_id = backend_ids[0]
        if not lowering.session_of_kind and lowering.documents:  # a backend without AOTAutograd, such as eager
            lowering.session_of_kind["other"] = lowering.documents[0][0].session_id

    def find(self, run_id: str, compile_id: str | None) -> Lowering | None:
        """Return the lowering of a compile id, or the last one outside of any."""
        if compile_id is not None:
            return self._by_compile.get((run_id, compile_id))
        return self._open_outside(run_id)

    def begin_outside(self, run_id: str, at_us: int, title: str | None = None) -> Lowering:
        """Begin a lowering outside of any compile id.

        Args:
            run_id: The run.
            at_us: When it begins.
            title: What it is called, until `end_outside`; a second one of that title is numbered. None numbers it.
        """
        self._title = title
        name = title or f"outside-{len(self._outside)}"
        self._named[run_id, name] += 1
        number = self._named[run_id, name]
        self._outside.append(Lowering(run_id, None, f"{name} ({number})" if number > 1 else name, at_us))
        self._mark_last()
        return self._outside[-1]

    def end_outside(self, at_us: int) -> None:
        """End what was begun under a title; what torch lowers after that is something else."""
        self._title = None
        if self._outside:
            self._outside[-1].is_over = True
            self._outside[-1].ended_us = at_us
            self._mark_last()

    def mark_outside_at(self, at_us: int) -> None:
        """Mark the lowerings outside of any compile id that went on at a moment: a span that ended then counts."""
        for number in range(len(self._outside) - 1, -1, -1):
            if self._outside[number].ended_us < at_us:
                break  # those before it ended earlier
            self._changes.outside.mark(number)

    def has_any(self, session_ids: Collection[str]) -> bool:
        """Say whether some sessions have a backend entry."""
        lowerings = (*self._by_compile.values(), *self._outside)
        return any(each in session_ids for lowering in lowerings for each in lowering.session_of_kind.values())

    def rows(
        self, session_ids: Collection[str], compiles: Iterable[CompileKey], since: int | None
    ) -> tuple[list[BackendEntry], list[Document]]:
        """Return the backend entries and the documents of some sessions.

        Args:
            session_ids: The sessions.
            compiles: Of which compiles, and
            since: since which revision outside of any; None means all of both.
        """
        lowerings: Iterable[Lowering] = (*self._by_compile.values(), *self._outside)
        if since is not None:
            outside = (self._outside[number] for number in sorted(self._changes.outside.since(since)))
            lowerings = (*(self._by_compile[key] for key in compiles if key in self._by_compile), *outside)
        entries = [
            self._entry(lowering, kind, session_id)
            for lowering in lowerings
            for kind, session_id in lowering.session_of_kind.items()
            if session_id in session_ids
        ]
        documents = [
            _placed(document, lowering, kind)
            for lowering in lowerings
            for document, kind in (*lowering.documents, *((each, None) for each in lowering.waiting))
            if document.session_id in session_ids
        ]
        return entries, documents

    def _mark_last(self) -> None:
        self._changes.outside.mark(len(self._outside) - 1)

    def _within(self, run_id: str, compile_id: str, at_us: int) -> Lowering:
        unnamed = f"lowering of {compile_id}"  # until the bytecode names it; it stays if the compile fails
        return self._by_compile.setdefault((run_id, compile_id), Lowering(run_id, compile_id, unnamed, at_us))

    def _outside_with_graph(self, run_id: str, kind: str | None, at_us: int) -> Lowering:
        """Return the lowering of a graph outside of any compile id: a second graph of one kind begins a new one."""
        last = self._open_outside(run_id)
        if last is None or kind in last.session_of_kind:
            return self.begin_outside(run_id, at_us, self._title)
        return last

    def _open_outside(self, run_id: str) -> Lowering | None:
        last = self._outside[-1] if self._outside else None
        return last if last is not None and last.run_id == run_id and not last.is_over else None

    def _kind_of(self, name: str, event: TraceEvent) -> str | None:
        if name in _KIND_OF_GRAPH:
            return _KIND_OF_GRAPH[name]
        if name == "inductor_output_code":
            found = _AOT_ID.search((event.payload or "")[:400])
            if found:
                return found["kind"]
        return "backward" if self._spans.is_backward(event.thread) else None

    def _entry(self, lowering: Lowering, kind: str, session_id: str) -> BackendEntry:
        window = None if lowering.compile_id is not None else (lowering.started_us, lowering.ended_us)
        times = self._spans.durations(lowering.run_id, lowering.compile_id, kind == "backward", window)
        extent = self._spans.extent(lowering.run_id, lowering.compile_id, kind == "backward", window)
        return BackendEntry(
            run_id=lowering.run_id,
            backend_id=lowering.backend_id,
            kind=kind,
            session_id=session_id,
            compile_id=lowering.compile_id,
            started_us=extent[0] if extent else None,
            duration_us=times["backend_us"] if kind != "backward" else (extent[1] if extent else None),
            inductor_us=times["inductor_us"],
            codegen_us=times["codegen_us"],
            compiler_us=times["compiler_us"],
        )


def _placed(document: Document, lowering: Lowering, kind: str | None) -> Document:
    is_shared = document.name in ("dynamo_graph", "joint_graph")
    return replace(document, backend_id=lowering.backend_id, kind=lowering.first_kind if is_shared else kind)
