"""Made rows: one row at a time, with what a test says of it and something ordinary for the rest."""

from __future__ import annotations

from hashlib import sha256

from megacache.model import Artifact, ArtifactUse, Document, SessionInfo
from samples import START


def artifact_of(content: bytes, cache_key: str | None = None, **changes: object) -> Artifact:
    """Return the artifact of a content, whose key comes from it unless it is given."""
    digest = sha256(content).hexdigest()
    facts: dict[str, object] = {
        "artifact_type": "inductor",
        "cache_key": f"f{digest[:20]}" if cache_key is None else cache_key,
        "content_sha256": digest,
        "size_bytes": len(content),
        "added_us": START,
        "system_id": "unknown",
    }
    return Artifact(**(facts | changes))  # type: ignore[arg-type]


def use_of(artifact: Artifact, session_id: str, **changes: object) -> ArtifactUse:
    """Return a use of an artifact that was made then."""
    facts: dict[str, object] = {
        "session_id": session_id,
        "ordinal": 0,
        "run_id": session_id,
        "compile_id": None,
        "backend_id": None,
        "kind": None,
        "artifact_type": artifact.artifact_type,
        "cache_key": artifact.cache_key,
        "content_sha256": artifact.content_sha256,
        "state": "miss",
        "at_us": START,
    }
    return ArtifactUse(**(facts | changes))  # type: ignore[arg-type]


def session_of(session_id: str, **changes: object) -> SessionInfo:
    """Return a session that went well."""
    facts: dict[str, object] = {
        "session_id": session_id,
        "name": session_id,
        "run_id": session_id,
        "system_id": "unknown",
        "status": "ok",
        "started_us": START,
        "ended_us": START,
        "megacache_version": "0.1.0",
        "config": {},
    }
    return SessionInfo(**(facts | changes))  # type: ignore[arg-type]


def document_of(content: bytes, session_id: str, name: str, **changes: object) -> Document:
    """Return the document of a content, which is of no compile."""
    facts: dict[str, object] = {
        "session_id": session_id,
        "ordinal": 0,
        "run_id": session_id,
        "compile_id": None,
        "backend_id": None,
        "name": name,
        "title": None,
        "content_sha256": sha256(content).hexdigest(),
        "size_bytes": len(content),
    }
    return Document(**(facts | changes))  # type: ignore[arg-type]
