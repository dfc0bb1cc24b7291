"""Keeping: each guarded code that Dynamo makes becomes an artifact, once all that it consists of is there.

Layer: compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import CodeType
from typing import Any

from megacache.compiler import replay
from megacache.compiler.bytecode import body_of, has_graph
from megacache.compiler.content import UnprovableError, code_digest
from megacache.compiler.frames import Frame
from megacache.compiler.guard_state import GuardState
from megacache.compiler.guarded_code import Body, Facts, encode
from megacache.compiler.needs import Need, needs_of, needs_of_constants
from megacache.compiler.raw_events import ArtifactRecorded, GuardedCodeBypassed, RawEvent
from megacache.compiler.taps import muted
from megacache.model import GUARDED_CODE

AotArtifact = tuple[str, str]
"""Cache key and SHA-256 of the content."""


@dataclass(slots=True)
class Making:
    """A guarded code that Dynamo is making: what was seen of it so far.

    `refusal` says why it cannot be kept, as long as anything lacks. `aot_key` is the key of its graph where the
    backward is not lowered yet, `forward` an entry that we made.
    """

    frame: Frame
    guards: bytes = b""
    proofs: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    installed: frozenset[str] = frozenset()
    imports: Mapping[str, str] = field(default_factory=dict)
    aot_key: str | None = None
    forward: bytes | None = None
    has_graph: bool = False
    refusal: str | None = "Dynamo made no guards"

    def see_guards(self, output_graph: Any, shape_parts: Any) -> None:
        """Take the guards while the frame that they were made from is at hand, and try whether they can be replayed.

        Args:
            output_graph: Torch's `OutputGraph`.
            shape_parts: Torch's `ShapeCodeParts`.
        """
        self.installed = frozenset(output_graph.installed_globals)
        if self.frame.circumstances.refusal is not None:
            self.refusal = self.frame.circumstances.refusal
            return
        self.refusal = "its guards could not be told"
        try:
            _check_graph(output_graph)
            state = GuardState.of(output_graph, shape_parts)
            self.imports, self.guards = state.imports, state.dump(output_graph)
            tried = _replayed(self.frame, self.guards, output_graph)
            code, scope = self.frame.code, self.frame.global_scope
            self.needs = needs_of(output_graph, code, scope, {code_digest(code), *tried.told_codes})
            self.proofs = tried.proofs
            self.refusal = None
        except UnprovableError as error:
            self.refusal = str(error)

    def see_graph(self, aot_key: str | None, entry: bytes | None) -> None:
        """Take an AOT entry of the frame's graph, in case that torch keeps none; of several, none is the right one.

        Args:
            aot_key: The key under which torch will keep it later; None where it never will.
            entry: What `aot_entries` made of it.
        """
        self.aot_key, self.forward = aot_key, None if self.has_graph else entry
        self.has_graph = True

    def finished(self, code: CodeType) -> Made | None:
        """Return what can be kept, or None where something cannot; then `refusal` says what.

        Args:
            code: The bytecode that Dynamo made.
        """
        if self.refusal is not None:
            return None
        scope = self.frame.global_scope
        try:
            body = body_of(code, scope, installed=self.installed, imports=self.imports, guards=self.guards)
            needs = (*self.needs, *needs_of_constants(each.value for each in body.names if each.kind == "constant"))
        except UnprovableError as error:
            self.refusal = str(error)
            return None
        place, circumstances = self.frame.place, self.frame.circumstances
        facts = Facts(
            module=place.module,
            qualname=place.qualname,
            digest=place.digest,
            filename=place.filename,
            first_line=place.first_line,
            backend=circumstances.backend,
            config=circumstances.config,
            config_digest=circumstances.config_digest,
            distributed=circumstances.distributed,
            proofs=self.proofs,
            needs=needs,
            aot_key=None,
            aot_sha256=None,
        )
        return Made(self.frame.compile_id, facts, body, self.aot_key, self.forward)


@dataclass(slots=True)
class Made:
    """A guarded code that Dynamo has made, without any object of the user's."""

    compile_id: str
    facts: Facts
    body: Body
    aot_key: str | None
    forward: bytes | None
    is_told: bool = False


class Keeper:
    """Puts guarded codes together with the AOT artifacts of their graphs.

    Args:
        sink: Takes each event, in the thread in which it happened.
    """

    def __init__(self, sink: Callable[[RawEvent], None]) -> None:
        self._sink = sink
        self._aot: dict[str, AotArtifact | None] = {}
        self._waiting: dict[str, Made] = {}

    def begin(self, compile_id: str) -> None:
        """Forget what was heard under a compile id: after a reset, torch gives it again."""
        self._aot.pop(compile_id, None)
        self._waiting.pop(compile_id, None)

    def hear(self, event: RawEvent) -> None:
        """Learn which AOT artifact belongs to which compile; a backward may be lowered long after its forward."""
        if not isinstance(event, ArtifactRecorded) or event.artifact_type != "aot_autograd" or event.compile_id is None:
            return
        named = (event.cache_key, sha256(event.content).hexdigest())
        waiting = self._waiting.get(event.compile_id)
        if waiting is None:
            known = self._aot.setdefault(event.compile_id, named)
            # Several graphs in one frame: which is whose is not told.
            self._aot[event.compile_id] = named if known == named else None
        elif waiting.aot_key == event.cache_key:  # else it is of an earlier compile that had the same id
            del self._waiting[event.compile_id]
            self._keep(waiting, named)

    def make(self, making: Making, code: CodeType) -> None:
        """Keep a guarded code now, or when its backward has been lowered; or say why it cannot be kept.

        Args:
            making: What was seen of it.
            code: The bytecode that Dynamo made.
        """
        made, compile_id = making.finished(code), making.frame.compile_id
        if made is None:
            self._bypass(compile_id, making.refusal or "")
        elif not has_graph(made.body):
            self._keep(made, None)
        elif compile_id not in self._aot:
            self._waiting[compile_id] = made
        elif (aot := self._aot[compile_id]) is not None:
            self._keep(made, aot)
        else:
            self._bypass(compile_id, "its frame was cut into several graphs")

    def flush(self) -> None:
        """Keep the forward of what still waits for its backward, once; or say that it cannot be served."""
        for compile_id, made in self._waiting.items():
            if not made.is_told and made.forward is not None:
                self._keep(replace(made, body=replace(made.body, forward=made.forward)), None)
            elif not made.is_told:
                self._bypass(compile_id, "torch kept no AOT entry of its graph")
            made.is_told = True

    def _keep(self, made: Made, aot: AotArtifact | None) -> None:
        facts = replace(made.facts, aot_key=aot[0], aot_sha256=aot[1]) if aot else made.facts
        try:
            content = encode(facts, made.body)
        except UnprovableError as error:
            self._bypass(made.compile_id, str(error))
            return
        self._sink(
            ArtifactRecorded(
                compile_id=made.compile_id, artifact_type=GUARDED_CODE, cache_key=facts.key, content=content
            )
        )

    def _bypass(self, compile_id: str, reason: str) -> None:
        self._sink(GuardedCodeBypassed(compile_id=compile_id, reason=reason))


def _replayed(frame: Frame, guards: bytes, output_graph: Any) -> replay.Replay:
    """Replay guards on the frame that they were made from; the names that this needs are gone again afterwards."""
    state = GuardState.load(guards)
    new_names = replay.name_in(frame.global_scope, state)
    try:
        with muted():
            return replay.Replay(
                frame.code, state, output_graph.local_scope, frame.global_scope, output_graph, frame.closure
            )
    finally:
        for name in new_names:
            del frame.global_scope[name]


def _check_graph(output_graph: Any) -> None:
    if getattr(output_graph, "torch_function_subclass_inlined", False):
        raise UnprovableError("its graph takes a tensor subclass apart")
    if getattr(output_graph.shape_env, "specializations", None):
        raise UnprovableError("its graph has specializations of its own")
