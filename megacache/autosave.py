"""Autosave: save a session while it is open, so that a killed kernel loses at most the last seconds.

Layer: beside sessions. Knows nothing of what it saves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from megacache.errors import MegacacheError

INTERVAL_S = 2.0
"""How long after something new a save begins; what comes meanwhile is in the same save."""

LARGEST_SHARE = 0.05
"""The most of the time that goes into saving, however large the session grows."""


class Autosave:
    """A thread that saves, not oftener than the interval, while there is something new.

    What goes wrong is kept in `failure` and tried again when there is something new: the save at the end of the session
    says it to the user.

    Args:
        save: Saves all that is new.
        has_news: Says whether there is anything that the last save had not, and forgets it.
        interval_s: How long to wait between two looks, in seconds.

    Attributes:
        save_count: How many saves have ended well.
        failure: Why the last one did not; None when it did.
    """

    def __init__(
        self, save: Callable[[], object], has_news: Callable[[], bool], interval_s: float = INTERVAL_S
    ) -> None:
        self._save = save
        self._has_news = has_news
        self._interval_s = interval_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="megacache autosave", daemon=True)
        self.save_count = 0
        self.failure: MegacacheError | None = None

    def start(self) -> None:
        """Begin to save."""
        self._thread.start()

    def stop(self) -> None:
        """Save no more; a save that runs is waited for."""
        self._is_over.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause_s = self._interval_s
        while not self._is_over.wait(pause_s):
            if self._has_news():
                begun = time.monotonic()
                self._save_once()
                pause_s = max(self._interval_s, (time.monotonic() - begun) / LARGEST_SHARE)

    def _save_once(self) -> None:
        try:
            self._save()
        except MegacacheError as failure:
            self.failure = failure
        else:
            self.failure = None
            self.save_count += 1
