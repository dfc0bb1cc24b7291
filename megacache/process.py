"""Process: one capture and the sessions that share it.

Layer: above sessions, below the faces. The public verbs, which act on the process that runs, are in `verbs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from megacache.bundle import Bundle, SaveReport, plain_file
from megacache.bundle.exchange import exported
from megacache.bundle.progress import Progress
from megacache.errors import SessionError
from megacache.recording import Recorded, Recording
from megacache.sessions import AnyPath, Only, Session, rows_of

if TYPE_CHECKING:
    from megacache.compiler.capture import Capture


class Process:
    """One capture, the sessions that are open (innermost last), and all that ever were.

    `compiled_before` counts the frames that torch had compiled before the capture was made; no session has them.
    """

    def __init__(self) -> None:
        self.open: list[Session] = []
        self.sessions: list[Session] = []
        self.compiled_before = 0
        self._capture: Capture | None = None
        self._listeners: list[Callable[[], None]] = []
        self._progress = Progress()

    @property
    def capture(self) -> Capture:
        """The capture.

        Raises:
            SessionError: When there is none yet.
        """
        if self._capture is None:
            raise SessionError("nothing was captured: call megacache.enable(), or open a session, before you compile")
        return self._capture

    @property
    def is_on(self) -> bool:
        """Say whether torch is listened to now."""
        return self._capture is not None and self._capture.is_on

    @property
    def has_capture(self) -> bool:
        """Say whether torch was ever listened to."""
        return self._capture is not None

    def enable(self) -> Session:
        """Listen to torch from now on, in a session of the process's own.

        Raises:
            TorchError: When torch is absent or lacks a name that we need.
        """
        from megacache.compiler import versions

        versions.check()  # before what cannot even be imported without torch
        from megacache.compiler.capture import Capture

        if self._capture is None:
            self._capture = Capture(self.tell)
            self.compiled_before = self._capture.frame_count()
        if not self._capture.is_on:
            self._capture.start()
            Session(self, "process", is_ambient=True).begin()
        return self.open[0]

    def disable(self) -> None:
        """End all sessions and stop listening."""
        try:
            while self.open:
                self.open[-1].end()
        finally:
            if self._capture is not None:
                self._capture.stop()

    def enter(self, session: Session) -> None:
        """Let what is compiled from now on belong to a session."""
        self.capture.recorder.begin(session.info.session_id)
        self.open.append(session)
        self.sessions.append(session)

    def leave(self, session: Session) -> None:
        """Let what is compiled from now on belong to the session around this one."""
        self.open.remove(session)
        if self.open:
            self.capture.recorder.begin(self.open[-1].info.session_id)
        self.tell()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each compile, save and end of a session, in the thread in which it happened.

        Args:
            listener: It must be quick, and must not raise.

        Returns:
            What ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self) -> None:
        """Tell those who listen that there is something new."""
        for listener in tuple(self._listeners):
            listener()

    def told(self) -> list[Session]:
        """Return the sessions that are worth keeping: all, but not the process's own while nothing is in it."""
        return [each for each in self.sessions if not each.is_ambient or each.has_captured]

    def recording(self, sessions: Sequence[Session]) -> Recording:
        """Return the rows of some sessions of this process.

        Args:
            sessions: All of them must have begun.

        Raises:
            SessionError: When one of them has not.
        """
        whole = _with_parts(sessions)
        session_ids = tuple(each.info.session_id for each in whole)
        return self._with_sessions(self.capture.recording(session_ids), whole, whole)

    def save(
        self, sessions: Sequence[Session], path: Path, *, is_complete: bool = True, only: Only | None = None
    ) -> SaveReport:
        """Save some sessions into a bundle, which is made if it is not there. The cost follows what is new.

        Args:
            sessions: All of them must have begun.
            path: The bundle.
            is_complete: Save also what torch, and a forward whose backward has not run, keep back until a save. That
                asks for the thread that compiles.
            only: One function, as `megacache.save` takes it; None means all.

        Raises:
            SessionError: When one of them has not begun.
            ArtifactNotFoundError: When nothing of the function was captured.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        if is_complete:
            self.capture.flush()
        contents = self.capture.recorder.documents.contents
        if only is not None:
            recording = rows_of(self.recording(sessions), only)
            with Bundle.open_or_create(path) as bundle:
                report = bundle.append(recording, contents)
        else:
            whole = _with_parts(sessions)
            session_ids = [each.info.session_id for each in whole]

            def changed(since: Mapping[str, int]) -> tuple[Recording, Mapping[str, int]]:
                found = self.capture.recorder.changed(since)
                reporting = [each for each in whole if not since[each.info.session_id] or each.is_report_due()]
                return self._with_sessions(found.recording, whole, reporting), found.reached

            report = self._progress.append(path, session_ids, changed, contents)
        self.tell()
        return report

    def export(self, sessions: Sequence[Session], path: Path) -> int:
        """Write some sessions into torch's own container, which plain `torch.compiler.load_cache_artifacts` loads.

        Args:
            sessions: All of them must have begun.
            path: The file; one that is there is replaced, unless it is a bundle.

        Returns:
            The size of the file in bytes.

        Raises:
            SessionError: When one of them has not begun.
            BundleNotWritableError: When the file cannot be written, or a bundle would be lost.
        """
        self.capture.flush()
        content = exported(self.recording(sessions), None, None)
        plain_file.write(path, content)
        return len(content)

    def _with_sessions(
        self, captured: Recording, sessions: Sequence[Session], reporting: Sequence[Session]
    ) -> Recording:
        """Add the rows of sessions and systems, and the load reports of some, to what the recorder has."""
        reports = (document for each in reporting for document in each.load_report_document())
        return replace(
            captured,
            sessions=tuple(each.info for each in sessions),
            systems=(self.capture.system,),
            documents=(*reports, *captured.documents),
        )


class Everything(Recorded):
    """All that a process captured, of every session that is worth keeping."""

    name = "this process"

    def __init__(self, process: Process) -> None:
        self._process = process

    def recording(self) -> Recording:
        """Return the rows as they are now.

        Raises:
            SessionError: When nothing was captured.
        """
        return self._process.recording(self._process.told())

    def save(self, path: AnyPath, *, only: Only | None = None) -> SaveReport:
        """Save all of it, or one function, into one bundle; see `megacache.save`."""
        return self._process.save(self._process.told(), Path(path), only=only)


def _with_parts(sessions: Iterable[Session]) -> tuple[Session, ...]:
    return tuple(dict.fromkeys(each for session in sessions for each in (session, *session.parts)))


process = Process()
"""The one of this process."""
