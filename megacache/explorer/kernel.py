"""Kernel: the running ipykernel, if there is one, and its main thread.

JupyterLab sends what the front end asks to a subshell, a thread of its own, so that it is answered while a cell runs on
the main thread. Whatever touches torch or a session waits for the main thread; the answer is then late, and right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def running_kernel() -> Any | None:
    """Return the kernel of this process, or None in a terminal or a script."""
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def is_main_thread() -> bool:
    """Say whether this is the thread that runs the cells."""
    return threading.current_thread() is threading.main_thread()


def on_main_thread(action: Callable[[], None]) -> None:
    """Run an action on the main thread: now if this is it, else as soon as the kernel is idle.

    Args:
        action: It must not raise.
    """
    loop = None if is_main_thread() else _loop()
    if loop is None:
        action()
    else:
        loop.add_callback(action)


def later(seconds: float, action: Callable[[], None]) -> bool:
    """Run an action on the main thread once the kernel is idle and some time has passed.

    Args:
        seconds: How long at least.
        action: It must not raise.

    Returns:
        Whether there is a kernel that can do so.
    """
    loop = _loop()
    if loop is not None:
        loop.add_callback(lambda: loop.call_later(seconds, action))
    return loop is not None


def answer_where_asked(comm: object) -> None:
    """Let a message that comes over a comm go to the subshell that it names; to be called after each send.

    Ipykernel would bring it to the shell that last sent over the comm: while a cell fills the explorer, to the one that
    runs the cell, where it waits for the cell's end.

    Args:
        comm: That of the widget, or None.

    Source: `BaseComm._reply_subshell_for` in `ipykernel/comm/comm.py`, 7.4; where it is absent this does nothing.
    """
    if comm is not None:
        vars(comm).pop("_reply_subshell_id", None)


def _loop() -> Any | None:
    return getattr(running_kernel(), "io_loop", None)
