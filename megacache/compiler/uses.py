"""Uses: which compile looked up or recorded which artifact, and what the cache said.

Layer: compiler, but needs no torch.

Source: the `aotautograd_cache_*` and `fx_graph_cache_*` documents of the structured trace, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from megacache.compiler.changes import Changes, CompileKey, UseKey
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

_Lookup = tuple[str, str, str | None, str, str | None]
"""Session, run, compile id, artifact type, cache key: within it, a lookup and a record of one content are one use."""

_ArtifactKey = tuple[str, str, str]


class Uses:
    """Fold lookups and recorded artifacts into rows."""

    def __init__(self, documents: Documents, lowerings: Lowerings, changes: Changes) -> None:
        self._documents = documents
        self._lowerings = lowerings
        self._changes = changes
        self._uses: dict[UseKey, ArtifactUse] = {}
        self._of_compile: dict[CompileKey, list[UseKey]] = defaultdict(list)
        self._latest: dict[_Lookup, UseKey] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._artifacts: dict[_ArtifactKey, Artifact] = {}
        self._awaited: dict[_ArtifactKey, list[ArtifactUse]] = defaultdict(list)

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
        for awaiting in self._awaited.pop(key, ()):
            self._mark(awaiting)
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

    def count(self, session_ids: Collection[str]) -> int:
        """Return how many uses some sessions have."""
        return sum(self._counts.get(each, 0) for each in session_ids)

    def rows(
        self, session_ids: Collection[str], compiles: Iterable[CompileKey], since: int | None
    ) -> tuple[list[Artifact], list[ArtifactUse]]:
        """Return the artifacts that some sessions used, and the uses.

        Args:
            session_ids: The sessions.
            compiles: Of which compiles, and
            since: since which revision outside of any; None means all of both.
        """
        wanted: Iterable[UseKey] = self._uses
        if since is not None:
            within = (each for key in compiles for each in self._of_compile.get(key, ()))
            wanted = sorted({*within, *self._changes.uses.since(since)})
        uses = [self._placed(self._uses[key]) for key in wanted if key[0] in session_ids]
        keys = dict.fromkeys(_artifact_key(use) for use in uses)
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
        key: _Lookup = (session_id, run_id, compile_id, artifact_type, cache_key)
        found = self._uses[self._latest[key]] if key in self._latest else None
        if found is not None and (sha256 is None or found.content_sha256 in (None, sha256)):
            return found
        ordinal = self._counts[session_id]
        self._counts[session_id] += 1
        self._latest[key] = (session_id, ordinal)
        self._changes.reach(session_id)
        if compile_id is not None:
            self._of_compile[run_id, compile_id].append((session_id, ordinal))
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
        self._mark(use)
        if use.content_sha256 is not None and _artifact_key(use) not in self._artifacts:
            self._awaited[_artifact_key(use)].append(use)  # once it is recorded, it is shown with this use too

    def _mark(self, use: ArtifactUse) -> None:
        if use.compile_id is None:
            self._changes.uses.mark((use.session_id, use.ordinal))
        else:
            self._changes.compiles.mark((use.run_id, use.compile_id))

    def _placed(self, use: ArtifactUse) -> ArtifactUse:
        """Name the backend entry, which within a compile is known only when its bytecode is made."""
        lowering = self._lowerings.find(use.run_id, use.compile_id) if use.compile_id else None
        return replace(use, backend_id=lowering.backend_id) if lowering else use


def _artifact_key(use: ArtifactUse) -> _ArtifactKey:
    return use.artifact_type, use.cache_key or "", use.content_sha256 or ""


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
