"""Uses: which compile looked up or recorded which artifact, and what the cache said.

Layer: compiler, but needs no torch.

Source: the `aotautograd_cache_*` and `fx_graph_cache_*` documents of the structured trace, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from megacache.compiler.lowerings import Documents, Lowerings
from megacache.compiler.raw_events import (
    ArtifactBypassed,
    ArtifactMissed,
    ArtifactRecorded,
    ArtifactServed,
    GuardedCodeBypassed,
    TraceEvent,
)
from megacache.model import GUARDED_CODE, KERNEL, WHOLE_TYPES, Artifact, ArtifactUse

_LOOKUP = re.compile(r"^(?P<cache>aotautograd|fx_graph)_cache_(?P<state>hit|miss|bypass)$")
_ARTIFACT_TYPE = {"aotautograd": "aot_autograd", "fx_graph": "inductor"}

_LOWERED_TYPES = frozenset({*_ARTIFACT_TYPE.values(), *WHOLE_TYPES, KERNEL})

UseKey = tuple[str, str, str | None, str, str | None]
"""Session, run, compile id, artifact type, cache key: within it, a lookup and a record of one content are one use."""


class Uses:
    """Fold lookups and recorded artifacts into rows."""

    def __init__(self, documents: Documents, lowerings: Lowerings) -> None:
        self._documents = documents
        self._lowerings = lowerings
        self._uses: dict[tuple[str, int], ArtifactUse] = {}
        self._latest: dict[UseKey, tuple[str, int]] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._artifacts: dict[tuple[str, str, str], Artifact] = {}

    @staticmethod
    def is_lookup(name: str) -> bool:
        """Say whether a document of the structured trace is about a cache lookup."""
        return _LOOKUP.match(name) is not None

    def feed_lookup(self, name: str, event: TraceEvent, session_id: str, run_id: str) -> None:
        """Take what torch's cache said of one lookup."""
        found = _LOOKUP.match(name)
        if found is None:
            raise ValueError(f"{name} is no cache lookup")
        facts = json.loads(event.payload or "{}")
        artifact_type = _ARTIFACT_TYPE[found["cache"]]
        if artifact_type == "aot_autograd":
            self._lowerings.meet_aot_key(run_id, event.compile_id, facts.get("key"), event.at_us)
        use = self._use_of(session_id, run_id, event.compile_id, artifact_type, facts.get("key"), event.at_us)
        lowering = self._lowerings.find(run_id, event.compile_id)
        components = facts.get("components")
        self._put(
            replace(
                use,
                kind=lowering.current_kind if lowering and artifact_type == "inductor" else None,
                state=found["state"],
                detail=facts.get("cache_status_detailed"),
                reason=_reason(facts),
                time_taken_us=_microseconds(facts, "time_taken"),
                time_saved_us=_microseconds(facts, "time_saved"),
                components_sha256=self._documents.keep("\n".join(components).encode()) if components else None,
            )
        )

    def feed_record(self, event: ArtifactRecorded, session_id: str, run_id: str, system_id: str) -> None:
        """Take one artifact that torch recorded."""
        sha256 = self._documents.keep(event.content)
        if event.artifact_type == "aot_autograd":
            self._lowerings.meet_aot_key(run_id, event.compile_id, event.cache_key, event.at_us)
        key = (event.artifact_type, event.cache_key, sha256)
        self._artifacts.setdefault(
            key,
            Artifact(
                artifact_type=event.artifact_type,
                cache_key=event.cache_key,
                content_sha256=sha256,
                size_bytes=len(event.content),
                added_us=event.at_us,
                system_id=system_id,
            ),
        )
        use = self._use_of(
            session_id, run_id, event.compile_id, event.artifact_type, event.cache_key, event.at_us, sha256
        )
        components = use.components_sha256
        if event.components is not None:
            components = self._documents.keep(event.components)
        self._put(replace(use, content_sha256=sha256, components_sha256=components))

    def feed_served(self, event: ArtifactServed, session_id: str, run_id: str) -> None:
        """Take one artifact that was used without a lookup of torch's: that is a hit."""
        use = self._use_of(
            session_id,
            run_id,
            event.compile_id,
            event.artifact_type,
            event.cache_key,
            event.at_us,
            event.content_sha256,
        )
        self._put(replace(use, content_sha256=event.content_sha256, state="hit"))

    def feed_refusal(
        self, event: ArtifactMissed | GuardedCodeBypassed | ArtifactBypassed, session_id: str, run_id: str
    ) -> None:
        """Take one guarded code that was not served, or anything of ours that was not kept."""
        key = None if isinstance(event, GuardedCodeBypassed) else event.cache_key
        artifact_type = event.artifact_type if isinstance(event, ArtifactBypassed) else GUARDED_CODE
        use = self._use_of(session_id, run_id, event.compile_id, artifact_type, key, event.at_us)
        state = "miss" if isinstance(event, ArtifactMissed) else "bypass"
        self._put(replace(use, state=state, reason=event.reason))

    def rows(self, session_ids: Collection[str]) -> tuple[list[Artifact], list[ArtifactUse]]:
        """Return the artifacts that some sessions used, and the uses."""
        uses = [self._placed(use) for use in self._uses.values() if use.session_id in session_ids]
        keys = dict.fromkeys((use.artifact_type, use.cache_key or "", use.content_sha256 or "") for use in uses)
        return [self._artifacts[key] for key in keys if key in self._artifacts], uses

    def _use_of(
        self,
        session_id: str,
        run_id: str,
        compile_id: str | None,
        artifact_type: str,
        cache_key: str | None,
        at_us: int,
        sha256: str | None = None,
    ) -> ArtifactUse:
        key: UseKey = (session_id, run_id, compile_id, artifact_type, cache_key)
        found = self._uses[self._latest[key]] if key in self._latest else None
        if found is not None and (sha256 is None or found.content_sha256 in (None, sha256)):
            return found
        ordinal = self._counts[session_id]
        self._counts[session_id] += 1
        self._latest[key] = (session_id, ordinal)
        is_outside = compile_id is None and artifact_type in _LOWERED_TYPES
        lowering = self._lowerings.find(run_id, None) if is_outside else None
        return ArtifactUse(
            session_id=session_id,
            ordinal=ordinal,
            run_id=run_id,
            compile_id=compile_id,
            backend_id=lowering.backend_id if lowering else None,
            kind=None,
            artifact_type=artifact_type,
            cache_key=cache_key,
            content_sha256=None,
            state=None,
            at_us=at_us,
        )

    def _put(self, use: ArtifactUse) -> None:
        self._uses[use.session_id, use.ordinal] = use

    def _placed(self, use: ArtifactUse) -> ArtifactUse:
        """Name the backend entry, which within a compile is known only when its bytecode is made."""
        lowering = self._lowerings.find(use.run_id, use.compile_id) if use.compile_id else None
        return replace(use, backend_id=lowering.backend_id) if lowering else use


def _reason(facts: dict[str, Any]) -> str | None:
    """Return why a lookup failed: the reason of a bypass, or the guard that did not hold."""
    reason = facts.get("cache_bypass_reason") or facts.get("cache_bypass_exception_type")
    if reason is None and facts.get("cache_status_detailed") == "guard_miss":
        reason = f"its guard does not hold here: {facts.get('cache_status_guard_expr')}"
    return None if reason is None else str(reason)


def _microseconds(facts: dict[str, Any], name: str) -> int | None:
    """Return a time that torch gives in nanoseconds for one cache and in milliseconds for the other."""
    if facts.get(f"{name}_ns") is not None:
        return int(facts[f"{name}_ns"]) // 1000
    if facts.get(f"{name}_ms") is not None:
        return int(float(facts[f"{name}_ms"]) * 1000)
    return None
