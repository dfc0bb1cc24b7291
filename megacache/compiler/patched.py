"""Patched: what changes torch while it is attached, and leaves it exactly as it was.

Layer: compiler.
"""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from megacache.compiler import versions

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong inside megacache while torch compiled; the user's program went on."""

    at_us: int
    where: str
    error: str


class Patched(ABC):
    """Something that puts functions of its own in the place of torch's, and takes them away again.

    Attributes:
        faults: What went wrong in them. Torch goes on, whatever happens to us.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._undo: list[Callable[[], None]] = []

    @property
    def is_attached(self) -> bool:
        """Say whether torch is changed now."""
        return bool(self._undo)

    def attach(self) -> None:
        """Change torch; a second call does nothing.

        Raises:
            TorchError: When torch is absent or lacks a name that we need; then nothing is attached.
        """
        if self.is_attached:
            return
        versions.check()
        try:
            self._attach()
        except BaseException:
            self.detach()
            raise

    @abstractmethod
    def _attach(self) -> None:
        """Change torch, each change by `_replace` or with its opposite in `_undo`."""

    def detach(self) -> None:
        """Leave torch exactly as it was: the last change is taken back first."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, owner: Any, name: str, new: object) -> None:
        original = owner.__dict__[name]
        setattr(owner, name, new)
        self._undo.append(lambda: setattr(owner, name, original))

    def _guarded(self, where: str, action: Callable[[], Result]) -> Result | None:
        """Do something of ours within a call of torch's; what goes wrong is kept as a fault."""
        try:
            return action()
        except Exception:  # noqa: BLE001  the user's compile goes on, whatever happened to us
            self._note_fault(where)
            return None

    def _note_fault(self, where: str) -> None:
        """Note the exception that is handled."""
        self.faults.append(Fault(time.time_ns() // 1000, where, traceback.format_exc(limit=-4)))
