"""Recorder: folds raw events into the rows of a recording.

Layer: compiler, but needs no torch. Taking an event is one append; the work is done in `fold`, when somebody looks.

What a compile owns is kept under (run id, compile id). Compile ids restart at 0/0 after `torch._dynamo.reset()`: when
one that already began begins again, a new run id does.

Whatever an event changes is marked with its revision, so that a save after each batch pays for that batch alone.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, NamedTuple

from megacache.compiler import reasons
from megacache.compiler.changes import Changes, CompileKey
from megacache.compiler.codes import Codes
from megacache.compiler.dimensions import Dimensions
from megacache.compiler.guards import Guards
from megacache.compiler.insides import Insides
from megacache.compiler.lowerings import DOCUMENT_OF_EVENT, Documents, Lowerings
from megacache.compiler.patched import Fault
from megacache.compiler.raw_events import (
    ArtifactBypassed,
    ArtifactMissed,
    ArtifactRecorded,
    ArtifactServed,
    BytecodeMade,
    CompileEnded,
    CompileStarted,
    GuardDropped,
    GuardedCodeBypassed,
    OutsideEnded,
    OutsideStarted,
    RawEvent,
    TraceEvent,
)
from megacache.compiler.spans import Spans
from megacache.compiler.uses import Uses
from megacache.errors import ArtifactNotFoundError
from megacache.explain import UNKNOWN_SYSTEM_ID
from megacache.model import (
    GUARDED_CODE,
    Artifact,
    Compile,
    Document,
    Event,
    GraphBreak,
    RecompileReason,
    SystemInfo,
)
from megacache.recording import Recording, encode_rows

_METRICS = ("graph_op_count", "graph_node_count", "graph_input_count", "guard_count", "guard_latency_us")
"""The columns of `Compile` that are torch's own `CompilationMetrics` fields, by the same names."""


class Changed(NamedTuple):
    """The rows that changed since a revision, and by session how far who has them is: see `Changes.reached`."""

    recording: Recording
    reached: Mapping[str, int]


class Recorder:
    """The rows of everything that one process compiled while the taps were on.

    Args:
        system: The system that compiled every artifact recorded here: the live one.
        process: What makes the run ids unique; one is made up for a process that runs now.
    """

    def __init__(self, system: SystemInfo, process: str | None = None) -> None:
        self.system = system
        self.session_id = ""
        self._changes = Changes()
        self.documents = Documents(self._changes)
        self.faults: list[Fault] = []
        self._queue: deque[RawEvent] = deque()
        self._folding = threading.RLock()
        self._process = process or uuid.uuid4().hex[:12]
        self._epoch = 0
        self._begun: set[str] = set()
        self._unproven: set[tuple[str, str]] = set()
        self._codes = Codes()
        self._compiles: dict[CompileKey, Compile] = {}
        self._breaks: dict[CompileKey, list[GraphBreak]] = defaultdict(list)
        self._recompile_reasons: dict[CompileKey, tuple[RecompileReason, ...]] = {}
        self._dimensions = Dimensions()
        self._guards = Guards()
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._own_documents: list[tuple[int, Document]] = []
        self._spans = Spans()
        self._lowerings = Lowerings(self.documents, self._spans, self._changes)
        self.uses = Uses(self.documents, self._lowerings, self._changes)
        self._insides = Insides()

    @property
    def run_id(self) -> str:
        """What makes compile ids unique: this process, and how often Dynamo was reset in it."""
        return f"{self._process}.{self._epoch}"

    def take(self, event: RawEvent) -> None:
        """Keep an event for later; called in the thread in which it happened."""
        self._queue.append(event)

    def know_files(self, interned: Mapping[str, int]) -> None:
        """Learn the file names that torch interned before we listened; they are never sent again."""
        self._dimensions.know_files({number: name for name, number in interned.items()})

    def know_unproven(self, artifacts: Iterable[Artifact]) -> None:
        """Learn which artifacts were loaded though nobody knows what compiled them; a hit must not vouch for them."""
        unproven = (each for each in artifacts if each.system_id == UNKNOWN_SYSTEM_ID)
        self._unproven.update((each.artifact_type, each.cache_key) for each in unproven)

    def begin(self, session_id: str) -> None:
        """Let what happens from now on belong to a session."""
        with self._folding:
            self.fold()
            self.session_id = session_id
            self._changes.begin(session_id)

    def fold(self) -> None:
        """Turn all waiting events into rows. An event that cannot be read becomes a fault; the others go on."""
        with self._folding:
            while self._queue:
                self._fold_one(self._queue.popleft())

    def recording(self, session_ids: Collection[str]) -> Recording:
        """Return the rows of some sessions; sessions' and systems' own rows are the caller's to add."""
        with self._folding:
            self.fold()
            return self._recording(session_ids, None)

    def changed(self, since: Mapping[str, int]) -> Changed:
        """Return the rows of some sessions that changed, and at times a few that did not.

        Args:
            since: By session, the `reached` of what is known already, or 0 where nothing is.

        Returns:
            Of each compile that changed all rows, with its code; in no order.
        """
        with self._folding:
            self.fold()
            oldest = min((max(at, self._changes.began(each)) for each, at in since.items()), default=0)
            recording = self._recording(since, oldest)
            return Changed(recording, {each: self._changes.reached.get(each, 0) for each in since})

    def has_captured(self, session_ids: Collection[str]) -> bool:
        """Say whether there is a compile, an artifact use or a backend entry of some sessions."""
        with self._folding:
            self.fold()
            has_compile = any(each.session_id in session_ids for each in self._compiles.values())
            return has_compile or self.uses.count(session_ids) > 0 or self._lowerings.has_any(session_ids)

    def _recording(self, session_ids: Collection[str], since: int | None) -> Recording:
        self._close_events(session_ids)
        changed = self._compiles if since is None else self._changes.compiles.since(since)
        entries, documents = self._lowerings.rows(session_ids, changed, since)
        artifacts, uses = self.uses.rows(session_ids, changed, since)
        # A backward may be lowered in a later session than its compile's: then that compile is shown here too.
        named = {(each.run_id, each.compile_id) for each in entries} | {(each.run_id, each.compile_id) for each in uses}
        found = ((key, self._compiles[key]) for key in changed if key in self._compiles)
        compiles = [self._timed(each) for key, each in found if each.session_id in session_ids or key in named]
        keys = [(each.run_id, each.compile_id) for each in compiles]
        documents += self._own_documents_of(session_ids, since)
        return Recording(
            codes=self._codes.of(compiles),
            compiles=tuple(compiles),
            graph_breaks=tuple(row for key in keys for row in self._breaks.get(key, ())),
            recompile_reasons=tuple(row for key in keys for row in self._recompile_reasons.get(key, ())),
            dimensions=self._dimensions.rows(keys),
            backend_entries=tuple(entries),
            artifacts=tuple(artifacts),
            artifact_uses=tuple(uses),
            documents=tuple(sorted(documents, key=lambda each: (each.session_id, each.ordinal))),
            read=self.read,
        )

    def _own_documents_of(self, session_ids: Collection[str], since: int | None) -> list[Document]:
        start = 0 if since is None else bisect_right(self._own_documents, since, key=itemgetter(0))
        return [each for _, each in self._own_documents[start:] if each.session_id in session_ids]

    def read(self, sha256: str) -> bytes:
        """Return a content that was recorded.

        Raises:
            ArtifactNotFoundError: When this process recorded no such content.
        """
        try:
            return self.documents.contents[sha256]
        except KeyError:
            raise ArtifactNotFoundError(f"no content {sha256[:12]} was recorded in this process") from None

    # -- compiles ------------------------------------------------------------------------------------------------

    def _compile_started(self, event: CompileStarted) -> None:
        compile_id = str(event.compile_id)
        if compile_id in self._begun:
            self._epoch += 1
            self._begun.clear()
        self._begun.add(compile_id)
        self._compiles[self.run_id, compile_id] = Compile(
            run_id=self.run_id,
            compile_id=compile_id,
            session_id=self.session_id,
            code_id=self._codes.learn(event.code, event.module, wraps=event.wraps),
            status="open",
            started_us=event.at_us,
            stack=event.stack,
        )

    def _compile_ended(self, event: CompileEnded) -> None:
        self._change(
            event.compile_id,
            lambda found: replace(
                found,
                status="served" if found.status == "served" else event.status,
                error_type=event.error_type,
                error=event.error,
                duration_us=event.at_us - found.started_us,
            ),
        )
        guards = self._guards.of((self.run_id, str(event.compile_id)))
        if guards:
            self._add_document("guards", encode_rows(guards), self.session_id, event.compile_id)

    def _bytecode_made(self, event: BytecodeMade) -> None:
        compile_id = str(event.compile_id)
        self._lowerings.name(self.run_id, compile_id, event.names)
        compiled = self._compiles.get((self.run_id, compile_id))
        parent_id = compiled.code_id if compiled else None
        for resume in event.resumes:
            self._codes.learn(resume, self._codes.module(parent_id), parent_id)

    def _guard_dropped(self, event: GuardDropped) -> None:
        self._guards.feed_dropped(event, (self.run_id, str(event.compile_id)))

    def _artifact_recorded(self, event: ArtifactRecorded) -> None:
        key = (event.artifact_type, event.cache_key)
        system_id = UNKNOWN_SYSTEM_ID if key in self._unproven else self.system.system_id
        self.uses.feed_record(event, self.session_id, self.run_id, system_id)
        if inside := self._insides.of(event):
            self._add_document(inside.name, inside.content, self.session_id)

    def _artifact_served(self, event: ArtifactServed) -> None:
        self.uses.feed_served(event, self.session_id, self.run_id)
        if event.artifact_type == GUARDED_CODE:
            self._change(event.compile_id, lambda found: replace(found, status="served"))

    def _not_served(self, event: ArtifactMissed | GuardedCodeBypassed | ArtifactBypassed) -> None:
        self.uses.feed_refusal(event, self.session_id, self.run_id)

    def _outside_started(self, event: OutsideStarted) -> None:
        self._lowerings.begin_outside(self.run_id, event.at_us, event.title)

    def _outside_ended(self, event: OutsideEnded) -> None:
        self._lowerings.end_outside(event.at_us)

    # -- the structured trace ------------------------------------------------------------------------------------

    def _traced(self, event: TraceEvent) -> None:
        metadata = event.metadata
        if "artifact" in metadata:
            self._traced_artifact(str(metadata["artifact"]["name"]), event)
        elif "chromium_event" in metadata:
            span = self._spans.feed(
                self.session_id,
                self.run_id,
                event.thread,
                event.compile_id,
                metadata.get("attempt"),
                event.payload or "{}",
            )
            if span is not None:
                self._events[self.session_id].append(span)
                self._mark_span(span)
        else:
            name = next((name for name in (*DOCUMENT_OF_EVENT, *_TRACE_FOLDS) if name in metadata), None)
            if name in DOCUMENT_OF_EVENT:
                self._lowerings.feed(name, event, self.session_id, self.run_id)
            elif name is not None:
                _TRACE_FOLDS[name](self, metadata[name], event)

    def _traced_artifact(self, name: str, event: TraceEvent) -> None:
        key = (self.run_id, str(event.compile_id))
        if name in DOCUMENT_OF_EVENT:
            self._lowerings.feed(name, event, self.session_id, self.run_id)
        elif Uses.is_lookup(name):
            self.uses.feed_lookup(name, event, self.session_id, self.run_id)
        elif name == "recompile_reasons":
            self._recompile_reasons[key] = reasons.recompile_reasons(
                event.payload or "", run_id=key[0], compile_id=key[1]
            )
        elif name == "dynamo_graph_break_reason":
            attempt = int(event.metadata.get("attempt") or 0)
            ordinal = sum(each.attempt == attempt for each in self._breaks[key])
            self._breaks[key].append(
                reasons.graph_break(
                    event.payload or "", run_id=key[0], compile_id=key[1], attempt=attempt, ordinal=ordinal
                )
            )

    def _traced_file(self, fact: Any, _event: TraceEvent) -> None:
        name, number = fact
        self._dimensions.know_files({int(number): str(name)})

    def _traced_guards(self, _fact: Any, event: TraceEvent) -> None:
        self._guards.feed_kept(event.payload or "", (self.run_id, str(event.compile_id)))

    def _traced_symbol(self, fact: Any, event: TraceEvent) -> None:
        self._dimensions.feed(fact, (self.run_id, str(event.compile_id)))

    def _traced_metrics(self, fact: Any, event: TraceEvent) -> None:
        self._change(
            event.compile_id,
            lambda found: replace(
                found,
                attempt_count=int(event.metadata.get("attempt") or 0) + 1,
                restart_reasons=tuple(str(each).partition("\n")[0] for each in fact.get("restart_reasons") or ()),
                **{name: fact[name] for name in _METRICS if fact.get(name) is not None},
            ),
        )

    # -- what they share -----------------------------------------------------------------------------------------

    def _fold_one(self, event: RawEvent) -> None:
        self._changes.revision += 1
        try:
            _FOLDS[type(event)](self, event)
        except Exception:  # noqa: BLE001  torch's texts may change; one that we cannot read must not cost the others
            self.faults.append(Fault(time.time_ns() // 1000, "recorder", traceback.format_exc(limit=-4)))
        finally:  # also what a failed one changed; and only now is the run known
            self._changes.compiles.mark((self.run_id, str(event.compile_id)))

    def _mark_span(self, span: Event) -> None:
        """Mark what a span's time counts for: it may have begun under another compile id than it ends."""
        if span.compile_id is None:
            self._lowerings.mark_outside_at(span.started_us + span.duration_us)
        else:
            self._changes.compiles.mark((self.run_id, span.compile_id))

    def _add_document(self, name: str, content: bytes, session_id: str, compile_id: str | None = None) -> None:
        document = self.documents.add(name, content, session_id=session_id, run_id=self.run_id, compile_id=compile_id)
        self._own_documents.append((self._changes.revision, document))

    def _change(self, compile_id: str | None, change: Callable[[Compile], Compile]) -> None:
        found = self._compiles.get((self.run_id, str(compile_id)))
        if found is not None:
            self._compiles[self.run_id, found.compile_id] = change(found)

    def _timed(self, compiled: Compile) -> Compile:
        return replace(compiled, **self._spans.durations(compiled.run_id, compiled.compile_id, is_backward=False))  # type: ignore[arg-type]

    def _close_events(self, session_ids: Collection[str]) -> None:
        """Make a document of the spans since the last one, so that a later save writes only what is new."""
        for session_id in session_ids:
            events = self._events.pop(session_id, None)
            if events:
                self._add_document("events", encode_rows(events), session_id)


_FOLDS: dict[type[RawEvent], Callable[[Recorder, Any], None]] = {
    CompileStarted: Recorder._compile_started,
    CompileEnded: Recorder._compile_ended,
    BytecodeMade: Recorder._bytecode_made,
    GuardDropped: Recorder._guard_dropped,
    ArtifactRecorded: Recorder._artifact_recorded,
    ArtifactServed: Recorder._artifact_served,
    ArtifactMissed: Recorder._not_served,
    GuardedCodeBypassed: Recorder._not_served,
    ArtifactBypassed: Recorder._not_served,
    OutsideStarted: Recorder._outside_started,
    OutsideEnded: Recorder._outside_ended,
    TraceEvent: Recorder._traced,
}

_TRACE_FOLDS: dict[str, Callable[[Recorder, Any, TraceEvent], None]] = {
    "str": Recorder._traced_file,
    "dynamo_cpp_guards_str": Recorder._traced_guards,
    "create_symbol": Recorder._traced_symbol,
    "compilation_metrics": Recorder._traced_metrics,
}
