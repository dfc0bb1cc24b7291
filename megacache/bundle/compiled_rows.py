"""Compiled rows: a compiled artifact that torch wrote, as the rows of a bundle.

Layer: bundle.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256 as hash_of
from pathlib import Path

from megacache.bundle.compiled_file import CompiledFile, graphs_in
from megacache.bundle.exchange import imported
from megacache.bundle.placeholders import PickledDict, PickledObject
from megacache.errors import ArtifactNotFoundError, UnreadablePickleError
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import COMPILED_ARTIFACT, Artifact, ArtifactUse, BackendEntry, Document, SessionInfo
from megacache.recording import Recording

ORIGIN = "CompiledArtifact.save"
"""What the name of the session that stands for one compiled artifact of torch's begins with."""


def rows_of(file: CompiledFile, name: str | None = None) -> tuple[Recording, dict[str, bytes]]:
    """Turn a compiled artifact into one session, whose id follows from the bytes.

    Args:
        file: What was read.
        name: What the artifact is called in a bundle; by default the file's name without its suffix.

    Returns:
        The rows and the contents by digest. The file does not say on which CPU and with which options it was compiled,
        so of its artifacts the system is `UNKNOWN_SYSTEM_ID`.
    """
    from megacache import __version__
    from megacache.bundle.torch_format import write_artifacts

    name = name or file.path.stem
    recording, contents = _of_function(file) if file.is_aot else imported(write_artifacts(file.artifacts), __version__)
    recording = _named(recording, f"standalone_compile {name}")
    content = file.binary()
    digest = hash_of(content).hexdigest()
    contents = {**contents, digest: content}
    session = replace(recording.sessions[0], name=f"{ORIGIN} {name}")
    backend_id = recording.backend_entries[0].backend_id if recording.backend_entries else None
    use = _use(session, name, digest, backend_id, ordinal=len(recording.artifact_uses))
    whole = _artifact(name, digest, len(content), session.started_us)
    return replace(
        recording,
        sessions=(session,),
        artifacts=(*recording.artifacts, whole),
        artifact_uses=(*recording.artifact_uses, use),
        read=partial(_read, contents, file.path),
    ), contents


def _read(contents: Mapping[str, bytes], path: Path, sha256: str) -> bytes:
    try:
        return contents[sha256]
    except KeyError:
        raise ArtifactNotFoundError(f"no content {sha256[:12]} is in {path}") from None


def _named(recording: Recording, title: str) -> Recording:
    """Give the one graph of an artifact the name of the artifact."""
    if len({each.backend_id for each in recording.backend_entries}) != 1:
        return recording
    old = recording.backend_entries[0].backend_id
    names: Mapping[str | None, str] = {old: title}
    return replace(
        recording,
        backend_entries=tuple(replace(each, backend_id=title) for each in recording.backend_entries),
        artifact_uses=tuple(
            replace(each, backend_id=names.get(each.backend_id, each.backend_id)) for each in recording.artifact_uses
        ),
        documents=tuple(
            replace(each, backend_id=names.get(each.backend_id, each.backend_id)) for each in recording.documents
        ),
    )


def _of_function(file: CompiledFile) -> tuple[Recording, dict[str, bytes]]:
    """Return the session, the graphs and the generated code of a pickled function; no more can be told of it."""
    from megacache import __version__

    now_us = time.time_ns() // 1000
    origin = f"torch-{hash_of(file.function).hexdigest()[:24]}"
    session = SessionInfo(
        session_id=origin,
        name=ORIGIN,
        run_id=origin,
        system_id=UNKNOWN_SYSTEM_ID,
        status="ok",
        started_us=now_us,
        ended_us=now_us,
        megacache_version=__version__,
        config={},
    )
    try:
        graphs = graphs_in(file.function)
    except UnreadablePickleError:  # it is kept as it is; torch refuses it when it is loaded
        graphs = []
    contents: dict[str, bytes] = {}
    documents, entries = [], []
    for ordinal, (kind, graph) in enumerate(_kinds(graphs)):
        text = graph.get("source_code")
        content = text.encode("utf-8", "replace") if isinstance(text, str) else b""
        digest = hash_of(content).hexdigest()
        contents[digest] = content
        entries.append(_entry(session, kind))
        documents.append(_document(session, ordinal, kind, digest, len(content)))
    recording = Recording(sessions=(session,), backend_entries=tuple(entries), documents=tuple(documents))
    return recording, contents


def _kinds(graphs: list[PickledObject]) -> list[tuple[str, PickledObject]]:
    """Tell which graph is which: of a function there is an inference graph, or a forward and its backward."""
    backward = [each for each in graphs if _is_backward(each)]
    first = "forward" if backward else "inference"
    return [("backward" if each in backward else first, each) for each in graphs]


def _is_backward(graph: PickledObject) -> bool:
    options = graph.get("fx_kwargs")
    return isinstance(options, PickledDict) and options.get("is_backward") is True


def _entry(session: SessionInfo, kind: str) -> BackendEntry:
    return BackendEntry(
        run_id=session.run_id, backend_id="function", kind=kind, session_id=session.session_id, compile_id=None
    )


def _document(session: SessionInfo, ordinal: int, kind: str, digest: str, size_bytes: int) -> Document:
    return Document(
        session_id=session.session_id,
        ordinal=ordinal,
        run_id=session.run_id,
        compile_id=None,
        backend_id="function",
        kind=kind,
        name="output_code",
        title=None,
        content_sha256=digest,
        size_bytes=size_bytes,
    )


def _artifact(name: str, digest: str, size_bytes: int, added_us: int) -> Artifact:
    return Artifact(
        artifact_type=COMPILED_ARTIFACT,
        cache_key=name,
        content_sha256=digest,
        size_bytes=size_bytes,
        added_us=added_us,
        system_id=UNKNOWN_SYSTEM_ID,
    )


def _use(session: SessionInfo, name: str, digest: str, backend_id: str | None, ordinal: int) -> ArtifactUse:
    return ArtifactUse(
        session_id=session.session_id,
        ordinal=ordinal,
        run_id=session.run_id,
        compile_id=None,
        backend_id=backend_id,
        kind=None,
        artifact_type=COMPILED_ARTIFACT,
        cache_key=name,
        content_sha256=digest,
        state=None,
        at_us=session.started_us,
    )
