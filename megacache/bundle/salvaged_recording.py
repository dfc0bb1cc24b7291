"""Salvaged recording: the rows of a damaged file, as far as they still make sense without those that are lost.

Layer: bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from megacache.bundle.pages import Data
from megacache.bundle.rows import TABLES, Table
from megacache.bundle.salvaged_contents import SalvagedContents
from megacache.bundle.salvaged_rows import Row, Salvage, salvage
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import Artifact, Document
from megacache.recording import Recording


@dataclass(frozen=True, kw_only=True)
class SalvagedRecording:
    """What of a damaged file makes sense, and what is known to be lost.

    Attributes:
        recording: The rows that make sense without those that are lost.
        contents: Every content that they name.
        is_empty: Whether nothing at all of a bundle was found.
        is_proven: Whether the rows prove themselves: from format version 2 on.
        lost_artifacts: The artifacts that cannot be read any more. Where an artifact's row is lost, too, it is told by
            a use of it or by what is left of the row, and of an unknown system.
        lost_documents: The documents whose content is lost.
        lost_rows: How many rows of each table are damaged, or say something of rows that are lost.
    """

    recording: Recording
    contents: Mapping[str, bytes]
    is_empty: bool
    is_proven: bool
    lost_artifacts: tuple[Artifact, ...]
    lost_documents: tuple[Document, ...]
    lost_rows: Mapping[str, int]


def salvaged_recording(data: Data, *, is_damaged: bool) -> SalvagedRecording:
    """Make a recording of what can still be read in a damaged file.

    Rows that say something of a row that is lost go with it; a row that only names one stays, and names none. Of a
    damaged file of version 1, whose rows prove nothing, no artifact is said to be of a system: loading it takes the
    word of somebody who knows.

    Args:
        data: The file.
        is_damaged: Whether anything is known to be wrong with it.

    Returns:
        What of it makes sense, and what is known to be lost.
    """
    found = salvage(data)
    told = _told(found, knows_systems=found.is_proven or not is_damaged)
    contents = SalvagedContents(found, _wanted(told, found))
    recording = _without_lost_rows(_without_lost_contents(told, contents))
    lost_rows = Counter(found.row_counts())
    lost_rows.subtract({table.name: len(getattr(recording, table.rows_name)) for table in TABLES})
    lost_rows.update(table.name for table, _ in found.false_rows)
    return SalvagedRecording(
        recording=recording,
        contents=contents,
        is_empty=found.found_count == 0,
        is_proven=found.is_proven,
        lost_artifacts=tuple(_lost_artifacts(told, found, contents)),
        lost_documents=tuple(each for each in told.documents if each.content_sha256 not in contents),
        lost_rows={name: lost for name, lost in lost_rows.items() if lost},
    )


def _told(found: Salvage, *, knows_systems: bool) -> Recording:
    """Return the rows that were found, those of artifacts and documents in the order in which they were saved."""
    rows: dict[str, Any] = {}
    for table in TABLES:
        decoded = (_decoded(table, row) for row in found.rows[table.name].values())
        rows[table.rows_name] = tuple(each for each in decoded if each is not None)
    artifacts = sorted(rows["artifacts"], key=lambda each: (each.added_us, each.artifact_type, each.cache_key))
    if not knows_systems:
        artifacts = [replace(each, system_id=UNKNOWN_SYSTEM_ID) for each in artifacts]
    rows["artifacts"] = tuple(artifacts)
    rows["documents"] = tuple(sorted(rows["documents"], key=lambda each: (each.session_id, each.ordinal)))
    return Recording(**rows)


def _wanted(recording: Recording, found: Salvage) -> dict[str, int | None]:
    """Return which contents the rows name, and how long each is, in the order in which a save writes them."""
    wanted: dict[str, int | None] = {each.content_sha256: each.size_bytes for each in recording.artifacts}
    for use in recording.artifact_uses:
        if use.components_sha256 is not None:
            wanted[use.components_sha256] = found.sizes.get(use.components_sha256)
    return wanted | {each.content_sha256: each.size_bytes for each in recording.documents}


def _decoded(table: Table, row: Row) -> Any | None:
    """Return a row of the model; None where a value is none that its column has, which a forger can prove as well."""
    try:
        return table.row_class(
            **{column.name: column.decode([value])[0] for column, value in zip(table.columns, row, strict=True)}
        )
    except (ValueError, RecursionError):
        return None


def _without_lost_contents(recording: Recording, contents: SalvagedContents) -> Recording:
    def whole(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the rows whose content is there, each with the size that it has, whatever the row says."""
        sizes = [(each, contents.size_of(each.content_sha256)) for each in rows if each.content_sha256 in contents]
        return tuple(each if each.size_bytes == size else replace(each, size_bytes=size) for each, size in sizes)

    return replace(
        recording,
        artifacts=whole(recording.artifacts),
        documents=whole(recording.documents),
        artifact_uses=tuple(
            each if each.components_sha256 in contents else replace(each, components_sha256=None)
            for each in recording.artifact_uses
        ),
    )


def _without_lost_rows(recording: Recording) -> Recording:
    systems = {each.system_id for each in recording.systems}
    sessions = {each.session_id for each in recording.sessions}
    codes = {each.code_id for each in recording.codes}
    compiles = {(each.run_id, each.compile_id) for each in recording.compiles}

    def with_system(each: Any) -> Any:
        return each if each.system_id in systems else replace(each, system_id=UNKNOWN_SYSTEM_ID)

    def of_session(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(each for each in rows if each.session_id in sessions)

    def of_compile(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(each for each in rows if (each.run_id, each.compile_id) in compiles)

    return replace(
        recording,
        sessions=tuple(map(with_system, recording.sessions)),
        artifacts=tuple(map(with_system, recording.artifacts)),
        compiles=tuple(each if each.code_id in codes else replace(each, code_id=None) for each in recording.compiles),
        graph_breaks=of_compile(recording.graph_breaks),
        recompile_reasons=of_compile(recording.recompile_reasons),
        dimensions=of_compile(recording.dimensions),
        backend_entries=of_session(recording.backend_entries),
        artifact_uses=of_session(recording.artifact_uses),
        documents=of_session(recording.documents),
    )


def _lost_artifacts(recording: Recording, found: Salvage, contents: Collection[str]) -> Iterator[Artifact]:
    """Return the artifacts that are gone, as far as anything that is left tells of them."""
    known = {(each.artifact_type, each.cache_key, each.content_sha256) for each in recording.artifacts}
    yield from (each for each in recording.artifacts if each.content_sha256 not in contents)
    for use in recording.artifact_uses:
        digest = use.content_sha256 or ""
        key = (use.artifact_type, use.cache_key or "", digest)
        # A content of which the file still tells was not pruned.
        if key not in known and (digest in found.parts or digest in found.sizes):
            yield Artifact(
                artifact_type=use.artifact_type,
                cache_key=key[1],
                content_sha256=digest,
                size_bytes=found.sizes.get(digest, 0),
                added_us=use.at_us,
                system_id=UNKNOWN_SYSTEM_ID,
            )
            known.add(key)
    for table, row in found.false_rows:
        artifact = _decoded(table, row)
        if isinstance(artifact, Artifact) and row[:3] not in known:
            yield replace(artifact, system_id=UNKNOWN_SYSTEM_ID)
