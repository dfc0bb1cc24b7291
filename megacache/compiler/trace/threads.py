"""Threads: which spans of a log were under way at the same time, since the log does not say in which thread.

Layer: compiler, but needs no torch.

A compile id is in one thread at a time, and so is what it lowers. A span outside of any compile id that begins while
one of the same name is under way is a parallel one, such as several runs of the C++ compiler.

Source: `ChromiumEventLogger` in `torch/_dynamo/utils.py` writes `"tid": 0` always, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

Span = tuple[str | None, str]
"""Compile id and name."""

_THREAD_LIMIT = 256
"""A log whose spans have lost their ends does not have more threads than that."""


class TraceThreads:
    """The threads that a log must have had at least, each with the spans that are open in it."""

    def __init__(self) -> None:
        self._open: list[list[Span]] = []

    def begin(self, compile_id: str | None, name: str) -> int:
        """Return the thread in which a span begins, numbered from 0."""
        thread = self._thread_with(compile_id)
        if compile_id is None and thread is not None and self._open[thread][-1] == (None, name):
            thread = None
        if thread is None:
            thread = self._idle()
        self._open[thread].append((compile_id, name))
        return thread

    def end(self, compile_id: str | None, name: str) -> int:
        """Return the thread in which a span ends; those inside it that have no end of their own end with it."""
        span = (compile_id, name)
        innermost = [number for number, stack in enumerate(self._open) if stack and stack[-1] == span]
        within = [number for number, stack in enumerate(self._open) if span in stack]
        for number in (*innermost, *within):
            stack = self._open[number]
            while stack.pop() != span:
                pass
            return number
        return self.current(compile_id)

    def current(self, compile_id: str | None) -> int:
        """Return the thread in which a compile id is being worked on, or the first one that is idle."""
        thread = self._thread_with(compile_id)
        return self._idle() if thread is None else thread

    def _thread_with(self, compile_id: str | None) -> int | None:
        numbers = [number for number, stack in enumerate(self._open) if stack and stack[-1][0] == compile_id]
        return numbers[-1] if numbers else None

    def _idle(self) -> int:
        for number, stack in enumerate(self._open):
            if not stack:
                return number
        if len(self._open) < _THREAD_LIMIT:
            self._open.append([])
        else:
            self._open[-1].clear()
        return len(self._open) - 1
