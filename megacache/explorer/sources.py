"""Sources: what an explorer shows, and what can be done with it: a session, this process, or a bundle."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from megacache.bundle import Bundle, SaveReport, merge
from megacache.bundle.compiled_file import CompiledFile, is_compiled
from megacache.errors import SessionError, UsageError
from megacache.explorer.summary import About
from megacache.process import Everything, Process
from megacache.process import process as this_process
from megacache.recording import Recorded, Recording
from megacache.report import LoadReport
from megacache.sessions import Session
from megacache.trust.gate import Trust
from megacache.verbs import everything, load

Shown = Recorded | str | os.PathLike[str] | None
"""What may be explored: a session, a bundle, the path of one or of a compiled artifact of torch's.

None stands for all that this process captured."""


class Source(ABC):
    """What an explorer shows.

    Attributes:
        actions: What can be done with it, as `Action` in `widgets/src/host.ts` names it.
    """

    actions: tuple[str, ...] = ("save_as", "export_bundle", "export_html", "export_trace")

    @abstractmethod
    def recording(self) -> Recording:
        """Return the rows as they are now."""

    @property
    @abstractmethod
    def about(self) -> About:
        """What the recording does not say of itself, as it is now."""

    @abstractmethod
    def save_as(self, path: Path) -> SaveReport:
        """Save all of it into a bundle, which is made if it is not there, and grows if it is."""

    def save(self) -> SaveReport:
        """Save into the bundle that belongs to it.

        Raises:
            SessionError: When there is none.
        """
        bundle = self.about.bundle
        if bundle is None:
            raise SessionError(f"{self.about.title} has no bundle: save it under a name")
        return self.save_as(bundle)

    def export(self, path: Path) -> None:
        """Write a new bundle with all that its own bundle holds, and what was captured since."""
        own = self.about.bundle
        if own is not None and own.exists():
            merge([own], into=path)
        self.save_as(path)

    def load(self, path: Path, *, trust: Trust = None) -> LoadReport:
        """Hand a bundle's artifacts to torch, in the session that is open now; without one, capturing begins.

        Args:
            path: The bundle.
            trust: Whom the user trusts, as `megacache.load` takes it.

        Raises:
            UntrustedError: When the bundle is not the user's own, and nobody who is trusted signed it.
            IncompatibleError: When nothing could be loaded, since another system compiled it.
            BundleError: When the bundle cannot be read; see `errors`.
            TorchError: When torch is absent or refuses the artifacts.
        """
        return load(path, trust=trust)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back when there is something new, until the returned function is called."""
        del listener  # a bundle is read when it is asked for, and does not tell of itself
        return lambda: None


class SessionSource(Source):
    """A session of this process, open or over."""

    def __init__(self, session: Session, process: Process = this_process) -> None:
        self._session = session
        self._process = process

    @property
    def actions(self) -> tuple[str, ...]:  # type: ignore[override]
        """What can be done: save only where there is a bundle."""
        own = ("save",) if self._session.bundle_path is not None else ()
        return (*own, "load", "upload", *Source.actions)

    def recording(self) -> Recording:
        """Return the rows as they are now."""
        return self._session.recording()

    @property
    def about(self) -> About:
        """Its name, its bundle, and whether it captures."""
        session = self._session
        return About(title=session.name, bundle=session.bundle_path, is_live=session in self._process.open)

    def save(self) -> SaveReport:
        """Save into its own bundle; the session remembers the report."""
        return self._session.save()

    def save_as(self, path: Path) -> SaveReport:
        """Save it into another bundle."""
        return self._process.save([self._session], path)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each compile, save and end of a session."""
        return self._process.listen(listener)


class ProcessSource(Source):
    """All that this process captured."""

    actions = ("load", "upload", *Source.actions)

    def __init__(self, captured: Everything, process: Process = this_process) -> None:
        self._captured = captured
        self._process = process

    def recording(self) -> Recording:
        """Return the rows as they are now; none where nothing was captured yet."""
        return self._captured.recording() if self._process.has_capture else Recording()

    @property
    def about(self) -> About:
        """Its name, and whether it captures."""
        return About(title=self._captured.name, is_live=self._process.is_on)

    def save_as(self, path: Path) -> SaveReport:
        """Save it into a bundle."""
        return self._captured.save(path)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each compile, save and end of a session."""
        return self._process.listen(listener)


class BundleSource(Source):
    """A bundle, read when it is asked for."""

    actions = ("load", "upload", *Source.actions)

    def __init__(self, path: Path) -> None:
        self._path = path
        Bundle.open(path).close()  # says now what is wrong with it

    def recording(self) -> Recording:
        """Return the rows as they are now; their contents are read from the file when they are asked for."""
        with Bundle.open(self._path) as bundle:
            return bundle.recording()

    @property
    def about(self) -> About:
        """The name of the file."""
        return About(title=self._path.name, bundle=self._path)

    def save_as(self, path: Path) -> SaveReport:
        """Add all that it holds to another bundle.

        Raises:
            UsageError: When the other one is itself.
        """
        if path.exists() and path.samefile(self._path):
            raise UsageError(f"{path} is the bundle that is shown; choose another name")
        return merge([self._path], into=path)

    def export(self, path: Path) -> None:
        """Write a new bundle with all that it holds."""
        self.save_as(path)


class OtherSource(Source):
    """Any other recording: it can be looked at and exported as a page."""

    actions = ("export_html", "export_trace")

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def recording(self) -> Recording:
        """Return the rows as they are now."""
        return self._recorded.recording()

    @property
    def about(self) -> About:
        """Its name, or that of its class."""
        return About(title=str(getattr(self._recorded, "name", type(self._recorded).__name__.lower())))

    def save_as(self, path: Path) -> SaveReport:
        """Refuse: nobody knows how.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{self.about.title} cannot be saved to {path}: only a session or a bundle can")


def source_of(what: Shown) -> Source:
    """Return the source for what a user wants to explore.

    Args:
        what: A session, a bundle or the path of one; None stands for all that this process captured.

    Raises:
        BundleError: When the bundle cannot be read; see `errors`.
        UsageError: When it is something else.
    """
    if what is None:
        return ProcessSource(everything())
    if isinstance(what, Session):
        return SessionSource(what)
    if isinstance(what, Everything):
        return ProcessSource(what)
    if isinstance(what, Bundle):
        return BundleSource(what.path)
    if isinstance(what, Recorded):
        return OtherSource(what)
    if isinstance(what, (str, os.PathLike)):
        path = Path(what)
        return OtherSource(CompiledFile.open(path)) if is_compiled(path) else BundleSource(path)
    raise UsageError(f"cannot explore a {type(what).__name__}: give a session, a bundle or a path")
