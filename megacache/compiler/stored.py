"""Stored: which whole compiled thing of a recording a name means, and whether it is right here.

Layer: compiler. A whole thing is loaded by name and run, so what its rows say is checked before its content is read:
the CPU and its ISA, the machine, Python, torch and its build, GPU, and every option that changes code.
"""

from __future__ import annotations

from collections.abc import Sequence

from megacache.compiler.precompile_entries import StoredEntry, row_refusals
from megacache.compiler.system import live_system
from megacache.errors import ArtifactNotFoundError, IncompatibleError
from megacache.explain import mismatches
from megacache.model import KERNEL, Artifact
from megacache.recording import Recording


def right_one(
    recording: Recording, types: Sequence[str], name: str | None, *, where: str, trust_unknown: bool = False
) -> Artifact:
    """Return the newest artifact of a name that is right here.

    Args:
        recording: The rows of a bundle.
        types: The artifact types that are looked for.
        name: The whole key, the last part of one, or the first characters of a content's digest; None where there is
            only one key.
        where: The bundle, named in messages.
        trust_unknown: Take also one of which no system is recorded.

    Raises:
        ArtifactNotFoundError: When nothing has this name, or several keys do.
        IncompatibleError: When none of what has this name is right here; its reasons are those of the newest.
    """
    known = [each for each in recording.artifacts if each.artifact_type in types]
    found = _named(known, name, where)
    newest = sorted(found, key=lambda each: each.added_us)[::-1]  # of those that came in one save, the last
    refusals = [
        row_refusals(_entry(recording, each), recording, live_system(), trust_unknown=trust_unknown) for each in newest
    ]
    for artifact, reasons in zip(newest, refusals, strict=True):
        if not reasons:
            return artifact
    key = newest[0].cache_key
    raise IncompatibleError(
        f"{key!r} of {where} is not loaded: {'; '.join(refusals[0])}; compile it here and save it beside the other",
        mismatches=refusals[0],
    )


def right_kernels(recording: Recording) -> list[Artifact]:
    """Return the compiled CPU kernels that may be loaded here."""
    live = live_system()
    right = {each.system_id for each in recording.systems if not mismatches(each, live)}
    return [each for each in recording.artifacts if each.artifact_type == KERNEL and each.system_id in right]


def _named(known: Sequence[Artifact], name: str | None, where: str) -> list[Artifact]:
    keys = sorted({each.cache_key for each in known})
    if not keys:
        raise ArtifactNotFoundError(f"{where} holds nothing of this kind: save one there first")
    if name is None:
        if len(keys) > 1:
            raise ArtifactNotFoundError(f"{where} holds several: {', '.join(keys)}; name one")
        return list(known)
    found = [each for each in known if each.cache_key == name]
    found = found or [each for each in known if each.cache_key.endswith(f".{name}")]
    found = found or [each for each in known if len(name) >= 8 and each.content_sha256.startswith(name)]
    meant = sorted({each.cache_key for each in found})
    if len(meant) != 1:
        said = f"{name!r} means several: {', '.join(meant)}" if meant else f"nothing is called {name!r}"
        raise ArtifactNotFoundError(f"{said} in {where}, which holds {', '.join(keys)}; name one", cache_key=name)
    return found


def _entry(recording: Recording, artifact: Artifact) -> StoredEntry:
    """Join an artifact with the session that recorded it, whose options it was compiled with."""
    key = (artifact.artifact_type, artifact.cache_key, artifact.content_sha256)
    sessions = {each.session_id: each for each in recording.sessions}
    uses = [
        each
        for each in recording.artifact_uses
        if (each.artifact_type, each.cache_key, each.content_sha256) == key and each.state != "hit"
    ]
    session = sessions.get(uses[0].session_id) if uses else None
    return StoredEntry(artifact=artifact, session=session, components_sha256=None, recorded_us=artifact.added_us)
