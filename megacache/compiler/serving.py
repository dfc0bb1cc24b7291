"""Serving: a stored guarded code runs in a live frame, once all that it relies on is proven.

Layer: compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch._dynamo import convert_frame
from torch._dynamo.types import GuardedCode
from torch._dynamo.utils import orig_code_map

from megacache.compiler import codes, replay
from megacache.compiler.backends import callable_of
from megacache.compiler.bytecode import installed_code
from megacache.compiler.content import UnprovableError
from megacache.compiler.frames import Frame
from megacache.compiler.guarded_code import Facts, place_of
from megacache.compiler.needs import Need, first_unmet
from megacache.compiler.raw_events import ArtifactMissed, ArtifactServed, BytecodeMade, RawEvent, TraceEvent
from megacache.compiler.shelf import Shelf, Variant
from megacache.compiler.taps import muted
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain import sentence_of_change
from megacache.model import GUARDED_CODE

_INSTALLED = ("__compiled_fn", "__resume_at")


class Server:
    """Finds the stored guarded code that is right for a frame.

    Args:
        sink: Takes each event, in the thread in which it happened.
        shelf: What may be served.
    """

    def __init__(self, sink: Callable[[RawEvent], None], shelf: Shelf) -> None:
        self._sink = sink
        self._shelf = shelf

    def serve(self, frame: Frame, compile_id: Any) -> GuardedCode | None:
        """Return a guarded code whose every condition holds now, or None.

        Args:
            frame: The live frame.
            compile_id: Torch's `CompileId`.
        """
        if self._shelf.is_empty:
            return None
        reasons: list[tuple[Variant, str]] = []
        for variant in self._shelf.variants(frame.place.family):
            try:
                return self._proven(frame, variant, compile_id)
            except UnprovableError as error:
                reasons.append((variant, str(error)))
            except (ArtifactNotFoundError, CorruptBundleError) as error:
                reasons.append((variant, f"it cannot be read: {error}"))
        self._tell_misses(frame, reasons or list(self._edited(frame)))
        return None

    def _proven(self, frame: Frame, variant: Variant, compile_id: Any) -> GuardedCode:
        """Return the guarded code of one variant; the globals are as they were if it cannot be proven."""
        known = set(frame.global_scope)
        try:
            return self._tried(frame, variant, compile_id)
        except BaseException:
            for name in set(frame.global_scope) - known:
                if not name.startswith(_INSTALLED):  # torch removes those when their code goes
                    del frame.global_scope[name]
            raise

    def _tried(self, frame: Frame, variant: Variant, compile_id: Any) -> GuardedCode:
        facts, body = variant.facts, variant.body
        frame.check(facts)
        live = _replayed(frame, body.guards)
        if live.proofs != facts.proofs:
            raise UnprovableError(sentence_of_change(facts.proofs, live.proofs))
        if not live.holds(frame.local_scope):
            raise UnprovableError("its sizes are others than those it was compiled for")
        unmet = first_unmet(facts.needs)
        if unmet is not None:
            raise UnprovableError(f"{_described(unmet)} changed since it was compiled")
        code = installed_code(body, frame.global_scope, self._backend(frame, facts, body.forward))
        orig_code_map[code] = frame.code
        convert_frame.output_codes.add(code)
        self._tell_served(frame, variant, code.co_names, str(live.guard_manager))
        return GuardedCode(code, live.adopt(), compile_id, f"Torch-Compiled Region: {compile_id}")

    def _backend(self, frame: Frame, facts: Facts, forward: bytes | None) -> Callable[..., Any] | None:
        """Make the compiled graph of the artifacts that hold it; each of them is a hit."""
        used: list[tuple[str, str, str]] = []

        def graphs(key: str) -> Iterator[bytes]:
            for sha256, content in self._shelf.contents("inductor", key):
                used.append(("inductor", key, sha256))
                yield content

        if facts.aot_key is not None and facts.aot_sha256 is not None:
            used.append(("aot_autograd", facts.aot_key, facts.aot_sha256))
            forward = dict(self._shelf.contents("aot_autograd", facts.aot_key)).get(facts.aot_sha256)
            if forward is None:
                raise UnprovableError("its AOT artifact is not stored")
        if forward is None:
            return None
        backend = callable_of(forward, graphs, frame.circumstances.options)
        for artifact_type, key, sha256 in used:
            self._sink(
                ArtifactServed(
                    compile_id=frame.compile_id, artifact_type=artifact_type, cache_key=key, content_sha256=sha256
                )
            )
        return backend

    def _tell_served(self, frame: Frame, variant: Variant, names: tuple[str, ...], guards: str) -> None:
        compile_id = frame.compile_id
        resumes = codes.resume_codes(names, frame.global_scope)
        self._sink(
            ArtifactServed(
                compile_id=compile_id,
                artifact_type=GUARDED_CODE,
                cache_key=variant.key,
                content_sha256=variant.sha256,
            )
        )
        self._sink(BytecodeMade(compile_id=compile_id, code=frame.code, names=names, resumes=resumes))
        self._sink(TraceEvent(compile_id=compile_id, metadata={"dynamo_cpp_guards_str": {}}, payload=guards))

    def _tell_misses(self, frame: Frame, reasons: list[tuple[Variant, str]]) -> None:
        for variant, reason in reasons:
            self._sink(ArtifactMissed(compile_id=frame.compile_id, cache_key=variant.key, reason=reason))

    def _edited(self, frame: Frame) -> Iterator[tuple[Variant, str]]:
        """Yield what is stored of other code under the frame's name."""
        place = frame.place
        for family in self._shelf.families_at(place_of(place.module, place.qualname)):
            for variant in self._shelf.variants(family):
                yield variant, f"`{place.qualname}` changed since it was compiled"


def _replayed(frame: Frame, guards: bytes) -> replay.Replay:
    state = replay.GuardState.load(guards)
    replay.name_in(frame.global_scope, state)
    with muted():
        return replay.Replay(frame.code, state, frame.local_scope, frame.global_scope)


def _described(need: Need) -> str:
    kind, name, _ = need
    if kind == "op":
        return f"operator `{name}`"
    if kind == "built-in":
        return f"what `{name.partition(':')[2]}` means"
    return f"`{name.partition(':')[2]}`, which it {kind},"
