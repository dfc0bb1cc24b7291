"""Process: one capture and the sessions that share it; and the public verbs, which act on the process that runs.

Layer: above sessions, below the faces.

    with megacache.session("train", bundle="train.megacache") as s:
        model(x)
    s.tree()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from megacache.bundle import Bundle, SaveReport, plain_file
from megacache.bundle.exchange import exported
from megacache.bundle.progress import Progress
from megacache.errors import IncompatibleError, SessionError
from megacache.recording import Recorded, Recording
from megacache.report import LoadReport
from megacache.sessions import AnyPath, Only, Session, rows_of
from megacache.trust.gate import Trust
from megacache.views.units import count

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


def enable() -> Session:
    """Begin to capture; a second call does nothing.

    Returns:
        The session that holds what is compiled outside of any other one.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    return process.enable()


def disable() -> None:
    """Stop capturing and leave torch exactly as it was. What was captured can still be shown and saved."""
    process.disable()


def session(
    name: str,
    bundle: AnyPath | None = None,
    *,
    fresh: bool = False,
    precompile: bool = True,
    autosave: bool = False,
    trust: Trust = None,
    cell: str | None = None,
    notebook: str | None = None,
) -> Session:
    """Make a session, to be used in a `with` block: it loads what is right, captures, and saves the union.

    Args:
        name: For people; two sessions may share one.
        bundle: A file to load from, if it is there, and to save to at the end. Without one nothing is loaded or saved.
        fresh: Give torch an empty cache directory for this session, so that only the bundle can serve.
        precompile: Whether guarded codes may be served, so that Dynamo need not trace what is proven to be the same.
        autosave: Save also while the session is open, every few seconds in which torch compiled: a process that is
            killed loses no more than these. Asks for a bundle.
        trust: Whom you trust, as `load` takes it. Of a bundle that is not, nothing is loaded, and a warning says why.
        cell: The text of the notebook cell that the session captures.
        notebook: Where the notebook is, if that can be known.

    Raises:
        SessionError: When it is to save by itself and has no bundle.
    """
    return Session(
        process,
        name,
        bundle,
        fresh=fresh,
        precompile=precompile,
        autosave=autosave,
        trust=trust,
        cell=cell,
        notebook=notebook,
    )


def load(path: AnyPath, *, trust: Trust = None, trust_unknown: bool = False, only: Only | None = None) -> LoadReport:
    """Hand a bundle's artifacts to torch, in the session that is open now; nothing is saved.

    To load a cache is to run its code, so a file of somebody else's is loaded only when you say so.

    Args:
        path: The bundle.
        trust: None means files of your own, and those that a key on your list signed (`megacache trust`). True means
            this file, whoever made it. A public key, or several, as text or as paths of `.pub` files, mean that one
            of them must have signed it, whoever owns it.
        trust_unknown: Load also what came from torch's own container, which does not say on which CPU it was compiled.
        only: One function, with its resume functions: itself, a compiled one, a module, a code object, or its name, as
            `module.qualname`. None means all.

    Returns:
        What was loaded and what was refused, with a reason for each.

    Raises:
        ArtifactNotFoundError: When the bundle has nothing of the function.
        IncompatibleError: When nothing could be loaded, since another system compiled it: another torch, Python, CPU.
        UntrustedError: When the bundle is not your own, and nobody whom you trust signed it.
        KeyFileError: When what `trust` names is no public key.
        BundleError: When the bundle cannot be read; see `errors`.
        TorchError: When torch is absent or lacks a name that we need.
    """
    enable()
    current = process.open[-1]
    report = current.load(path, trust=trust, trust_unknown=trust_unknown, only=only)
    differences = current.incompatibilities()
    if differences and all(each.verdict == "refused" for each in report.verdicts):
        raise IncompatibleError(
            f"nothing of {path} was loaded: {'; '.join(differences)}; compile anew and save into the same bundle",
            mismatches=differences,
        )
    return report


def save(path: AnyPath, *, only: Only | None = None) -> SaveReport:
    """Save everything that this process captured, of all sessions, into one bundle.

    Args:
        path: The bundle; what it already holds stays in it.
        only: One function, with its resume functions: itself, a compiled one, a module, a code object, or its name, as
            `module.qualname`. None means all.

    Raises:
        SessionError: When nothing was captured, since `enable()` was never called.
        ArtifactNotFoundError: When nothing of the function was captured.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    return everything().save(path, only=only)


def export(path: AnyPath) -> int:
    """Write everything that this process captured into one file for somebody without megacache.

    Args:
        path: A name that ends in `.html` gives the explorer as one page; any other gives torch's own container, which
            plain `torch.compiler.load_cache_artifacts` loads.

    Returns:
        The size of the file in bytes.

    Raises:
        SessionError: When nothing was captured.
        FrontEndError: When the page is asked for and its front end was not built.
        BundleNotWritableError: When the file cannot be written, or a bundle would be lost.
    """
    if Path(path).suffix != ".html":
        return process.export(process.told(), Path(path))
    process.capture.flush()
    return everything().export_html(path)


def config() -> dict[str, str]:
    """Return the options of torch that differ from their defaults now, as `{"inductor.epilogue_fusion": "False"}`.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    from megacache.compiler.capture import live_options

    return live_options()


def everything() -> Everything:
    """Return all that this process captured, to look at it as one recording."""
    return Everything(process)


def status() -> str:
    """Return what megacache does now, in a few lines for people."""
    if not process.has_capture:
        return "megacache is off: nothing was captured yet"
    capture = process.capture
    lines = [f"megacache is {'on' if process.is_on else 'off'}, torch {capture.system.torch_version}"]
    lines += [f"  session {each.name}: {each.summary()}" for each in process.sessions]
    if process.compiled_before:
        lines.append(
            f"  {count(process.compiled_before, 'frame')} compiled before megacache was on: in no session, and"
            " served by no bundle. In a new kernel, switch it on first"
        )
    lines += [f"  fault in {fault.where}: {fault.error.strip().splitlines()[-1]}" for fault in capture.faults]
    return "\n".join(lines)
