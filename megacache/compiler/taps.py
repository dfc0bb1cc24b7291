"""Taps: raw events out of torch, each stamped with its time and its compile id.

Layer: compiler. Listens; never decides. Every tap is put on by `attach` and taken off by `detach`, which leaves torch
exactly as it was. A tap must never break or alter a compile: what goes wrong inside one is kept as a fault.

Source: `torch/_logging/_internal.py` (trace_structured), `torch/_dynamo/convert_frame.py`, `torch/compiler/_cache.py`,
`torch/_functorch/_aot_autograd/autograd_cache.py`, `torch/_dynamo/guards.py`; the same in 2.13.0, 2.14.1 and 2.15.0.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

from megacache.compiler import codes, versions
from megacache.compiler.patched import Patched
from megacache.compiler.raw_events import (
    ArtifactRecorded,
    BytecodeMade,
    CompileEnded,
    CompileStarted,
    GuardDropped,
    RawEvent,
    TraceEvent,
    compile_id_in,
)

Result = TypeVar("Result")

_SCOPE: ContextVar[Mapping[str, object]] = ContextVar("_SCOPE", default={})  # noqa: B039  (never written to)
"""The globals of the code that is being compiled."""

MUTED: ContextVar[bool] = ContextVar("MUTED", default=False)
"""Whether what torch traces in this context is none of the user's: we build guards to compare them."""


@contextmanager
def muted() -> Iterator[None]:
    """Keep what torch traces meanwhile out of the recording."""
    token = MUTED.set(True)
    try:
        yield
    finally:
        MUTED.reset(token)


Sink = Callable[[RawEvent], None]


class Taps(Patched):
    """All taps together: on, or off.

    Args:
        sink: Takes each event, in the thread in which it happened. It should do no more than keep it.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def _attach(self) -> None:
        self._tap_trace()
        self._tap_compiles()
        self._tap_bytecode()
        self._tap_artifacts()
        self._tap_aot_components()
        self._tap_dropped_guards()

    # -- the taps ------------------------------------------------------------------------------------------------

    def _tap_trace(self) -> None:
        listener = _Listener(self._on_trace)
        handlers = logging.getLogger(versions.TRACE_LOGGER).handlers
        # First, not last: torch's own lazy handler may remove itself while the list is walked, and the next one
        # would then miss the first record.
        handlers.insert(0, listener)
        self._undo.append(lambda: handlers.remove(listener) if listener in handlers else None)

    def _tap_compiles(self) -> None:
        import torch
        from torch._dynamo import convert_frame

        torch_folder = str(Path(torch.__file__).parent)
        original = convert_frame._compile

        @wraps(original)
        def compile_code(code: CodeType, scope: dict[str, object], *args: Any, **kwargs: Any) -> Any:
            compile_id = str(kwargs["compile_id"])
            self._send(
                lambda: CompileStarted(
                    compile_id=compile_id,
                    code=code,
                    module=_module_of(scope),
                    stack=codes.calling_stack(torch_folder),
                    wraps=codes.wrapped_name(code, args[2]),
                )
            )
            # Torch counts stack frames to find the user's: ours is one more.
            kwargs["skip"] = kwargs.get("skip", 0) + 1
            outer = _SCOPE.set(scope)
            try:
                result = original(code, scope, *args, **kwargs)
            except BaseException as error:
                is_whole_graph = bool(args[4]) if len(args) > 4 else bool(kwargs.get("one_graph"))
                self._send(partial(_ended_by, error, compile_id, is_whole_graph))
                raise
            finally:
                _SCOPE.reset(outer)
            self._send(lambda: _ended_with(result, compile_id))
            return result

        self._replace(convert_frame, "_compile", compile_code)

    def _tap_bytecode(self) -> None:
        from torch._dynamo import convert_frame

        def on_bytecode(code: CodeType, new_code: CodeType) -> None:
            self._send(
                lambda: BytecodeMade(
                    compile_id=current_compile_id(),
                    code=code,
                    names=new_code.co_names,
                    resumes=codes.resume_codes(new_code.co_names, _SCOPE.get()),
                )
            )

        self._undo.append(convert_frame.register_bytecode_hook(on_bytecode).remove)

    def _tap_artifacts(self) -> None:
        from torch.compiler._cache import CacheArtifactFactory, CacheArtifactManager

        original = CacheArtifactManager.__dict__["record_artifact"]

        def record_artifact(cls: type, artifact_type: str, key: str, content: Any) -> None:
            original.__func__(cls, artifact_type, key, content)

            def event() -> RawEvent:
                is_raw = isinstance(content, bytes)
                data = content if is_raw else CacheArtifactFactory.encode_create(artifact_type, key, content).content
                return ArtifactRecorded(
                    compile_id=current_compile_id(), artifact_type=artifact_type, cache_key=key, content=data
                )

            self._send(event)

        self._replace(CacheArtifactManager, "record_artifact", classmethod(record_artifact))

    def _tap_aot_components(self) -> None:
        from torch._functorch._aot_autograd import autograd_cache

        original = autograd_cache._get_debug_lines_for_cache_key

        @wraps(original)
        def debug_lines(pickler: Any, details: Any, key: str) -> list[str]:
            lines = original(pickler, details, key)
            # Torch makes them only when it logs at DEBUG; without them no AOT miss can be explained.
            return lines or self._guarded("AOT key components", lambda: list(pickler.debug_lines(details))) or []

        self._replace(autograd_cache, "_get_debug_lines_for_cache_key", debug_lines)

    def _tap_dropped_guards(self) -> None:
        from torch._dynamo.guards import CheckFunctionManager

        original = CheckFunctionManager.__init__

        @wraps(original)
        def build(manager: Any, f_code: Any, output_graph: Any, *args: Any, **kwargs: Any) -> None:
            if len(args) > 2 and args[2] is not None:
                args = (*args[:2], self._watched(args[2]), *args[3:])
            elif kwargs.get("guard_filter_fn") is not None:
                kwargs["guard_filter_fn"] = self._watched(kwargs["guard_filter_fn"])
            original(manager, f_code, output_graph, *args, **kwargs)

        self._replace(CheckFunctionManager, "__init__", build)
        logger = logging.getLogger(versions.GUARDS_LOGGER)
        listener = _Listener(self._on_guard_warning)
        logger.addHandler(listener)
        self._undo.append(lambda: logger.removeHandler(listener))

    def _watched(self, guard_filter: Callable[[Sequence[Any]], Sequence[bool]]) -> Callable[..., Sequence[bool]]:
        @wraps(guard_filter)
        def watch(entries: Sequence[Any]) -> Sequence[bool]:
            is_kept = guard_filter(entries)
            for entry, kept in zip(entries, is_kept, strict=False):
                if not kept:
                    self._send(partial(_dropped, entry.guard_type, entry.name, "guard_filter_fn"))
            return is_kept

        return watch

    # -- what they have in common --------------------------------------------------------------------------------

    def _send(self, make_event: Callable[[], RawEvent]) -> None:
        self._guarded("tap", lambda: self._sink(make_event()))

    def _on_trace(self, record: logging.LogRecord) -> None:
        if MUTED.get():
            return
        metadata: Mapping[str, Any] = getattr(record, "metadata", {})
        payload: str | None = getattr(record, "payload", None)
        self._send(
            lambda: TraceEvent(
                at_us=int(record.created * 1e6),
                thread=record.thread or 0,
                compile_id=compile_id_in(metadata),
                metadata=metadata,
                payload=payload,
            )
        )

    def _on_guard_warning(self, record: logging.LogRecord) -> None:
        if "is dropped with caching_precompile" in str(record.msg) and isinstance(record.args, tuple):
            guard_type, name = (str(each) for each in record.args[:2])
            self._send(lambda: _dropped(guard_type, name, "caching_precompile"))


class _Listener(logging.Handler):
    """A handler that hands every record on, holds no lock and formats nothing."""

    def __init__(self, on_record: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._on_record = on_record

    def handle(self, record: logging.LogRecord) -> bool:
        self._on_record(record)
        return True


def current_compile_id() -> str | None:
    """Return the compile id under which torch works now, in its string form, or None outside of any."""
    from torch._guards import CompileContext

    compile_id = CompileContext.current_compile_id()
    return None if compile_id is None else str(compile_id)


def _module_of(scope: Mapping[str, object]) -> str | None:
    name = scope.get("__name__")
    return name if isinstance(name, str) else None


def _ended_with(result: Any, compile_id: str) -> CompileEnded:
    if getattr(result, "guarded_code", None) is not None:
        return CompileEnded(compile_id=compile_id, status="ok")
    return CompileEnded(compile_id=compile_id, status="skipped", error=getattr(result, "skip_reason", None))


def _ended_by(error: BaseException, compile_id: str, is_whole_graph: bool) -> CompileEnded:
    """Tell apart what torch goes on from in eager mode (skipped, limit) and what the user sees (failed)."""
    from torch._dynamo.exc import Unsupported

    status = "failed"
    if "recompile limit" in str(error) or "recompile_limit" in str(error):
        status = "limit"
    elif isinstance(error, Unsupported) and not is_whole_graph:
        status = "skipped"
    return CompileEnded(compile_id=compile_id, status=status, error_type=type(error).__qualname__, error=str(error))


def _dropped(guard_type: str, name: str, reason: str) -> GuardDropped:
    return GuardDropped(compile_id=current_compile_id(), guard_type=guard_type, name=name, reason=reason)
