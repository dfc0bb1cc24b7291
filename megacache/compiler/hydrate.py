"""Hydrate: give a recording's artifacts back to torch's caches, with a verdict for each.

Layer: compiler. What is not known to be right here is refused, with its reason; nothing is refused in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from megacache.compiler.settle import settle
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain import UNKNOWN_SYSTEM_ID, mismatches
from megacache.model import ARTIFACT_TYPES, GUARDED_CODE, OUR_TYPES, WHOLE_TYPES, Artifact, SystemInfo, Verdict
from megacache.recording import Recording

__all__ = ["NEWEST_ONLY", "hydrate", "settle"]

NEWEST_ONLY = ("autotune", "pgo")
"""Types of which torch keeps one content per key; of the others it keeps every guarded variant."""

# Keys become paths below torch's cache directory, so a key must not lead out of it. PGO's are made safe by torch.
_SAFE_KEY = re.compile(r"[\w-]+([./][\w-]+)*", re.ASCII)

_PRECOMPILE = "torch does not check its own precompile entry against the live code, so it is not served"
_NOT_SERVED = "nobody asked to be served guarded codes"
_BY_NAME = "nobody asked for it: CompiledArtifact.load() or load_compiled_function() load it by its name"
SUPERSEDED = "an older content of this key: torch keeps one, and the newest is loaded"
"""Why what was loaded is not the content of a key that is asked about."""

_UNKNOWN_SYSTEM = (
    "torch's own container does not say on which CPU it was compiled, and a wrong one gives wrong results: "
    "load with trust_unknown=True if it was this one"
)


def hydrate(
    recording: Recording,
    live: SystemInfo,
    *,
    trust_unknown: bool = False,
    offer: Callable[[Sequence[Artifact]], None] | None = None,
    serves_guarded_codes: bool = True,
) -> tuple[Verdict, ...]:
    """Give every artifact that is right on this system to torch's caches.

    Args:
        recording: The rows, with their contents at hand.
        live: The system of this process.
        trust_unknown: Load artifacts of which no system is recorded; torch then checks its own keys, which know
            nothing of the CPU's ISA.
        offer: Takes everything that is right here, for what waits to be served when a compile asks: guarded codes with
            the artifacts that they need, and kernels. Without it those two are refused.
        serves_guarded_codes: Whether guarded codes may be served.

    Returns:
        One verdict per artifact, in the recording's order: `loaded`, or `refused` with its reason. All contents of a
        key are loaded where torch keeps several, else the newest; then the older ones are `unused` from the start.

    Raises:
        BundleError: When the bundle can no longer be read at all; see `errors`.
    """
    check = _Check(recording, live, trust_unknown)
    ours = tuple(each for each in recording.artifacts if each.artifact_type in OUR_TYPES)
    decided: dict[Artifact, Verdict] = {}
    decided.update(_waiting(ours, check, is_offered=offer is not None, serves_guarded_codes=serves_guarded_codes))
    fit: list[Artifact] = []
    taken: set[tuple[str, str]] = set()
    # The newest first; of those that came in one save, the last.
    for artifact in sorted(recording.artifacts, key=lambda each: each.added_us)[::-1]:
        key = (artifact.artifact_type, artifact.cache_key)
        if artifact in decided:
            continue
        if key in taken:
            decided[artifact] = verdict_on(artifact, "unused", SUPERSEDED)
        elif refusal := check.refusal(artifact):
            decided[artifact] = verdict_on(artifact, "refused", refusal)
        elif artifact.artifact_type not in NEWEST_ONLY:
            fit.append(artifact)
        else:
            content = check.content(artifact)
            decided[artifact] = check.given(artifact, content)
            if isinstance(content, bytes):
                taken.add(key)
    decided |= _all_given(fit[::-1], recording, check)
    if offer is not None:
        offer([each for each in recording.artifacts if decided[each].verdict == "loaded"])
    return tuple(decided[artifact] for artifact in recording.artifacts)


def _waiting(
    ours: Iterable[Artifact], check: _Check, *, is_offered: bool, serves_guarded_codes: bool
) -> dict[Artifact, Verdict]:
    """Decide on what torch does not know: it is not read before a compile asks for it."""
    found = {}
    for artifact in ours:
        is_wanted = is_offered and (serves_guarded_codes or artifact.artifact_type != GUARDED_CODE)
        refusal = check.our_refusal(artifact) if is_wanted else _NOT_SERVED
        note = _BY_NAME if artifact.artifact_type in WHOLE_TYPES else None
        found[artifact] = verdict_on(artifact, "refused" if refusal else "loaded", refusal or note)
    return found


class _Check:
    """Decides whether one artifact is fit to be given to torch, and gives it."""

    def __init__(self, recording: Recording, live: SystemInfo, trust_unknown: bool) -> None:
        self._read = recording.read
        self._systems = {each.system_id: "; ".join(mismatches(each, live)) for each in recording.systems}
        self._pythons = {each.system_id: each.python_version for each in recording.systems}
        self._live_python = live.python_version
        self._trusts_unknown = trust_unknown
        self._known_types = _registered_types()
        self._notes = _switched_off()

    def refusal(self, artifact: Artifact) -> str | None:
        """Say why torch must not be given an artifact, as far as its row says, or None."""
        return self._type_refusal(artifact) or self._system_refusal(artifact.system_id) or key_refusal(artifact)

    def content(self, artifact: Artifact) -> bytes | str:
        """Read a content, or return what is wrong with it."""
        try:
            return self._read(artifact.content_sha256)
        except CorruptBundleError as error:
            return f"its content is damaged: {error}"
        except ArtifactNotFoundError as error:
            return f"its content is missing: {error}"

    def given(self, artifact: Artifact, content: bytes | str) -> Verdict:
        """Give an artifact to torch, if its content could be read, and say what became of it."""
        refusal = content if isinstance(content, str) else _give(artifact, content)
        note = _pgo_note(artifact) or self._notes.get(artifact.artifact_type)
        return verdict_on(artifact, "refused" if refusal else "loaded", refusal or note)

    def _type_refusal(self, artifact: Artifact) -> str | None:
        if artifact.artifact_type == "precompile":
            return _PRECOMPILE
        if artifact.artifact_type not in self._known_types:
            return f"this torch does not know the artifact type `{artifact.artifact_type}`"
        return None

    def our_refusal(self, artifact: Artifact) -> str | None:
        """Say why a guarded code or a kernel may not be used here, or None."""
        refusal = self._system_refusal(artifact.system_id)
        if refusal or artifact.artifact_type != GUARDED_CODE:
            return refusal
        # What was inlined from the standard library is known by its release, and each patch is one.
        then, now = self._pythons.get(artifact.system_id), self._live_python
        return None if then == now else f"Python is {now}, the bundle was compiled by {then}"

    def _system_refusal(self, system_id: str) -> str | None:
        # An id without a row is as unknown as the id that says so.
        is_unknown = system_id == UNKNOWN_SYSTEM_ID or system_id not in self._systems
        if is_unknown:
            return None if self._trusts_unknown else _UNKNOWN_SYSTEM
        return self._systems[system_id] or None


def _all_given(artifacts: Sequence[Artifact], recording: Recording, check: _Check) -> dict[Artifact, Verdict]:
    """Give artifacts to torch as their contents come, so that no more than one of these is in memory."""
    waiting: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        waiting.setdefault(artifact.content_sha256, []).append(artifact)
    decided = {}
    for digest, content in recording.contents(list(waiting)):
        decided.update({artifact: check.given(artifact, content) for artifact in waiting.pop(digest)})
    left = [artifact for each in waiting.values() for artifact in each]
    return decided | {artifact: check.given(artifact, check.content(artifact)) for artifact in left}


def _give(artifact: Artifact, content: bytes) -> str | None:
    """Give one artifact to torch's cache of its type, and return why torch did not take it, or None.

    `torch.compiler.load_cache_artifacts` takes one container of all artifacts, of which it makes two copies before it
    does this with each of them.

    Source: `CacheArtifactManager.deserialize` and `populate_caches`, `torch/compiler/_cache.py`, 2.13.0 to 2.15.0.
    """
    from torch.compiler._cache import CacheArtifactFactory

    try:
        CacheArtifactFactory.create(artifact.artifact_type, artifact.cache_key, content).populate_cache()
    except Exception as error:  # noqa: BLE001  # Torch unpickles some contents here, which may raise anything.
        return f"torch could not take it: {type(error).__name__}: {error}"
    return None


def verdict_on(artifact: Artifact, verdict: str, reason: str | None) -> Verdict:
    """Return a verdict on an artifact.

    Args:
        artifact: What was offered.
        verdict: As `Verdict` has it.
        reason: One sentence why, or None.
    """
    return Verdict(
        artifact_type=artifact.artifact_type,
        cache_key=artifact.cache_key,
        content_sha256=artifact.content_sha256,
        size_bytes=artifact.size_bytes,
        verdict=verdict,
        reason=reason,
    )


def _registered_types() -> frozenset[str]:
    from torch.compiler._cache import CacheArtifactFactory, CacheArtifactManager

    CacheArtifactManager._ensure_cache_artifacts_registered()
    return frozenset(CacheArtifactFactory._artifact_types)


def key_refusal(artifact: Artifact) -> str | None:
    """Return why torch must not be given an artifact of this key, or None."""
    if artifact.artifact_type == "pgo":
        import torch._dynamo.config as dynamo

        # Without it torch has no place for the content, and raises.
        is_on = dynamo.automatic_dynamic_local_pgo
        return None if is_on else "torch._dynamo.config.automatic_dynamic_local_pgo is off"
    return None if _SAFE_KEY.fullmatch(artifact.cache_key) else "its key leads out of torch's cache directory"


def _pgo_note(artifact: Artifact) -> str | None:
    if artifact.artifact_type != "pgo":
        return None
    import torch

    job = artifact.cache_key.split(":")[0]
    is_read = torch.compiler.config.job_id == job
    return None if is_read else f"torch reads it only when torch.compiler.config.job_id is {job!r}"


def _switched_off() -> dict[str, str]:
    """Return, by artifact type, which option keeps torch from looking into the cache at all."""
    import torch
    from torch._functorch import config as functorch
    from torch._inductor import config as inductor

    if torch.compiler.config.force_disable_caches:
        return dict.fromkeys(ARTIFACT_TYPES, "torch.compiler.config.force_disable_caches is on, so torch will not look")
    switches = (
        ("inductor", "torch._inductor.config.fx_graph_cache", inductor.fx_graph_cache),
        ("aot_autograd", "torch._functorch.config.enable_autograd_cache", functorch.enable_autograd_cache),
        ("autotune", "torch._inductor.config.autotune_local_cache", inductor.autotune_local_cache),
    )
    return {kind: f"{option} is off, so torch will not look" for kind, option, is_on in switches if not is_on}
