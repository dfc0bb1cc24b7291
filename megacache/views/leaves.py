"""The leaves of the tree: artifacts, where a compile touched them, where none did, and where nothing is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from megacache.model import Artifact, ArtifactUse, Verdict
from megacache.views.branch import Branch, join
from megacache.views.index import Index
from megacache.views.names import artifact_name, first_line, without_home
from megacache.views.tree import STATES, Node
from megacache.views.units import format_duration


def artifact_leaves(index: Index, uses: Iterable[ArtifactUse], parent_key: str) -> list[Branch]:
    """Return one leaf per artifact that was touched here, however often: a lookup and a record are two uses."""
    found: dict[tuple[str, str | None], list[ArtifactUse]] = {}
    for use in uses:
        found.setdefault((use.artifact_type, use.cache_key), []).append(use)
    return [_artifact(index, rows, parent_key) for rows in found.values()]


def _artifact(index: Index, uses: list[ArtifactUse], parent_key: str) -> Branch:
    last = uses[-1]
    digest = next((each.content_sha256 for each in reversed(uses) if each.content_sha256), None)
    looked_up = next((each for each in reversed(uses) if each.state), last)
    verdict = index.verdicts.get(last.session_id, {}).get((last.artifact_type, last.cache_key or ""))
    is_turned_away = verdict is not None and verdict.verdict in ("refused", "rejected")
    times = [each.time_taken_us for each in uses if each.time_taken_us is not None]
    stored = index.artifacts.get(digest or "")
    return _leaf(
        parent_key,
        last.artifact_type,
        last.cache_key,
        digest,
        stored.size_bytes if stored else None,
        state=verdict.verdict if verdict and is_turned_away else looked_up.state,
        detail=_use_detail(looked_up, verdict),
        duration_us=max(times, default=None),
        session_id=last.session_id,
        run_id=last.run_id,
        compile_id=last.compile_id,
        backend_id=last.backend_id,
    )


def _use_detail(use: ArtifactUse, verdict: Verdict | None) -> str:
    parts = [use.detail.replace("_", " ") if use.detail not in (None, use.state, "full_miss") else "", use.reason]
    if verdict and use.state != "hit":
        parts.append(verdict.reason)
    if use.state == "hit" and use.time_saved_us:
        parts.append(f"saved {format_duration(use.time_saved_us)}")
    return " · ".join(without_home(first_line(part)) for part in parts if part)


def _leaf(
    parent_key: str,
    artifact_type: str,
    cache_key: str | None,
    digest: str | None,
    size: int | None,
    *,
    state: str | None = None,
    **facts: Any,
) -> Branch:
    """Return one artifact. A state that this version does not know is shown as none."""
    key = f"{parent_key}/artifact:{artifact_type}:{cache_key}:{(digest or '')[:16]}"
    node = Node(
        kind="artifact",
        key=key,
        name=artifact_name(artifact_type, cache_key),
        size_bytes=size,
        artifact_type=artifact_type,
        cache_key=cache_key,
        content_sha256=digest,
        state=state if state in STATES else "",
        **facts,
    )
    return Branch(node, {digest: size} if digest is not None and size is not None else {})


def offered_branches(index: Index, session_id: str, parent_key: str) -> Iterable[Branch]:
    """Grow the artifacts that a session offered to torch and that no compile of it touched."""
    verdicts = index.verdicts.get(session_id, {})
    if not verdicts:
        return
    touched = {
        (use.artifact_type, use.cache_key) for use in index.recording.artifact_uses if use.session_id == session_id
    }
    key = f"{parent_key}/offered"
    branches = [
        _leaf(
            key,
            row.artifact_type,
            row.cache_key,
            row.content_sha256,
            row.size_bytes,
            state=row.verdict,
            detail=without_home(first_line(row.reason)),
            session_id=session_id,
        )
        for at, row in verdicts.items()
        if at not in touched
    ]
    if branches:
        yield join("offered", key, "offered, touched by no compile", branches, session_id=session_id)


def untied_leaves(index: Index) -> list[Branch]:
    """Return the artifacts of which no session knows anything, such as those from torch's own container."""
    contents = {(use.artifact_type, use.cache_key, use.content_sha256) for use in index.recording.artifact_uses}
    keys = {(artifact_type, cache_key) for artifact_type, cache_key, digest in contents if digest is None}
    for verdicts in index.verdicts.values():
        keys |= verdicts.keys()

    def is_tied(row: Artifact) -> bool:
        here = (row.artifact_type, row.cache_key)
        return here in keys or (*here, row.content_sha256) in contents

    return [
        _leaf("untied", row.artifact_type, row.cache_key, row.content_sha256, row.size_bytes)
        for row in index.recording.artifacts
        if not is_tied(row)
    ]
