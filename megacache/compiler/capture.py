"""Capture: the taps and the recorder of this process, on or off.

Layer: compiler. There is one per process; `sessions` holds it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from megacache.compiler import versions
from megacache.compiler.recorder import Recorder
from megacache.compiler.system import live_config, live_system
from megacache.compiler.taps import Fault, Taps
from megacache.errors import TorchError

if TYPE_CHECKING:
    from megacache.recording import Recording


class Capture:
    """Listen to torch, and keep what was heard.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """

    def __init__(self) -> None:
        versions.check()
        self.system = live_system()
        self.recorder = Recorder(self.system)
        self._taps = Taps(self.recorder.take)

    @property
    def is_on(self) -> bool:
        """Say whether torch is listened to now."""
        return self._taps.is_attached

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What went wrong inside megacache while torch compiled."""
        return (*self._taps.faults, *self.recorder.faults)

    def start(self) -> None:
        """Begin to listen; a second call does nothing."""
        from torch._logging.structured import INTERN_TABLE

        self.recorder.know_files(INTERN_TABLE)
        self._taps.attach()

    def stop(self) -> None:
        """Stop listening and leave torch exactly as it was; what was heard stays."""
        self._taps.detach()

    def recording(self, session_ids: tuple[str, ...]) -> Recording:
        """Return the rows of some sessions."""
        return self.recorder.recording(session_ids)

    def flush(self) -> None:
        """Let torch record what it keeps back until a save: the precompile entries.

        Source: `save_cache_artifacts` in `torch/compiler/__init__.py`, 2.13.0 to 2.15.0.
        """
        import torch._dynamo

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
