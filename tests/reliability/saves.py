"""Saves that are made from their number alone, so that any process can tell what a bundle has to hold of each."""

from __future__ import annotations

from random import Random

from megacache.bundle import Bundle
from megacache.model import Artifact, ArtifactUse, Document, SessionInfo
from megacache.recording import Recording
from samples import START, Contents, system

SHARED = b"what every save holds, under the same key"
OWN_TYPES = ("inductor", "aot_autograd", "guarded_code")
TABLES = ("sessions", "artifacts", "artifact_uses", "documents")


def save_of(number: int, size_bytes: int = 2_000) -> tuple[Recording, Contents]:
    """Return a session with three artifacts and a document of its own, and an artifact that all saves share.

    Args:
        number: Of the save; equal numbers give equal saves.
        size_bytes: The size of each of its own contents, which do not compress.
    """
    contents, random, session_id = Contents(), Random(number), session_id_of(number)  # noqa: S311  no secret
    made = [(each, f"{each}-{number:06}", random.randbytes(size_bytes)) for each in OWN_TYPES]
    artifacts = [_artifact(*each, contents) for each in (*made, ("autotune", "shared", SHARED))]
    recording = Recording(
        sessions=(_session(session_id, number),),
        systems=(system(),),
        artifacts=tuple(artifacts),
        artifact_uses=tuple(_use(session_id, ordinal, each) for ordinal, each in enumerate(artifacts)),
        documents=(_document(session_id, random.randbytes(500), contents),),
    )
    return recording, contents


def numbers_in(bundle: Bundle, size_bytes: int = 2_000) -> set[int]:
    """Return the numbers of the saves that a bundle holds, after a proof that each is whole and nothing else is there.

    Args:
        bundle: The bundle; `verify` reads every content of it.
        size_bytes: As `save_of` took it.
    """
    report = bundle.verify()
    assert report.is_ok, str(report)
    held = bundle.recording()
    numbers = {int(each.session_id.removeprefix("save-")) for each in held.sessions}
    saved = [save_of(each, size_bytes)[0] for each in numbers]
    for table in TABLES:
        rows, wanted = getattr(held, table), {repr(row) for each in saved for row in getattr(each, table)}
        assert sorted(map(repr, rows)) == sorted(wanted), f"{table}: {len(rows)} rows instead of {len(wanted)}"
    return numbers


def session_id_of(number: int) -> str:
    """Return the id of the session that a save holds."""
    return f"save-{number:06}"


def _session(session_id: str, number: int) -> SessionInfo:
    return SessionInfo(
        session_id=session_id,
        name=f"save {number}",
        run_id=session_id,
        system_id=system().system_id,
        status="ok",
        started_us=START + number,
        ended_us=START + number,
        megacache_version="0.1.0",
        config={},
    )


def _artifact(artifact_type: str, cache_key: str, content: bytes, contents: Contents) -> Artifact:
    return Artifact(
        artifact_type=artifact_type,
        cache_key=cache_key,
        content_sha256=contents.add(content),
        size_bytes=len(content),
        added_us=START,
        system_id=system().system_id,
    )


def _use(session_id: str, ordinal: int, artifact: Artifact) -> ArtifactUse:
    return ArtifactUse(
        session_id=session_id,
        ordinal=ordinal,
        run_id=session_id,
        compile_id=None,
        backend_id=None,
        kind=None,
        artifact_type=artifact.artifact_type,
        cache_key=artifact.cache_key,
        content_sha256=artifact.content_sha256,
        state="miss",
        at_us=START + ordinal,
    )


def _document(session_id: str, content: bytes, contents: Contents) -> Document:
    return Document(
        session_id=session_id,
        ordinal=0,
        run_id=session_id,
        compile_id=None,
        backend_id=None,
        name="output_code",
        title=None,
        content_sha256=contents.add(content),
        size_bytes=len(content),
    )
