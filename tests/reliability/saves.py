"""Saves that are made from their number alone, so that any process can tell what a bundle has to hold of each."""

from __future__ import annotations

from pathlib import Path
from random import Random

from made_rows import artifact_of, document_of, session_of, use_of

from megacache.bundle import Bundle
from megacache.errors import MegacacheError
from megacache.model import Artifact
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
    artifacts = [_artifact(*each) for each in (*made, ("autotune", "shared", SHARED))]
    document = random.randbytes(500)
    for content in (*(each[-1] for each in made), SHARED, document):
        contents.add(content)
    recording = Recording(
        sessions=(session_of(session_id, system_id=system().system_id, started_us=START + number),),
        systems=(system(),),
        artifacts=tuple(artifacts),
        artifact_uses=tuple(
            use_of(each, session_id, ordinal=ordinal, at_us=START + ordinal) for ordinal, each in enumerate(artifacts)
        ),
        documents=(document_of(document, session_id, "output_code"),),
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


def whole_in(path: Path, size_bytes: int = 2_000) -> set[int]:
    """Return the numbers of the saves of which every row and content is there, whatever else there is or is not.

    Args:
        path: The bundle; one that cannot be read holds nothing.
        size_bytes: As `save_of` took it.
    """
    try:
        with Bundle.open(path) as bundle:
            report, held = bundle.verify(), bundle.recording()
    except MegacacheError:
        return set()
    rows = {repr(row) for table in TABLES for row in getattr(held, table)}
    rows -= set(map(repr, (*report.lost_artifacts, *report.lost_documents)))
    numbers = {int(each.session_id.removeprefix("save-")) for each in held.sessions}
    return {each for each in numbers if rows_of(each, size_bytes) <= rows}


def rows_of(number: int, size_bytes: int = 2_000) -> set[str]:
    """Return all rows of a save, each as one text."""
    recording, _ = save_of(number, size_bytes)
    return {repr(row) for table in TABLES for row in getattr(recording, table)}


def session_id_of(number: int) -> str:
    """Return the id of the session that a save holds."""
    return f"save-{number:06}"


def _artifact(artifact_type: str, cache_key: str, content: bytes) -> Artifact:
    return artifact_of(content, cache_key, artifact_type=artifact_type, system_id=system().system_id)
