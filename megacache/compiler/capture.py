"""Capture: the taps and the recorder of this process, on or off.

Layer: compiler. There is one per process; `sessions` holds it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from megacache.compiler import versions
from megacache.compiler.options import live_config
from megacache.compiler.patched import Fault
from megacache.compiler.raw_events import ArtifactRecorded, CompileEnded, RawEvent
from megacache.compiler.recorder import Recorder
from megacache.compiler.shelf import Shelf
from megacache.compiler.system import live_system
from megacache.compiler.taps import Taps
from megacache.errors import TorchError
from megacache.model import KERNEL, Artifact

if TYPE_CHECKING:
    from megacache.recording import Recording


class Capture:
    """Listen to torch, and keep what was heard.

    Args:
        on_compiled: Called after each compile, in the thread in which it ended.

    Attributes:
        heard_count: Grows with each event; two threads at once may add only one.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """

    def __init__(self, on_compiled: Callable[[], None] = lambda: None) -> None:
        versions.check()
        from megacache.compiler.cache_keys import CacheKeys
        from megacache.compiler.kernels import Kernels
        from megacache.compiler.outside import Outside
        from megacache.compiler.package_watch import WATCH
        from megacache.compiler.precompile import Precompile

        self.system = live_system()
        self.recorder = Recorder(self.system)
        self.heard_count = 0
        self.shelf = Shelf()
        self.precompile = Precompile(self._take, self.shelf)
        self.kernels = Kernels(self._take)
        self.outside = Outside(self._take)
        self.packages = WATCH
        self._kernels: dict[str, ArtifactRecorded] = {}
        self._cache_keys = CacheKeys()
        self._taps = Taps(self._hear)
        self._on_compiled = on_compiled

    @property
    def is_on(self) -> bool:
        """Say whether torch is listened to now."""
        return self._taps.is_attached

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What went wrong inside megacache while torch compiled."""
        rooms = (self._taps, self.precompile, self.packages, self.kernels, self.outside, self.recorder)
        return tuple(fault for room in rooms for fault in room.faults)

    def start(self) -> None:
        """Begin to listen; a second call does nothing."""
        from torch._logging.structured import INTERN_TABLE

        self.recorder.know_files(INTERN_TABLE)
        if not self.is_on:
            self.precompile.attach()  # first, so that the taps see also the compiles that it serves
            self.packages.attach()
            self.kernels.attach()
            self.outside.attach()
            self._cache_keys.attach()
            self._taps.attach()

    def stop(self) -> None:
        """Stop listening and leave torch exactly as it was; what was heard stays."""
        self._taps.detach()
        self._cache_keys.detach()
        self.outside.detach()
        self.kernels.detach()
        self.packages.detach()
        self.precompile.detach()

    def offer(self, recording: Recording, artifacts: Sequence[Artifact]) -> None:
        """Let artifacts of a loaded recording be served when a compile asks for them.

        Args:
            recording: What they are from, with its contents at hand.
            artifacts: Those that are right on this system.
        """
        self.shelf.put(artifacts, recording.read)
        for system in recording.systems:
            kernels = {
                each.cache_key: partial(recording.read, each.content_sha256)
                for each in artifacts
                if each.artifact_type == KERNEL and each.system_id == system.system_id
            }
            if kernels:
                self.kernels.offer(kernels, system, self.system)

    def _hear(self, event: RawEvent) -> None:
        if isinstance(event, ArtifactRecorded) and event.artifact_type == "precompile":
            event = replace(event, components=self.packages.components_at(event.cache_key))
        self._take(event)
        self.precompile.hear(event)
        if isinstance(event, CompileEnded):
            self._on_compiled()

    def _take(self, event: RawEvent) -> None:
        if isinstance(event, ArtifactRecorded) and event.artifact_type == KERNEL:
            self._kernels[event.cache_key] = event
        self.recorder.take(event)
        self.heard_count += 1

    def keep_kernels(self) -> None:
        """Let the session that is open keep every kernel of this process.

        What was compiled before, or found in torch's caches, may need any of them, and torch does not say which.
        """
        for event in list(self._kernels.values()):
            self.recorder.take(replace(event, at_us=time.time_ns() // 1000, compile_id=None))

    def recording(self, session_ids: tuple[str, ...]) -> Recording:
        """Return the rows of some sessions."""
        return self.recorder.recording(session_ids)

    def flush(self) -> None:
        """Let torch record what it keeps back until a save: the precompile entries.

        Source: `save_cache_artifacts` in `torch/compiler/__init__.py`, 2.13.0 to 2.15.0.
        """
        import torch._dynamo

        self.precompile.flush()
        if self.is_on and torch._dynamo.config.caching_precompile:
            from torch._dynamo.precompile_context import PrecompileContext

            PrecompileContext.save_to_dynamo_cache()

    def frame_count(self) -> int:
        """Return how many frames Dynamo has compiled in this process, as it counts them itself."""
        from torch._dynamo.utils import counters

        return int(counters["frames"]["ok"])


def live_options() -> dict[str, str]:
    """Return the options of torch that differ from their defaults now.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    versions.check()
    return live_config()


@contextmanager
def fresh_caches() -> Iterator[None]:
    """Give torch an empty cache directory for a while.

    The directory lives until the process ends, since what was compiled in it may still be loaded from it.

    Raises:
        TorchError: When this release has no way to do it.

    Source: `fresh_cache` in `torch/_inductor/utils.py`, 2.13.0 to 2.15.0.
    """
    try:
        from torch._inductor.utils import fresh_cache
    except ImportError as error:
        raise TorchError("this torch has no torch._inductor.utils.fresh_cache; leave out --fresh") from error
    _FRESH.append(tempfile.TemporaryDirectory(prefix="megacache-fresh-", ignore_cleanup_errors=True))
    with fresh_cache(dir=_FRESH[-1].name, delete=False):
        yield


_FRESH: list[tempfile.TemporaryDirectory[str]] = []
"""The directories of `fresh_caches`; Python removes them at exit."""
