"""Session: one capture window, with the bundle it loads from and saves to.

Layer: joins compiler and bundle; below the faces. The room is called `sessions` since the package offers a function
`session`, which a submodule of that name would hide.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Self

from megacache.autosave import Autosave
from megacache.bundle import SaveReport, connection
from megacache.bundle.narrow import Choice, narrowed_to
from megacache.errors import MegacacheError, SessionError
from megacache.explain import mismatches
from megacache.model import Document, SessionInfo, Verdict
from megacache.recording import Recorded, Recording, encode_rows
from megacache.report import LoadReport
from megacache.trust.gate import Trust, examined, untrusted
from megacache.views.units import count

if TYPE_CHECKING:
    from megacache.process import Process

AnyPath = str | os.PathLike[str]

Only = Callable[..., object] | CodeType | str
"""One function: itself, a compiled one, a module, a code object, or its name, as `module.qualname`."""

_LOAD_REPORT_ORDINAL = -1
"""The load report is one document of a session, rewritten by each save; it keeps one place of its own."""

_REPORTED_SHARE = 20
"""While a session is open, its load report is written again when one use in so many is new."""


class Session(Recorded):
    """One capture window; make it with `megacache.session`.

    Attributes:
        name: For people.
        parts: Sessions of single calls within it, such as of `standalone_compile`; they are shown and saved with it.
    """

    def __init__(
        self,
        process: Process,
        name: str,
        bundle: AnyPath | None = None,
        *,
        fresh: bool = False,
        precompile: bool = True,
        autosave: bool = False,
        trust: Trust = None,
        cell: str | None = None,
        notebook: str | None = None,
        is_ambient: bool = False,
    ) -> None:
        self._process = process
        self.name = name
        self.is_ambient = is_ambient
        self.bundle_path = Path(bundle) if bundle is not None else None
        self.save_report: SaveReport | None = None
        self.parts: list[Session] = []
        if autosave and bundle is None:
            raise SessionError(f"session {name!r} has no bundle to save itself into: give it one")
        self.autosave = Autosave(self._save_what_there_is, self._has_news) if autosave else None
        self._autosaved: list[SaveReport] = []
        self._saved_count = self._reported_count = 0
        self._is_fresh = fresh
        self._may_precompile = precompile
        self._trust = trust
        self._cell = cell
        self._notebook = notebook
        self._info: SessionInfo | None = None
        self._verdicts: tuple[Verdict, ...] = ()
        self._stored = Recording()
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return f"<megacache session {self.name!r}: {self.summary()}>"

    def __enter__(self) -> Self:
        self._process.enable()
        self.begin()
        try:
            if self.bundle_path is not None and connection.has_begun(self.bundle_path):
                self._load_own(self.bundle_path)
        except BaseException as error:
            self.end(error)
            raise
        if self.autosave is not None:
            self.autosave.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)
        if self.bundle_path is None:
            return
        try:
            self.save()
        except MegacacheError as failure:
            if error is None:
                raise
            # What the user's own code raised is the news; ours must not hide it.
            warnings.warn(f"session {self.name!r} could not be saved: {failure}", stacklevel=2)

    # -- what it holds -------------------------------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo:
        """The session's own row.

        Raises:
            SessionError: When the session was never entered.
        """
        if self._info is None:
            raise SessionError(f"session {self.name!r} has not begun: use it in a `with` block")
        return self._info

    @property
    def has_captured(self) -> bool:
        """Say whether torch compiled or cached anything in this session."""
        session_ids = [each.info.session_id for each in (self, *self.parts)]
        return self._process.capture.recorder.has_captured(session_ids)

    @property
    def load_report(self) -> LoadReport:
        """What became of each artifact that was loaded, and of each lookup that none of them served."""
        if self not in self._process.open or not self._verdicts:
            return LoadReport(self._verdicts)
        from megacache.compiler.hydrate import settle

        uses = self._captured().artifact_uses
        return LoadReport(settle(self._verdicts, uses, replace(self._stored, read=self._read_any)))

    def recording(self) -> Recording:
        """Return the rows as they are now."""
        return self._process.recording([self])

    def summary(self) -> str:
        """Return what was captured, in one line."""
        if self._info is None:
            return "not begun"
        captured = self._captured()
        recompiles = count(sum(each.is_recompile for each in captured.compiles), "recompile")
        served_count = sum(each.status == "served" for each in captured.compiles)
        parts = (
            f"{count(len(captured.compiles), 'compile')} ({recompiles})",
            f"{served_count:,} served" if served_count else "",
            count(len(captured.graph_breaks), "graph break"),
            count(len(captured.artifacts), "artifact"),
        )
        return ", ".join(filter(None, parts))

    # -- what it does --------------------------------------------------------------------------------------------

    def load(
        self, path: AnyPath, *, trust: Trust = None, trust_unknown: bool = False, only: Only | None = None
    ) -> LoadReport:
        """Hand a bundle's artifacts to torch, each after its check.

        Args:
            path: The bundle.
            trust: Whom you trust, as `megacache.load` takes it.
            trust_unknown: Load also artifacts of which no system is recorded.
            only: One function, as `megacache.load` takes it; None means all.

        Returns:
            A verdict per artifact, `loaded` or `refused`; `load_report` tells later what became of them.

        Raises:
            SessionError: When the session has not begun or is over.
            ArtifactNotFoundError: When the bundle has nothing of the function.
            UntrustedError: When the bundle is not the user's own, and nobody who is trusted signed it.
            KeyFileError: When what `trust` names is no public key.
            BundleError: When the bundle cannot be read; see `errors`.
        """
        if self not in self._process.open:
            raise SessionError(f"session {self.name!r} is not open: load inside its `with` block")
        with ExitStack() as opened:
            found = opened.enter_context(examined(path, trust))
            if found.reasons:
                raise untrusted(path, found.reasons, trust)
            stored = found.recording if only is None else rows_of(found.recording, only)
            self._stack.push(opened.pop_all())  # kept open, for its key components are what a miss is explained by
        return self._hand_over(stored, trust_unknown=trust_unknown)

    def _load_own(self, path: Path) -> None:
        """Load the session's own bundle; where that is not trusted, say so and go on cold."""
        found = self._stack.enter_context(examined(path, self._trust))
        if not found.reasons:
            self._hand_over(found.recording)
            return
        from megacache.compiler.hydrate import verdict_on

        self._stored = found.recording
        reason = f"its bundle is not trusted: {'; '.join(found.reasons)}"
        self._verdicts = tuple(verdict_on(each, "refused", reason) for each in found.recording.artifacts)
        notice = untrusted(path, found.reasons, self._trust)
        warnings.warn(f"session {self.name!r} starts cold: {notice}", stacklevel=3)

    def _hand_over(self, stored: Recording, *, trust_unknown: bool = False) -> LoadReport:
        """Hand rows that passed the gate to torch."""
        from megacache.compiler.hydrate import hydrate

        self._stored = stored
        capture = self._process.capture
        capture.recorder.know_unproven(self._stored.artifacts)
        verdicts = hydrate(
            self._stored,
            capture.system,
            trust_unknown=trust_unknown,
            offer=partial(capture.offer, self._stored),
            serves_guarded_codes=self._may_precompile,
        )
        # An artifact that was loaded before has one verdict, the last.
        known = {(each.artifact_type, each.cache_key, each.content_sha256): each for each in self._verdicts}
        known |= {(each.artifact_type, each.cache_key, each.content_sha256): each for each in verdicts}
        self._verdicts = tuple(known.values())
        return LoadReport(verdicts)

    def incompatibilities(self) -> tuple[str, ...]:
        """Return how the systems that compiled the loaded bundle differ from this one, a sentence each."""
        live = self._process.capture.system
        return tuple(dict.fromkeys(each for system in self._stored.systems for each in mismatches(system, live)))

    def save(self, path: AnyPath | None = None) -> SaveReport:
        """Save what was captured; only what the bundle does not hold yet is written.

        Args:
            path: The bundle, or None for the session's own.

        Returns:
            What was new, and how many bytes it took.

        Raises:
            SessionError: When there is no path, or nothing began.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        target = Path(path) if path is not None else self.bundle_path
        if target is None:
            raise SessionError(f"session {self.name!r} has no bundle: give save() a path")
        report = self._process.save([self], target)
        if target == self.bundle_path:
            report = SaveReport.of([*self._autosaved, report])
            self._autosaved.clear()
        self.save_report = report
        return report

    def begin(self) -> None:
        """Let what torch compiles from now on belong to this session.

        Raises:
            SessionError: When the session was used before.
        """
        from megacache import __version__
        from megacache.compiler.capture import live_options
        from megacache.compiler.codes import cell_digest

        capture = self._process.capture
        if self._info is not None:
            raise SessionError(f"session {self.name!r} was used before: make a new one")
        self._info = SessionInfo(
            session_id=uuid.uuid4().hex[:16],
            name=self.name,
            run_id=capture.recorder.run_id,
            system_id=capture.system.system_id,
            status="open",
            started_us=time.time_ns() // 1000,
            cell=self._cell,
            cell_digest=cell_digest(self._cell) if self._cell else None,
            script=None if self._cell else _script(),
            notebook=self._notebook,
            rank=int(os.environ["RANK"]) if os.environ.get("RANK", "").isdigit() else None,
            megacache_version=__version__,
            config=live_options(),
        )
        if self._is_fresh:
            from megacache.compiler.capture import fresh_caches

            self._stack.enter_context(fresh_caches())
        self._process.enter(self)

    def end(self, error: BaseException | None = None) -> None:
        """Give what torch compiles from now on back to the session around this one; a second call does nothing.

        Args:
            error: What the user's own code raised, if it did.
        """
        if self not in self._process.open:
            return
        if self.autosave is not None:
            self.autosave.stop()
        capture = self._process.capture
        capture.flush()  # now, so that what torch kept back belongs to this session
        capture.recorder.fold()
        self._info = replace(
            self.info,
            status="ok" if error is None else "failed",
            error=None if error is None else f"{type(error).__qualname__}: {error}",
            ended_us=time.time_ns() // 1000,
        )
        try:
            self._verdicts = self.load_report.verdicts
        finally:
            self._process.leave(self)
            self._stack.close()
            self._stored = Recording()

    def is_report_due(self) -> bool:
        """Say whether a save should write the load report again, and take it for written.

        It is as long as what was loaded, and made from all uses. So while the session is open, it is written when a
        twentieth of the uses is new; and always once the session is over.
        """
        if self not in self._process.open or not self._verdicts:
            return True
        session_ids = [each.info.session_id for each in (self, *self.parts)]
        use_count = self._process.capture.recorder.uses.count(session_ids)
        is_due = (use_count - self._reported_count) * _REPORTED_SHARE >= use_count
        if is_due:
            self._reported_count = use_count
        return is_due

    def load_report_document(self) -> tuple[Document, ...]:
        """Return the load report as a document, or nothing where nothing was loaded."""
        verdicts = self.load_report.verdicts
        if not verdicts:
            return ()
        content = encode_rows(verdicts)
        return (
            Document(
                session_id=self.info.session_id,
                ordinal=_LOAD_REPORT_ORDINAL,
                run_id=self.info.run_id,
                compile_id=None,
                backend_id=None,
                name="load_report",
                title=None,
                content_sha256=self._process.capture.recorder.documents.keep(content),
                size_bytes=len(content),
            ),
        )

    def _save_what_there_is(self) -> None:
        """Save without what needs the thread that compiles; the report is added to that of the next whole save."""
        if self.bundle_path is not None:
            self._autosaved.append(self._process.save([self], self.bundle_path, is_complete=False))

    def _has_news(self) -> bool:
        heard_count = self._process.capture.heard_count
        has_news, self._saved_count = heard_count != self._saved_count, heard_count
        return has_news

    def _captured(self) -> Recording:
        return self._process.capture.recording(tuple(each.info.session_id for each in (self, *self.parts)))

    def _read_any(self, sha256: str) -> bytes:
        """Read a content of the loaded bundle or of this process: a miss is explained by both."""
        contents = self._process.capture.recorder.documents.contents
        return contents[sha256] if sha256 in contents else self._stored.read(sha256)


def rows_of(recording: Recording, only: Only) -> Recording:
    """Keep the rows of one function.

    Args:
        recording: The rows of any number of functions.
        only: The function itself, a compiled one, a module, a code object, or its name, as `module.qualname`.

    Raises:
        ArtifactNotFoundError: When there is nothing of the function.
        UsageError: When there is no Python code in it.
    """
    if isinstance(only, str):
        return narrowed_to(recording, Choice(only))
    from megacache.compiler.functions import choice_of

    return narrowed_to(recording, choice_of(only))


def _script() -> str | None:
    """Return the program that runs, or None in an interactive one."""
    main = sys.modules.get("__main__")
    return getattr(main, "__file__", None)
