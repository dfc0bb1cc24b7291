"""Widget: the explorer in a notebook, live.

It stands in two outputs: the widget, and below it a static summary, which the widget hides as long as it is there. So a
notebook that is opened again, without a kernel, still says something.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import traitlets
from anywidget import AnyWidget
from IPython.display import DisplayHandle, display

from megacache.explorer import front_end, page
from megacache.explorer.actions import Actions
from megacache.explorer.discretion import Discretion
from megacache.explorer.kernel import answer_where_asked, is_main_thread, later, running_kernel
from megacache.explorer.messages import Messages
from megacache.explorer.parts import has_plotly
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.sources import Shown, source_of
from megacache.explorer.transfers import Transfers
from megacache.views.notebook import notebook_html
from megacache.views.summary import Summary

HEIGHT = 720
"""How high the explorer is, in pixels, unless it is told otherwise."""

STATIC_ROW_LIMIT = 20
"""The most lines of the static summary, which the notebook keeps."""

SHORTEST_INTERVAL_S = 0.5
"""The shortest time between two updates while a cell runs."""

LARGEST_SHARE = 20
"""How many times longer than an update the time between two is at least: updates take at most 5 % of a cell."""

_logger = logging.getLogger(__name__)


def explore(what: Shown = None, *, height: int = HEIGHT) -> Explorer:
    """Return an explorer, which a notebook shows.

    Args:
        what: A session, a bundle or the path of one; None stands for all that this process captured.
        height: How high it is, in pixels.

    Raises:
        FrontEndError: When the front end was not built.
        BundleError: When the bundle cannot be read; see `errors`.
        UsageError: When it is something else that cannot be explored.
    """
    return Explorer(what, height=height)


class Explorer(AnyWidget):
    """An interactive view of a session, a bundle, or all that this process captured.

    Args:
        what: See `explore`.
        height: How high it is, in pixels.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    _tree = traitlets.Bytes().tag(sync=True)
    _actions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _has_plotly = traitlets.Bool().tag(sync=True)
    _uid = traitlets.Unicode().tag(sync=True)
    _height = traitlets.Int(HEIGHT).tag(sync=True)

    # What `close` needs, which also an explorer that could not be made is asked for.
    _transfers: Transfers | None = None
    _stop_listening: Callable[[], None] | None = None

    def __init__(self, what: Shown = None, *, height: int = HEIGHT) -> None:
        script = front_end.built("widget.js").read_text(encoding="utf-8")
        self._source = source_of(what)
        self._snapshot = Snapshot(self._source.recording(), self._source.about)
        self._transfers = transfers = Transfers()
        self._outputs: list[DisplayHandle] = []
        self._shown: object = None
        self._next_update = 0.0
        self._is_waiting = False
        actions = Actions(self._source, transfers, self.refresh)
        self._messages = Messages(lambda: self._snapshot, actions, transfers, self.send)
        super().__init__(
            _esm=script,
            _css=front_end.styles(),
            _tree=self._snapshot.wire("functions"),
            _actions=list(self._source.actions),
            _has_plotly=has_plotly(),
            _uid=uuid.uuid4().hex[:12],
            _height=height,
        )
        self.on_msg(self._on_message)
        self.follow()

    # -- keeping up ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Fill while torch compiles, at most twice a second; a new explorer does so, and a second call does nothing."""
        if self._stop_listening is None:
            self._stop_listening = self._source.listen(self._on_change)

    def refresh(self) -> Snapshot:
        """Show what there is now, and return it. To be called on the main thread."""
        begun = time.monotonic()
        snapshot = Snapshot(self._source.recording(), self._source.about)
        tree = snapshot.wire("functions")
        self._snapshot = snapshot  # first: the front end may ask as soon as it has the tree
        self._tree = tree
        self._shown = self._version()
        now = time.monotonic()
        self._next_update = now + max(SHORTEST_INTERVAL_S, LARGEST_SHARE * (now - begun))
        return snapshot

    def _on_change(self) -> None:
        """Update now, later or not at all. What goes wrong here must never reach the user's own code."""
        try:
            if not is_main_thread():
                later(0, self._on_change)
            elif self._source.about.is_live:
                self._update_in_time()
            elif self._version() != self._shown:  # it has ended, or was saved since
                self.refresh()
                self._update_outputs()
        except Exception:
            _logger.exception("the explorer could not be updated")

    def _update_in_time(self) -> None:
        wait = self._next_update - time.monotonic()
        if wait <= 0:
            self.refresh()
        elif not self._is_waiting:
            self._is_waiting = later(wait, self._update_late)

    def _update_late(self) -> None:
        self._is_waiting = False
        if self._stop_listening is not None:
            self._on_change()

    def _version(self) -> object:
        """Return what tells whether a session that is over has changed: it was saved, or its bundle grew."""
        about = self._source.about
        try:
            return about, about.bundle.stat().st_mtime_ns if about.bundle else None
        except OSError:  # it is not saved yet
            return about, None

    # -- what it is shown as -------------------------------------------------------------------------------------

    def _ipython_display_(self, **_: Any) -> None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        display({**data, "text/plain": repr(self)}, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        handle = display(self._static(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if running_kernel() is not None:
            self._outputs.append(handle)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **self._static(), "text/plain": repr(self)}, metadata

    def _static(self) -> dict[str, str]:
        """Return what stands there without a kernel; the front end hides it by its number."""
        html = notebook_html(self._snapshot.tree.root, STATIC_ROW_LIMIT)
        return {"text/html": f'<div class="mc-static" data-mc="{self._uid}">{html}</div>', "text/plain": " "}

    def _update_outputs(self) -> None:
        for handle in self._outputs:
            handle.update(self._static(), raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        snapshot = self._snapshot
        return f"<megacache explorer of {snapshot.about.title!r}: {Summary.of(snapshot.tree.root).line()}>"

    # -- what it does --------------------------------------------------------------------------------------------

    def export_html(
        self, path: str | os.PathLike[str], *, keeps_home: bool = False, keeps_environment: bool = False
    ) -> int:
        """Write the explorer as one HTML page and return its size in bytes; see `Recorded.export_html`."""
        discretion = Discretion(keeps_home=keeps_home, keeps_environment=keeps_environment)
        return page.write(path, self.refresh(), discretion)

    def open(self) -> None:
        """Make the model in the front end; ipywidgets calls it."""
        super().open()
        answer_where_asked(self.comm)

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        answer_where_asked(self.comm)

    def _on_message(self, _: object, content: object, buffers: Sequence[bytes | memoryview]) -> None:
        self._messages.receive(content, buffers)

    def close(self) -> None:
        """Stop following, remove what waits to be downloaded, and take the view away."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._transfers is not None:
            self._transfers.close()
        super().close()
