"""Process: what this process holds, one capture and the sessions that share it.

Layer: beside `sessions`, which it serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from megacache.bundle import Bundle, SaveReport
from megacache.bundle.exchange import exported
from megacache.errors import BundleNotWritableError, SessionError
from megacache.recording import Recording
from megacache.views.html import report

if TYPE_CHECKING:
    from megacache.compiler.capture import Capture
    from megacache.sessions import Session


class Process:
    """One capture, the sessions that are open (innermost last), and all that ever were.

    `compiled_before` counts the frames that torch had compiled before the capture was made; no session has them.
    """

    def __init__(self) -> None:
        self.open: list[Session] = []
        self.sessions: list[Session] = []
        self.compiled_before = 0
        self._capture: Capture | None = None

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

    def start(self) -> None:
        """Listen to torch from now on.

        Raises:
            TorchError: When torch is absent or lacks a name that we need.
        """
        from megacache.compiler.capture import Capture

        if self._capture is None:
            self._capture = Capture()
            self.compiled_before = self._capture.frame_count()
        self._capture.start()

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
        infos = tuple(each.info for each in sessions)
        captured = self.capture.recording(tuple(info.session_id for info in infos))
        reports = tuple(document for each in sessions for document in each.load_report_document())
        return replace(
            captured, sessions=infos, systems=(self.capture.system,), documents=(*reports, *captured.documents)
        )

    def save(self, sessions: Sequence[Session], path: Path) -> SaveReport:
        """Save some sessions into a bundle, which is made if it is not there.

        Args:
            sessions: All of them must have begun.
            path: The bundle.

        Raises:
            SessionError: When one of them has not begun.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        self.capture.flush()
        recording = self.recording(sessions)
        contents = self.capture.recorder.documents.contents
        with Bundle.open_or_create(path) as bundle:
            return bundle.append(recording, {sha256: contents[sha256] for sha256 in _digests_in(recording)})

    def export(self, sessions: Sequence[Session], path: Path) -> int:
        """Write some sessions into a file for somebody without megacache: a page, or torch's own container.

        Args:
            sessions: All of them must have begun.
            path: A name that ends in `.html` gives the report; any other gives the container.

        Returns:
            The size of the file in bytes.

        Raises:
            SessionError: When one of them has not begun.
            BundleNotWritableError: When the file cannot be written.
        """
        recording = self.recording(sessions)
        content = report(recording, path.stem).encode() if path.suffix == ".html" else exported(recording, None, None)
        try:
            path.write_bytes(content)
        except OSError as error:
            message = f"cannot write {path}: {error.strerror}; choose another place"
            raise BundleNotWritableError(message, path=str(path)) from error
        return len(content)


def _digests_in(recording: Recording) -> dict[str, None]:
    """Return the digests of all contents that the rows name, in order."""
    return dict.fromkeys(
        (
            *(each.content_sha256 for each in recording.artifacts),
            *(each.components_sha256 for each in recording.artifact_uses if each.components_sha256),
            *(each.content_sha256 for each in recording.documents),
        )
    )


process = Process()
"""The one of this process."""
