"""Narrow: the rows of some sessions out of all.

Layer: bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from megacache.model import Artifact, ArtifactUse, Code
from megacache.recording import Recording


def narrowed(recording: Recording, session_ids: Collection[str]) -> Recording:
    """Keep the rows of some sessions and what those rows refer to.

    Args:
        recording: The rows of all sessions.
        session_ids: The sessions; unknown ones are passed over.

    Returns:
        The same tables in the same order, with fewer rows. Of artifacts, those that the sessions used.
    """
    ids = set(session_ids)
    sessions = tuple(each for each in recording.sessions if each.session_id in ids)
    uses = tuple(each for each in recording.artifact_uses if each.session_id in ids)
    entries = tuple(each for each in recording.backend_entries if each.session_id in ids)
    # A lazy backward belongs to a later session than its compile, which is then kept with it.
    taken_up = {(each.run_id, each.compile_id) for each in entries} | {(each.run_id, each.compile_id) for each in uses}
    compiles = tuple(
        each for each in recording.compiles if each.session_id in ids or (each.run_id, each.compile_id) in taken_up
    )
    is_used = used_by(uses)
    artifacts = tuple(each for each in recording.artifacts if is_used(each))
    code_ids = with_parents(recording.codes, {each.code_id for each in compiles if each.code_id is not None})
    system_ids = {*(each.system_id for each in sessions), *(each.system_id for each in artifacts)}
    keys = {(each.run_id, each.compile_id) for each in compiles}
    return replace(
        recording,
        systems=tuple(each for each in recording.systems if each.system_id in system_ids),
        sessions=sessions,
        codes=tuple(each for each in recording.codes if each.code_id in code_ids),
        compiles=compiles,
        graph_breaks=tuple(each for each in recording.graph_breaks if (each.run_id, each.compile_id) in keys),
        recompile_reasons=tuple(each for each in recording.recompile_reasons if (each.run_id, each.compile_id) in keys),
        dimensions=tuple(each for each in recording.dimensions if (each.run_id, each.compile_id) in keys),
        backend_entries=entries,
        artifacts=artifacts,
        artifact_uses=uses,
        documents=tuple(each for each in recording.documents if each.session_id in ids),
    )


def used_by(uses: Iterable[ArtifactUse]) -> Callable[[Artifact], bool]:
    """Make the question whether an artifact is among those that were used.

    Args:
        uses: The uses.

    Returns:
        A function that says so of one artifact. A use that names no content means every content of its key.
    """
    touched = {(each.artifact_type, each.cache_key, each.content_sha256) for each in uses}

    def is_used(artifact: Artifact) -> bool:
        key = (artifact.artifact_type, artifact.cache_key)
        return (*key, artifact.content_sha256) in touched or (*key, None) in touched

    return is_used


def with_parents(codes: Iterable[Code], code_ids: Iterable[str]) -> set[str]:
    """Add to some code objects those that they resume.

    Args:
        codes: All code objects.
        code_ids: The ids of some.

    Returns:
        Their ids, and those of their parents, all the way up.
    """
    parents = {each.code_id: each.parent_code_id for each in codes}
    found: set[str] = set()
    for code_id in code_ids:
        current: str | None = code_id
        while current is not None and current not in found:
            found.add(current)
            current = parents.get(current)
    return found
