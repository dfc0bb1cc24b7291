"""Narrow: the rows of some sessions, or of one function, out of all.

Layer: bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from megacache.errors import ArtifactNotFoundError
from megacache.model import Artifact, ArtifactUse, Code
from megacache.recording import Recording

_PRECOMPILE = "precompile"


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


@dataclass(frozen=True, slots=True)
class Choice:
    """One function among rows.

    Attributes:
        name: `module.qualname`, or the qualname alone, which may mean several.
        digest: The digest of its code's content; None means whatever it is.
        cache_keys: Keys under which torch keeps precompile entries of it, beside those that follow from the rows.
    """

    name: str
    digest: str | None = None
    cache_keys: tuple[str, ...] = ()

    def means(self, code: Code) -> bool:
        """Say whether it is this code object, not counting those that resume it."""
        names = {name for each in (code.qualname, code.title) for name in (each, f"{code.module}.{each}")}
        return code.parent_code_id is None and self.name in names and self.digest in (None, code.digest)


def narrowed_to(recording: Recording, choice: Choice) -> Recording:
    """Keep the rows of one function: its code objects with their resume functions, and all that belongs to these.

    Args:
        recording: The rows of any number of functions.
        choice: The function.

    Returns:
        The same tables in the same order, with fewer rows: compiles of that code, what belongs to them, the artifacts
        that they used, and torch's precompile entry of the function. Code that was compiled on its own and not inlined
        is another function. Documents of whole sessions are left out.

    Raises:
        ArtifactNotFoundError: When there is nothing of that function; names what is there.
    """
    chosen = [each for each in recording.codes if choice.means(each)]
    code_ids = _with_resumes(recording.codes, {each.code_id for each in chosen})
    compiles = tuple(each for each in recording.compiles if each.code_id in code_ids)
    keys = {(each.run_id, each.compile_id) for each in compiles}
    entry_keys = {*choice.cache_keys, *(precompile_key(each.qualname, each.first_line) for each in chosen)}
    uses = tuple(
        each
        for each in recording.artifact_uses
        if (each.run_id, each.compile_id) in keys
        or (each.artifact_type == _PRECOMPILE and each.cache_key in entry_keys)
    )
    is_used = used_by(uses)
    artifacts = tuple(
        each
        for each in recording.artifacts
        if is_used(each) or (each.artifact_type == _PRECOMPILE and each.cache_key in entry_keys)
    )
    if not chosen and not artifacts:
        known = sorted({f"{each.module}.{each.title}" for each in recording.codes if each.parent_code_id is None})
        there = f"it has {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}" if known else "it has no function"
        raise ArtifactNotFoundError(f"nothing of {choice.name} is recorded: {there}; name one of these")
    ids = {*(each.session_id for each in compiles), *(each.session_id for each in uses)}
    kept = narrowed(recording, ids)
    return replace(
        kept,
        codes=tuple(each for each in recording.codes if each.code_id in code_ids),
        compiles=compiles,
        graph_breaks=tuple(each for each in kept.graph_breaks if (each.run_id, each.compile_id) in keys),
        recompile_reasons=tuple(each for each in kept.recompile_reasons if (each.run_id, each.compile_id) in keys),
        dimensions=tuple(each for each in kept.dimensions if (each.run_id, each.compile_id) in keys),
        backend_entries=tuple(each for each in kept.backend_entries if (each.run_id, each.compile_id) in keys),
        systems=tuple(
            each
            for each in recording.systems
            if each.system_id in {*(one.system_id for one in artifacts), *(one.system_id for one in kept.sessions)}
        ),
        artifacts=artifacts,
        artifact_uses=uses,
        documents=tuple(each for each in kept.documents if (each.run_id, each.compile_id) in keys),
    )


def precompile_key(qualname: str, first_line: int) -> str:
    """Return the key under which torch keeps the precompile entry of a function.

    Args:
        qualname: The function's qualified name.
        first_line: The first line of its code.

    Source: `CompilePackage.source_id_from_fn`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
    """
    return sha256(f"{qualname}{first_line}".encode("utf-8", "surrogatepass")).hexdigest()


def _with_resumes(codes: Iterable[Code], code_ids: Iterable[str]) -> set[str]:
    """Add to some code objects those that resume them, all the way down."""
    resumes: dict[str, list[str]] = {}
    for each in codes:
        if each.parent_code_id is not None:
            resumes.setdefault(each.parent_code_id, []).append(each.code_id)
    found: set[str] = set()
    waiting = list(code_ids)
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += resumes.get(current, ())
    return found


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
