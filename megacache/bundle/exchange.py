"""Exchange: torch's cache artifacts as the rows of a bundle, and the rows as torch's cache artifacts.

Layer: bundle.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256 as hash_of

from megacache.bundle.artifact_types import check_types
from megacache.bundle.torch_artifacts.rows import TorchRows
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.errors import NotABundleError, UsageError
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import ARTIFACT_TYPES, Artifact, SessionInfo
from megacache.recording import Recording

ORIGIN = "torch.compiler.save_cache_artifacts"
"""The name of the session that stands for one file of torch's."""


def imported(data: object, megacache_version: str) -> tuple[Recording, dict[str, bytes]]:
    """Turn torch's container into one session, whose id follows from the bytes.

    Args:
        data: What `torch.compiler.save_cache_artifacts()` returned first.
        megacache_version: The version that imports.

    Returns:
        The rows, and the contents by digest: a session, its artifacts, a use of each, since the session recorded it,
        and what the artifacts tell of functions, guards and graphs; no pickle is run for it. A damaged artifact is kept
        as it is. The container does not say on which system it was compiled: of artifacts that is `UNKNOWN_SYSTEM_ID`.

    Raises:
        NotABundleError: When the bytes are something else.
        CorruptBundleError: When they are damaged.
    """
    if not isinstance(data, bytes):
        message = (
            f"a {type(data).__name__} is not the bytes of torch.compiler.save_cache_artifacts(), which come with "
            "a CacheInfo, or None where there is nothing to save: give the bytes alone"
        )
        raise NotABundleError(message)
    found = read_artifacts(data)
    now_us = time.time_ns() // 1000
    origin = f"torch-{hash_of(data).hexdigest()[:24]}"
    digests = [hash_of(each.content).hexdigest() for each in found]
    told, contents = TorchRows(found, digests, origin, now_us).recording()
    session = SessionInfo(
        session_id=origin,
        name=ORIGIN,
        run_id=origin,
        system_id=told.systems[0].system_id if told.systems else UNKNOWN_SYSTEM_ID,
        status="ok",
        started_us=now_us,
        ended_us=now_us,
        megacache_version=megacache_version,
        config={},
    )
    # Torch stores them in this order, and of one key the last one stays: the moments keep the order.
    artifacts = (
        _artifact(each, digest, now_us + ordinal)
        for ordinal, (each, digest) in enumerate(zip(found, digests, strict=True))
    )
    recording = replace(told, sessions=(session,), artifacts=tuple(artifacts))
    return recording, contents | {digest: each.content for digest, each in zip(digests, found, strict=True)}


def exported(recording: Recording, types: Collection[str] | None, keys: Collection[str] | None) -> bytes:
    """Turn artifacts into torch's container.

    Args:
        recording: The rows, and the way to their contents.
        types: Artifact types; None means those that every supported torch knows, since torch refuses a container whole
            when it knows one of its types not.
        keys: Cache keys; None means all.

    Returns:
        Bytes that `torch.compiler.load_cache_artifacts` takes. A key with several contents keeps all, oldest first.

    Raises:
        UsageError: When a type is none, or no artifact of these types has one of the keys.
        CorruptBundleError: When a content is damaged.
        ArtifactNotFoundError: When a content is missing.
    """
    check_types(types or (), recording)
    wanted = ARTIFACT_TYPES if types is None else types
    chosen = [
        each
        for each in recording.artifacts
        if each.artifact_type in wanted and (keys is None or each.cache_key in keys)
    ]
    absent = sorted(set(keys or ()) - {each.cache_key for each in chosen})
    if absent:
        raise UsageError(
            f"no artifact to export has the key {', '.join(absent)}: give whole keys, of types that torch knows; "
            "`megacache ls --json` and `tables.artifacts` show them"
        )
    return write_artifacts(
        TorchArtifact(each.artifact_type, each.cache_key, recording.read(each.content_sha256)) for each in chosen
    )


def _artifact(each: TorchArtifact, digest: str, added_us: int) -> Artifact:
    return Artifact(
        artifact_type=each.artifact_type,
        cache_key=each.cache_key,
        content_sha256=digest,
        size_bytes=len(each.content),
        added_us=added_us,
        system_id=UNKNOWN_SYSTEM_ID,
    )
