"""Entry writer: precompile entries into a bundle, one current content per key, system and config.

Layer: compiler. Beside its bytes go the rows that they tell, read as data: functions, guarded codes, guards, graphs.
The rows of one content are a run of their own, in which compile ids count from 0/0; they go with it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from megacache.bundle import Bundle, SaveReport
from megacache.bundle.supersede import Kept, supersede
from megacache.bundle.torch_artifacts.rows import TorchRows
from megacache.bundle.torch_format import TorchArtifact
from megacache.compiler.options import live_config
from megacache.compiler.precompile_entries import PRECOMPILE
from megacache.compiler.system import live_system
from megacache.model import Artifact, SessionInfo, SystemInfo
from megacache.recording import Recording


class EntryWriter:
    """Writes entries in a session of its own, and takes back what it superseded.

    Args:
        path: The bundle; the first write makes it.
        name: Who writes: the name of the sessions, and how their ids begin. Writers of one name take each other over.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._run_id = uuid.uuid4().hex[:16]
        self._use_count = self._document_count = 0
        self._first_documents: dict[str, int] = {}
        self._started_us: dict[str, int] = {}

    def write(self, contents: Mapping[str, bytes], components: Mapping[str, bytes | None]) -> SaveReport:
        """Keep entries.

        Args:
            contents: The pickles by key.
            components: What each relies on, as key components, by key; None where nobody noted it.

        Returns:
            What was new.

        Raises:
            BundleError: When the bundle cannot be written; see `errors`.
        """
        digests = {key: sha256(content).hexdigest() for key, content in contents.items()}
        session, system = self._session()
        artifacts = tuple(
            _artifact(key, digests[key], len(content), system, session.ended_us or 0)
            for key, content in contents.items()
        )
        by_digest = {sha256(each).hexdigest(): each for each in components.values() if each is not None}
        by_digest |= {digests[key]: content for key, content in contents.items()}
        told = []
        for each in artifacts:
            rows, texts = self._told(each, contents[each.cache_key], session, components.get(each.cache_key))
            told.append(rows)
            by_digest |= texts
        recording = replace(_together(told), systems=(system,), sessions=(session,), artifacts=artifacts)
        with Bundle.open_or_create(self._path) as bundle:
            report = bundle.append(recording, by_digest)
            alike = [each.session_id for each in bundle.recording().sessions if self._is_alike(each, session)]
        for each in artifacts:
            kept = Kept(
                artifact_type=PRECOMPILE,
                cache_key=each.cache_key,
                content_sha256=each.content_sha256,
                session_id=session.session_id,
            )
            supersede(self._path, kept, alike)
        return report

    def _session(self) -> tuple[SessionInfo, SystemInfo]:
        """Return the session of the circumstances that are now."""
        from megacache import __version__

        system, config, now_us = live_system(), live_config(), time.time_ns() // 1000
        circumstances = sha256(repr((system.system_id, sorted(config.items()))).encode()).hexdigest()[:8]
        session_id = f"{self._name}-{self._run_id}-{circumstances}"
        session = SessionInfo(
            session_id=session_id,
            name=self._name,
            run_id=self._run_id,
            system_id=system.system_id,
            status="ok",
            started_us=self._started_us.setdefault(session_id, now_us),
            ended_us=now_us,
            megacache_version=__version__,
            config=config,
        )
        return session, system

    def _is_alike(self, session: SessionInfo, new: SessionInfo) -> bool:
        """Say whether a session is of a writer like this one, on the same system under the same config."""
        is_ours = is_writers(session, self._name)
        return is_ours and (session.system_id, session.config) == (new.system_id, new.config)

    def _told(
        self, artifact: Artifact, content: bytes, session: SessionInfo, components: bytes | None
    ) -> tuple[Recording, dict[str, bytes]]:
        """Return what one entry tells, with one use: that it was written; and the contents that its rows name."""
        digest, at_us = artifact.content_sha256, artifact.added_us
        identity = repr((session.session_id, artifact.cache_key, digest)).encode("utf-8", "replace")
        run_id = f"entry-{sha256(identity).hexdigest()[:16]}"
        torchs = TorchArtifact(PRECOMPILE, artifact.cache_key, content)
        told, texts = TorchRows([torchs], [digest], session.session_id, at_us, run_id=run_id).recording()
        self._use_count += 1
        noted = None if components is None else sha256(components).hexdigest()
        use = next(each for each in told.artifact_uses if each.artifact_type == PRECOMPILE)
        # Written again, the same content has the same documents, not further ones.
        first = self._first_documents.setdefault(run_id, self._document_count)
        documents = tuple(replace(each, ordinal=first + each.ordinal) for each in told.documents)
        self._document_count = max(self._document_count, first + len(documents))
        return replace(
            told, artifact_uses=(replace(use, ordinal=self._use_count, components_sha256=noted),), documents=documents
        ), texts


def is_writers(session: SessionInfo, name: str) -> bool:
    """Say whether a session stands for what a writer of that name wrote."""
    return session.session_id.startswith(f"{name}-") and session.name == name


def _artifact(key: str, digest: str, size_bytes: int, system: SystemInfo, now_us: int) -> Artifact:
    return Artifact(
        artifact_type=PRECOMPILE,
        cache_key=key,
        content_sha256=digest,
        size_bytes=size_bytes,
        added_us=now_us,
        system_id=system.system_id,
    )


def _together(told: list[Recording]) -> Recording:
    """Return the rows of several entries; a function that two of them know is one row."""
    return Recording(
        codes=tuple({code.code_id: code for each in told for code in each.codes}.values()),
        compiles=tuple(row for each in told for row in each.compiles),
        graph_breaks=tuple(row for each in told for row in each.graph_breaks),
        dimensions=tuple(row for each in told for row in each.dimensions),
        backend_entries=tuple(row for each in told for row in each.backend_entries),
        artifact_uses=tuple(row for each in told for row in each.artifact_uses),
        documents=tuple(row for each in told for row in each.documents),
    )
