"""Raw events: what the taps hand to the recorder.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from megacache.compiler.codes import AnyCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """What every raw event has: when, in which thread, under which compile id (None outside of any)."""

    at_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    thread: int = field(default_factory=threading.get_ident)
    compile_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent(RawEvent):
    """One record of torch's structured trace, as TORCH_TRACE would write it."""

    metadata: Mapping[str, Any]
    payload: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileStarted(RawEvent):
    """Dynamo begins to compile a code object."""

    code: AnyCode
    module: str | None
    stack: tuple[str, ...]
    wraps: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileEnded(RawEvent):
    """Dynamo is done with a code object. `error` is None when it went well."""

    status: str
    error_type: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BytecodeMade(RawEvent):
    """Dynamo made new bytecode; `names` holds its `__compiled_fn_*` and `__resume_at_*`."""

    code: AnyCode
    names: tuple[str, ...]
    resumes: tuple[AnyCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecorded(RawEvent):
    """Torch recorded an artifact, on a miss when it was made, on a hit when it was read.

    `components` tells what it relies on, one key component per line, where no lookup tells it.
    """

    artifact_type: str
    cache_key: str
    content: bytes
    components: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactServed(RawEvent):
    """Something that a bundle held was proven right and used, without a lookup in a cache of torch's."""

    artifact_type: str
    cache_key: str
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactMissed(RawEvent):
    """A stored guarded code was asked for and not proven, with one sentence why."""

    cache_key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedCodeBypassed(RawEvent):
    """A guarded code was made that no other process could be served, with one sentence why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactBypassed(RawEvent):
    """A whole compiled thing was made that cannot be kept, with one sentence why."""

    artifact_type: str
    cache_key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideStarted(RawEvent):
    """Torch begins to lower or load something outside of any compile id; `title` is what it is called."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideEnded(RawEvent):
    """Torch is done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDropped(RawEvent):
    """Torch left a guard out."""

    guard_type: str
    name: str
    reason: str


def compile_id_in(metadata: Mapping[str, Any]) -> str | None:
    """Return the compile id that a trace record carries, in torch's string form, or None."""
    frame_compile_id = metadata.get("frame_compile_id")
    if frame_compile_id is None:
        return None
    compile_id = f"{metadata['frame_id']}/{frame_compile_id}"
    autograd_id = metadata.get("compiled_autograd_id")
    return f"!{autograd_id}/{compile_id}" if autograd_id is not None else compile_id
