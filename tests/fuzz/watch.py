"""Watch: note whatever a reader must not do while it reads, by Python's audit events."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

FORBIDDEN = ("exec", "compile", "import", "pickle.find_class", "socket.", "ctypes.", "os.system")
COPYING = ("os.", "shutil.", "subprocess.")
HARMLESS = frozenset({"os.listdir", "os.scandir"})
MOST_SECONDS = 5.0
"""Of the processor; a machine with other work makes the wall's clock say nothing."""


_LONGEST_EVENT = 200


class ForbiddenError(AssertionError):
    """Say that a reader imported, ran, wrote or connected, or took too long."""


class _Watch:
    """The hook is there for good, as Python has it; it notes only within `watching`, and only of one thread."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._thread = 0
        self._is_hooked = self._may_copy = False

    def begin(self, *, may_copy: bool) -> None:
        self._may_copy = may_copy
        if not self._is_hooked:
            sys.addaudithook(self._note)
            self._is_hooked = True
        self.events.clear()
        self._thread = get_ident()

    def end(self) -> None:
        self._thread = 0

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if get_ident() != self._thread:
            return
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & 3)  # type: ignore[operator]
            if writes and not self._may_copy:
                self.events.append(f"open {arguments[0]!r} {mode or flags}")
        elif event.startswith(FORBIDDEN) or (
            event.startswith(COPYING) and event not in HARMLESS and not self._may_copy
        ):
            self.events.append(f"{event} {arguments[:1]!r}"[:_LONGEST_EVENT])


_watch = _Watch()


@contextmanager
def watching(*, may_copy: bool = False) -> Iterator[None]:
    """Watch this thread.

    Args:
        may_copy: Whether a private copy may be made: of a damaged bundle, and by a process of its own.

    Raises:
        ForbiddenError: When something that a reader must not do was done, or it took too long.
    """
    started_s = time.process_time()
    _watch.begin(may_copy=may_copy)
    try:
        yield
    finally:
        _watch.end()
    if _watch.events:
        raise ForbiddenError(f"a reader did what it must not: {_watch.events[:5]}")
    taken_s = time.process_time() - started_s
    if taken_s > MOST_SECONDS:
        raise ForbiddenError(f"a reader took {taken_s:.1f} s")
