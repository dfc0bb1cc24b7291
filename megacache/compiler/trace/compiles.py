"""Compiles: when a log says that a compile began and how it ended, as the taps would have told.

Layer: compiler, but needs no torch.

Source: `_compile` and `log_dynamo_start` in `torch/_dynamo/convert_frame.py`, `record_compilation_metrics` in
`torch/_dynamo/utils.py`, `log_graph_break` in `torch/_dynamo/symbolic_convert.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from megacache.compiler.codes import NOT_THE_USERS, RESUME_NAME, TracedCode
from megacache.compiler.raw_events import BytecodeMade, CompileEnded, CompileStarted, RawEvent, TraceEvent
from megacache.compiler.trace.failures import Failure

_COMPILED_FUNCTION = re.compile(r"\b__compiled_fn_\d+_\w+")
_BROKEN_FRAME = re.compile(r'^  File "(?P<filename>.+)", line (?P<line>\d+), in .+$', re.MULTILINE)

_WAITING_LIMIT = 10_000
"""So many events of a compile come before its code is known in no log that torch wrote."""

Stack = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class _Compile:
    """What a log has told so far of a compile that goes on.

    `waiting` holds what came before its code was known, and is None from then on.
    """

    waiting: list[RawEvent] | None
    started_us: int
    has_span: bool
    code: TracedCode | None = None
    has_guards: bool = False
    has_told_guards: bool = False
    backend_names: tuple[str, ...] = ()
    last_broken_attempt: int | None = None
    last_attempt: int = 0
    error_text: str | None = None
    metrics: Mapping[str, Any] | None = None


class TraceCompiles:
    """Follows the compiles of one log, and adds to its events what only the taps would tell."""

    def __init__(self) -> None:
        self._files: dict[int, str] = {}
        self._torch_folder: str | None = None
        self._compiles: dict[str, _Compile] = {}
        self._code_of_frame: dict[str, TracedCode] = {}
        self._broken: dict[tuple[str, int], str] = {}
        self._latest: dict[TracedCode, str] = {}
        self.script: str | None = None

    def follow(self, event: TraceEvent, span: tuple[str, str] | None) -> Iterator[RawEvent]:
        """Yield an event of the log together with those that it implies, in the order in which they happened.

        Args:
            event: One record of the log.
            span: `B`, `E` or `i` and the name of a span, where the record is a chromium event.
        """
        if "str" in event.metadata:
            self._learn_file(*event.metadata["str"])
        compile_id = event.compile_id
        if compile_id is None:
            yield event
        elif span == ("B", "dynamo"):
            yield from self._leave(compile_id)
            self._compiles[compile_id] = _Compile([event], event.at_us, has_span=True)
        elif "dynamo_start" in event.metadata:
            yield from self._start(compile_id, event.metadata["dynamo_start"]["stack"], event)
        elif compile_id in self._compiles:
            yield from self._go_on(compile_id, self._compiles[compile_id], event, span)
        else:
            yield event

    def rest(self) -> Iterator[RawEvent]:
        """Yield what still waits when the log ends in the middle of a compile."""
        for compile_id in list(self._compiles):
            yield from self._leave(compile_id)

    # -- the life of a compile -----------------------------------------------------------------------------------

    def _start(self, compile_id: str, stack: Stack, event: TraceEvent) -> Iterator[RawEvent]:
        compiled = self._compiles.get(compile_id)
        if compiled is None or compiled.waiting is None:
            yield from self._leave(compile_id)
            compiled = self._compiles[compile_id] = _Compile([], event.at_us, has_span=False)
        *callers, own = stack
        code = TracedCode(str(own["name"]), self._files.get(own["filename"], "?"), int(own["line"]))
        yield from self._begin(compile_id, compiled, code, self._users(callers))
        yield event

    def _begin(
        self, compile_id: str, compiled: _Compile, code: TracedCode, stack: tuple[str, ...]
    ) -> Iterator[RawEvent]:
        self._code_of_frame[_frame_of(compile_id)] = compiled.code = code
        parent_id = self._parent_of(code)
        if parent_id is not None:
            yield BytecodeMade(
                at_us=compiled.started_us, thread=0, compile_id=parent_id, code=code, names=(), resumes=(code,)
            )
        yield CompileStarted(
            at_us=compiled.started_us,
            thread=0,
            compile_id=compile_id,
            code=code,
            module=None,
            stack=stack,
            wraps=None,
        )
        self._latest[code] = compile_id
        yield from compiled.waiting or ()
        compiled.waiting = None

    def _go_on(
        self, compile_id: str, compiled: _Compile, event: TraceEvent, span: tuple[str, str] | None
    ) -> Iterator[RawEvent]:
        if compiled.waiting is not None and "compilation_metrics" in event.metadata:
            # The recompile limit was reached: torch looks no further, and names only the frame.
            code = self._code_of_frame.get(_frame_of(compile_id))
            if code is not None:
                yield from self._begin(compile_id, compiled, code, ())
        elif "dynamo_cpp_guards_str" in event.metadata and compiled.has_told_guards:
            return  # a megacache that captured the same run has built them again, to compare them
        self._note(compile_id, compiled, event, span)
        if compiled.waiting is not None and len(compiled.waiting) < _WAITING_LIMIT:
            compiled.waiting.append(event)
        else:
            yield event
        is_over = span == ("E", "dynamo") or (compiled.metrics is not None and not compiled.has_span)
        if is_over:
            yield from self._leave(compile_id)
            if compiled.code is not None:
                yield from _ended(compile_id, compiled, compiled.code, event.at_us)

    def _leave(self, compile_id: str) -> Iterator[RawEvent]:
        compiled = self._compiles.pop(compile_id, None)
        if compiled is not None:
            yield from compiled.waiting or ()

    def _note(self, compile_id: str, compiled: _Compile, event: TraceEvent, span: tuple[str, str] | None) -> None:
        compiled.last_attempt = int(event.metadata.get("attempt") or 0)
        if span is not None:
            compiled.has_guards |= span[1] == "build_guards"
        elif "dynamo_cpp_guards_str" in event.metadata:
            compiled.has_guards = compiled.has_told_guards = True
        elif "compilation_metrics" in event.metadata:
            compiled.metrics = event.metadata["compilation_metrics"]
        elif "artifact" in event.metadata:
            self._note_artifact(compile_id, compiled, str(event.metadata["artifact"]["name"]), event.payload or "")

    def _note_artifact(self, compile_id: str, compiled: _Compile, name: str, text: str) -> None:
        if name == "dynamo_error":
            compiled.error_text = text
        elif name == "dynamo_graph_break_reason":
            compiled.last_broken_attempt = compiled.last_attempt
            user_part = text.partition("User code traceback:")[2].partition("\nTraceback ")[0]
            for frame in _BROKEN_FRAME.finditer(user_part):
                self._broken[frame["filename"], int(frame["line"])] = compile_id
        elif name.endswith("_MODIFIED_BYTECODE"):  # torch writes that of resume functions only
            compiled.backend_names = tuple(dict.fromkeys(_COMPILED_FUNCTION.findall(text)))

    # -- where code is, and who called it ------------------------------------------------------------------------

    def _learn_file(self, name: str, number: int) -> None:
        self._files[int(number)] = name
        if self._torch_folder is None and PurePath(name).parts[-3:] == ("torch", "_dynamo", "convert_frame.py"):
            self._torch_folder = str(PurePath(name).parent.parent)

    def _users(self, frames: Stack) -> tuple[str, ...]:
        """Return the user's frames, as `codes.calling_stack` does for a live stack."""
        found: list[str] = []
        for frame in reversed(frames):
            filename = self._files.get(frame["filename"], "?")
            if any(part in filename for part in NOT_THE_USERS):
                break
            if self._torch_folder is None or not filename.startswith(self._torch_folder):
                found.append(f"{filename}:{frame['line']} {frame['name']}")
                if self.script is None and frame is frames[0] and frame["name"] == "<module>":
                    self.script = filename
        return tuple(reversed(found))

    def _parent_of(self, code: TracedCode) -> str | None:
        """Return the compile whose graph break made a resume function: the last one that broke where it goes on."""
        resume = RESUME_NAME.match(code.co_name)
        if resume is None:
            return None
        there = self._broken.get((code.co_filename, int(resume["line"])))
        if there is not None:
            return there
        ids = [
            compile_id
            for each, compile_id in self._latest.items()
            if each.co_filename == code.co_filename and each.co_name == resume["function"]
        ]
        return ids[-1] if ids else None


def _frame_of(compile_id: str) -> str:
    return compile_id.rpartition("/")[0]


def _ended(compile_id: str, compiled: _Compile, code: TracedCode, at_us: int) -> Iterator[RawEvent]:
    """Yield the end of a compile. Without its metrics a compile that made no guards is left open."""
    failure = Failure.of(
        compiled.metrics or {}, compiled.error_text, has_broken=compiled.last_broken_attempt == compiled.last_attempt
    )
    if failure is None and compiled.has_guards:
        yield BytecodeMade(
            at_us=at_us, thread=0, compile_id=compile_id, code=code, names=compiled.backend_names, resumes=()
        )
        yield CompileEnded(at_us=at_us, thread=0, compile_id=compile_id, status="ok")
    elif failure is not None:
        yield CompileEnded(
            at_us=at_us,
            thread=0,
            compile_id=compile_id,
            status=failure.status,
            error_type=failure.error_type,
            error=failure.error,
        )
    elif compiled.metrics is not None:
        yield CompileEnded(at_us=at_us, thread=0, compile_id=compile_id, status="skipped")
