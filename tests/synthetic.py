"""A process without torch: compiles that are made up as raw events, sessions that hold them, saves that are real."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Any

from megacache.compiler.codes import TracedCode
from megacache.compiler.raw_events import (
    ArtifactRecorded,
    ArtifactServed,
    BytecodeMade,
    CompileEnded,
    CompileStarted,
    GuardDropped,
    OutsideEnded,
    OutsideStarted,
    RawEvent,
    TraceEvent,
)
from megacache.compiler.recorder import Recorder
from megacache.model import SessionInfo
from megacache.process import Process
from megacache.recording import Recording
from megacache.sessions import Session
from samples import START, key, system


class Clock:
    """Makes the events of one process, each a millisecond after the last."""

    def __init__(self) -> None:
        self._now_us = START

    def tick(self) -> int:
        """Return a later moment."""
        self._now_us += 1000
        return self._now_us

    def facts(self, compile_id: str | None) -> dict[str, Any]:
        """Return what every raw event has."""
        return {"at_us": self.tick(), "thread": 1, "compile_id": compile_id}

    def span(self, compile_id: str | None, name: str, kind: str) -> TraceEvent:
        """Return a chromium event, of the kind `B`, `E` or `i`."""
        payload = {"name": name, "ts": self.tick(), "ph": kind}
        return TraceEvent(**self.facts(compile_id), metadata={"chromium_event": {}}, payload=json.dumps(payload))

    def graph(self, compile_id: str | None, name: str, text: str) -> TraceEvent:
        """Return a graph or a text that torch's trace holds."""
        return TraceEvent(**self.facts(compile_id), metadata={name: {}}, payload=text)

    def lookup(self, compile_id: str | None, cache_key: str, state: str) -> TraceEvent:
        """Return what torch's FX cache said of one lookup."""
        metadata = {"artifact": {"name": f"fx_graph_cache_{state}"}}
        payload = {"key": cache_key, "components": [f"[{cache_key}] gm: of {compile_id}"]}
        return TraceEvent(**self.facts(compile_id), metadata=metadata, payload=json.dumps(payload))

    def record(self, compile_id: str | None, artifact_type: str, cache_key: str, content: bytes) -> ArtifactRecorded:
        """Return one artifact that torch recorded."""
        facts = self.facts(compile_id)
        return ArtifactRecorded(**facts, artifact_type=artifact_type, cache_key=cache_key, content=content)

    def served(self, compile_id: str | None, artifact_type: str, cache_key: str, content: bytes) -> ArtifactServed:
        """Return one artifact that was served."""
        facts = self.facts(compile_id)
        digest = sha256(content).hexdigest()
        return ArtifactServed(**facts, artifact_type=artifact_type, cache_key=cache_key, content_sha256=digest)

    def started(self, compile_id: str, name: str) -> list[RawEvent]:
        """Return the beginning of a compile, with a dropped guard and a new symbol."""
        code = TracedCode(name, "/home/ada/train.py", 1 + int(sha256(name.encode()).hexdigest()[:4], 16))
        symbol = {"create_symbol": {"symbol": "s0", "source": "L['x'].size()[0]", "val": "8", "vr": "[2, int_oo]"}}
        return [
            CompileStarted(**self.facts(compile_id), code=code, module="train", stack=("train.py:9 main",), wraps=None),
            self.span(compile_id, "entire_frame_compile", "B"),
            TraceEvent(**self.facts(compile_id), metadata=symbol, payload=None),
            GuardDropped(**self.facts(compile_id), guard_type="ID_MATCH", name="G['f']", reason="not kept"),
        ]

    def ended(self, compile_id: str) -> list[RawEvent]:
        """Return the end of a compile."""
        code = TracedCode("compiled", "/home/ada/train.py", 1)
        backend = f"__compiled_fn_{compile_id.replace('/', '_')}_uuid"
        return [
            BytecodeMade(**self.facts(compile_id), code=code, names=(backend,), resumes=()),
            self.span(compile_id, "entire_frame_compile", "E"),
            CompileEnded(**self.facts(compile_id), status="ok"),
        ]

    def compiled(self, number: int, content_size_bytes: int = 2000) -> list[RawEvent]:
        """Return a whole compile with two artifacts, as torch and megacache would tell of it."""
        compile_id, name, random = f"{number}/0", f"step_{number}", Random(number)  # noqa: S311  no secret
        aot, fx = key("a", name), key("f", name)
        return [
            *self.started(compile_id, name),
            self.graph(compile_id, "dynamo_output_graph", f"class GraphModule: {name}"),
            self.span(compile_id, "backend_compile", "B"),
            self.graph(compile_id, "aot_inference_graph", f"class inference: {name}"),
            self.lookup(compile_id, fx, "miss"),
            self.graph(compile_id, "inductor_output_code", f"# AOT ID: ['0_inference'] {name}"),
            self.record(compile_id, "inductor", fx, random.randbytes(content_size_bytes)),
            self.record(compile_id, "aot_autograd", aot, random.randbytes(content_size_bytes)),
            self.span(compile_id, "backend_compile", "E"),
            *self.ended(compile_id),
        ]

    def outside(self, title: str, cache_key: str, content: bytes) -> list[RawEvent]:
        """Return what torch lowers outside of any compile id."""
        return [
            OutsideStarted(**self.facts(None), title=title),
            self.span(None, "inductor_compile", "B"),
            self.graph(None, "aot_inference_graph", title),
            self.lookup(None, cache_key, "miss"),
            self.record(None, "inductor", cache_key, content),
            self.span(None, "inductor_compile", "E"),
            OutsideEnded(**self.facts(None)),
        ]


class SyntheticCapture:
    """As much of a capture as sessions ask for when they are saved."""

    def __init__(self) -> None:
        self.system = system()
        self.heard_count = 0
        self.recorder = Recorder(self.system, process="synthetic")

    def flush(self) -> None:
        """Keep nothing back."""

    def recording(self, session_ids: tuple[str, ...]) -> Recording:
        """Return the rows of some sessions."""
        return self.recorder.recording(session_ids)


class SyntheticProcess(Process):
    """A process whose events are made up."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self._capture = SyntheticCapture()  # type: ignore[assignment]

    def session(self, name: str) -> Session:
        """Begin a session, within the one that is open; `leave` ends it."""
        session = Session(self, name)
        session._info = SessionInfo(
            session_id=f"session-{name}",
            name=name,
            run_id="synthetic.0",
            system_id=self.capture.system.system_id,
            status="open",
            started_us=self.clock.tick(),
            megacache_version="0.1.0",
            config={},
        )
        self.enter(session)
        return session

    def take(self, events: Sequence[RawEvent]) -> None:
        """Let events happen."""
        for event in events:
            self.capture.heard_count += 1
            self.capture.recorder.take(event)
