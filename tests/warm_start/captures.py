"""Captures: the three ways to keep what was compiled from one run to the next, and what each says of a run.

`Megacache` is ours, `Plain` is torch's own `caching_precompile`. `Bare` keeps nothing: it shows that the texts are
right, and that torch without any warm start is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch._dynamo.config
from torch._dynamo import convert_frame

if TYPE_CHECKING:
    from warm_start.case import Item


class Traces:
    """Counts the frames that Dynamo traces, whatever the number of attempts.

    A structured `dynamo_start` is no proof of a trace: torch logs one when it loads an entry, too.
    """

    def __init__(self) -> None:
        self.count = 0
        self._compile_frame = convert_frame.compile_frame
        convert_frame.compile_frame = self._counted

    def _counted(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return self._compile_frame(*args, **kwargs)


class Bare:
    """Torch as it is: nothing is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.traced = 0
        self._traces = Traces()

    def cache_folder(self, item: Item, phase: int) -> Path:
        """Return torch's cache directory for one run: an empty one."""
        return self.folder / "cache" / str(phase) / item.id

    def begin(self, item: Item) -> None:
        """Make ready for one run."""
        self.item = item
        self.traced = 0

    @contextmanager
    def session(self) -> Iterator[None]:
        """Load what is kept, let the user's code run, and keep the union."""
        before = self._traces.count
        try:
            yield
        finally:
            self.traced += self._traces.count - before

    def verdict(self) -> str:
        """Return what became of the run."""
        return "miss" if self.traced else "hit"

    def reasons(self) -> list[str]:
        """Return why, as far as anybody says."""
        return []


class Plain(Bare):
    """Torch's own warm start, as its documentation has it; the cache directory is kept as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        torch._dynamo.config.caching_precompile = True

    def cache_folder(self, item: Item, phase: int) -> Path:  # noqa: ARG002
        return self.folder / "cache" / item.id

    def begin(self, item: Item) -> None:
        """Forget what the process recorded for other cases: they are other notebooks."""
        from torch._dynamo.precompile_context import PrecompileContext
        from torch.compiler._cache import CacheArtifactManager

        super().begin(item)
        CacheArtifactManager.clear()
        PrecompileContext.clear()

    @contextmanager
    def session(self) -> Iterator[None]:
        kept = self.folder / "bundles" / f"{self.item.id}.bin"
        if kept.exists():
            torch.compiler.load_cache_artifacts(kept.read_bytes())
        with super().session():
            yield
        saved = torch.compiler.save_cache_artifacts()
        if saved is not None:
            kept.write_bytes(saved[0])


class Megacache(Bare):
    """Ours."""

    def __init__(self, folder: Path) -> None:
        import megacache  # noqa: F401  Its import is not a case's business.

        super().__init__(folder)
        self._sessions: list[Any] = []

    @property
    def bundle(self) -> Path:
        """The bundle of the current case."""
        return self.folder / "bundles" / f"{self.item.id}.megacache"

    def begin(self, item: Item) -> None:
        """Forget what the process was offered for other cases: they are other kernels."""
        import megacache
        from megacache.process import process

        super().begin(item)
        self._sessions = []
        megacache.disable()
        process.__init__()

    @contextmanager
    def session(self) -> Iterator[None]:
        import megacache

        with super().session(), megacache.session(self.item.case.name, bundle=self.bundle) as session:
            self._sessions.append(session)
            yield

    def verdict(self) -> str:
        statuses = Counter(status for each in self._sessions for status in each.tables.compiles["status"])
        served, compiled = statuses.pop("served", 0), statuses.total()
        if self.traced > compiled:
            return f"{self.traced} traced, {compiled} told"
        if served:
            return "partial" if statuses["ok"] else "hit"
        loaded = {each.verdict for session in self._sessions for each in session.load_report.verdicts} - {"missed"}
        if loaded == {"refused"}:
            return "refused"
        return "miss" if compiled else "nothing"

    def reasons(self) -> list[str]:
        verdicts = [each for session in self._sessions for each in session.load_report.verdicts]
        told = dict.fromkeys(f"{each.artifact_type} {each.verdict}: {each.reason}" for each in verdicts if each.reason)
        return sorted(told, key=lambda each: not each.startswith(("guarded_code", "kernel")))

    def faults(self) -> list[str]:
        """Return what went wrong inside megacache."""
        from megacache.process import process

        return [f"{each.where}: {each.error}" for each in process.capture.faults] if process.has_capture else []


CAPTURES = {"megacache": Megacache, "plain": Plain, "bare": Bare}
