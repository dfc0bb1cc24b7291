"""Serving: a stored guarded code runs in a live frame, once all that it relies on is proven.

Layer: compiler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from torch._dynamo import convert_frame
from torch._dynamo.guards import get_guard_fail_reason_helper
from torch._dynamo.types import GuardedCode
from torch._dynamo.utils import orig_code_map

from megacache.compiler import codes, replay
from megacache.compiler.backends import callable_of
from megacache.compiler.bytecode import installed_code
from megacache.compiler.content import UnprovableError
from megacache.compiler.frames import Frame
from megacache.compiler.guard_state import GuardState
from megacache.compiler.guarded_code import Body, Facts, place_of
from megacache.compiler.needs import described, first_unmet
from megacache.compiler.raw_events import ArtifactMissed, ArtifactServed, BytecodeMade, RawEvent, TraceEvent
from megacache.compiler.shelf import Shelf, Variant
from megacache.compiler.taps import muted
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain import sentence_of_change
from megacache.model import GUARDED_CODE

_OTHER_TENSOR = re.compile(r"^tensor '(?P<name>.+)' (?P<what>.+) mismatch(?: at index \d+)?\. (?P<values>.+)$")
_ONE_TENSOR = re.compile(r"^Duplicate tensors found: \[(?P<names>.+)\]$")

Misses = dict[tuple[str, str], None]
"""Cache key and reason of what was not served, each pair once."""


class Server:
    """Finds the stored guarded code that is right for a frame.

    Args:
        sink: Takes each event, in the thread in which it happened.
        shelf: What may be served.
        note_fault: Is called while an exception that should not be is handled.
    """

    def __init__(self, sink: Callable[[RawEvent], None], shelf: Shelf, note_fault: Callable[[], None]) -> None:
        self._sink = sink
        self._shelf = shelf
        self._note_fault = note_fault
        self._served: set[str] = set()

    def serve(self, frame: Frame, compile_id: Any) -> GuardedCode | None:
        """Return a guarded code whose every condition holds now, or None.

        Args:
            frame: The live frame.
            compile_id: Torch's `CompileId`.
        """
        if self._shelf.is_empty:
            return None
        misses: Misses = {}
        for variant in self._variants(frame):
            try:
                return self._proven(frame, variant, compile_id)
            except Exception as error:  # noqa: BLE001  one variant that fails must not stop the others
                misses[variant.key, self._reason(error)] = None
        self._tell_misses(frame, misses or self._edited(frame))
        return None

    def _variants(self, frame: Frame) -> list[Variant]:
        """Return what is stored of the frame's code; last what was served before: Dynamo asks as that did not fit."""
        return sorted(self._shelf.variants(frame.place.family), key=lambda variant: variant.key in self._served)

    def _proven(self, frame: Frame, variant: Variant, compile_id: Any) -> GuardedCode:
        """Return the guarded code of one variant; the globals are as they were if it cannot be proven."""
        frame.check(variant.facts)
        body = variant.body
        state = GuardState.load(body.guards)
        new_names = replay.name_in(frame.global_scope, state)
        try:
            return self._tried(frame, variant, body, state, compile_id)
        except BaseException:
            for name in new_names:
                frame.global_scope.pop(name, None)
            raise

    def _tried(self, frame: Frame, variant: Variant, body: Body, state: GuardState, compile_id: Any) -> GuardedCode:
        facts = variant.facts
        with muted():
            live = replay.Replay(frame.code, state, frame.local_scope, frame.global_scope, closure=frame.closure)
        if live.proofs != facts.proofs:
            raise UnprovableError(sentence_of_change(facts.proofs, live.proofs))
        if not live.holds(frame.local_scope):
            raise UnprovableError(_failed_guard(live, frame))
        unmet = first_unmet(facts.needs)
        if unmet is not None:
            raise UnprovableError(f"{described(unmet)} changed since it was compiled")
        code = installed_code(body, frame.global_scope, self._backend(frame, facts, body.forward))
        orig_code_map[code] = frame.code
        convert_frame.output_codes.add(code)
        self._served.add(variant.key)
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

    def _reason(self, error: Exception) -> str:
        """Say why a variant is not served; is called while the exception is handled."""
        if isinstance(error, UnprovableError):
            return str(error)
        if isinstance(error, (ArtifactNotFoundError, CorruptBundleError)):
            return f"it cannot be read: {error}"
        self._note_fault()
        return f"its proof failed with {type(error).__name__}: {error}"

    def _tell_misses(self, frame: Frame, misses: Misses) -> None:
        for key, reason in misses:
            self._sink(ArtifactMissed(compile_id=frame.compile_id, cache_key=key, reason=reason))

    def _edited(self, frame: Frame) -> Misses:
        """Return what is stored of other code under the frame's name."""
        place = frame.place
        families = self._shelf.families_at(place_of(place.module, place.qualname))
        keys = (variant.key for family in families for variant in self._shelf.variants(family))
        return dict.fromkeys((key, f"`{place.qualname}` changed since it was compiled") for key in keys)


def _failed_guard(live: replay.Replay, frame: Frame) -> str:
    """Say which check the live frame does not pass; torch asks one after the other."""
    try:
        told = get_guard_fail_reason_helper(live.guard_manager, frame.local_scope, None, None)
    except Exception as error:  # noqa: BLE001  a check may raise where the one before it failed
        return f"its guards do not hold, and to ask which raises {type(error).__name__}"
    return _sentence_of_failure(told.removeprefix("None: ").partition("\n")[0].partition("  # ")[0].strip())


def _sentence_of_failure(told: str) -> str:
    """Turn torch's words for a failed check into a sentence.

    Source: `TENSOR_MATCH` and `NO_TENSOR_ALIASING` in `torch/csrc/dynamo/guards.cpp`, 2.13.0 to 2.15.0.
    """
    tensor = _OTHER_TENSOR.match(told)
    if tensor is not None:
        return f"tensor `{tensor['name']}` has another {tensor['what']}: {tensor['values']}"
    same = _ONE_TENSOR.match(told)
    if same is not None:
        return f"{same['names'].replace(chr(34), '`')} are one tensor now"
    return f"guard `{told}` does not hold"
