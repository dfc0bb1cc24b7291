"""Messages: what the front end asks, and the answers; every question is answered once, be it with an error.

front -> kernel  {"type": "ask", "id": n, "name": ..., "params": {...}}, with one buffer for `upload_chunk`
kernel -> front  {"type": "answer", "id": n, "result": ...}, with a buffer for a tree, a piece or a large part
                 {"type": "answer", "id": n, "error": "one sentence"}
                 {"type": "progress", "id": n, "done": x, "total": y}, before the answer
"""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from megacache.errors import MegacacheError, UsageError
from megacache.explorer.actions import Actions
from megacache.explorer.kernel import on_main_thread
from megacache.explorer.shapes import Outcome
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.transfers import Transfers

Send = Callable[[dict[str, object], list[bytes]], None]
"""Sends a message with its buffers to the front end."""

INLINE_LIMIT_BYTES = 64 * 1024
"""A part whose JSON is longer goes compressed, in a buffer."""

_PROGRESS_INTERVAL_S = 0.1
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question is answered with."""

    result: object = None
    buffer: bytes | None = None


class Messages:
    """The kernel's end of the conversation with one explorer.

    Trees, parts and transfers are served in the thread in which the question came, from the last snapshot. What acts on
    a session or on torch waits for the main thread.

    Args:
        snapshot: Returns the last snapshot.
        actions: What buttons ask for.
        transfers: The files on their way.
        send: Sends a message; called in any thread.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], actions: Actions, transfers: Transfers, send: Send) -> None:
        self._snapshot = snapshot
        self._actions = actions
        self._transfers = transfers
        self._send = send

    def receive(self, content: object, buffers: Sequence[bytes | memoryview]) -> None:
        """Take one message; what is no question is passed over."""
        if not isinstance(content, dict) or content.get("type") != "ask":
            return
        number, name, params = content.get("id"), content.get("name"), content.get("params")
        params = params if isinstance(params, dict) else {}

        def answer() -> None:
            self._answer(number, lambda: self._result(number, name, params, buffers))

        if name in ("act", "upload_end"):
            on_main_thread(answer)
        else:
            answer()

    def _answer(self, number: object, ask: Callable[[], Answer]) -> None:
        try:
            answer = ask()
        except MegacacheError as error:
            self._send({"type": "answer", "id": number, "error": str(error)}, [])
        except Exception as error:
            _logger.exception("the explorer could not answer")
            self._send({"type": "answer", "id": number, "error": f"{type(error).__qualname__}: {error}"}, [])
        else:
            buffers = [] if answer.buffer is None else [answer.buffer]
            self._send({"type": "answer", "id": number, "result": answer.result}, buffers)

    def _result(
        self, number: object, name: object, params: Mapping[str, Any], buffers: Sequence[bytes | memoryview]
    ) -> Answer:
        match name:
            case "tree":
                return Answer(buffer=self._snapshot().wire(_text(params, "grouping")))
            case "part":
                return _packed(self._snapshot().part(_text(params, "kind"), _text(params, "name")))
            case "act":
                return self._act(number, params)
            case "download":
                chunk, is_last = self._transfers.read(_text(params, "token"), _whole(params, "at"))
                return Answer({"isLast": is_last}, chunk)
            case "upload_begin":
                return Answer({"token": self._transfers.begin(_text(params, "name"), _whole(params, "bytes"))})
            case "upload_chunk":
                chunk = bytes(buffers[0]) if buffers else b""
                return Answer({"received": self._transfers.write(_text(params, "token"), _whole(params, "at"), chunk)})
            case "upload_end":
                return Answer(self._uploaded(_text(params, "token"), is_trusted=params.get("trusts") is True))
            case "cancel":
                self._transfers.cancel(_text(params, "token"))
                return Answer({})
        raise UsageError(f"this megacache does not know the question {str(name)[:40]!r}; reload the page")

    def _uploaded(self, token: str, *, is_trusted: bool) -> Outcome:
        """Load what was uploaded; while it is doubted, it waits. Where it lies here means nothing to who sent it."""
        path = self._transfers.complete(token)
        try:
            if not is_trusted and (doubted := self._actions.doubts_about(path)):
                return doubted
            with self._transfers.received(token):
                return self._actions.load(path, is_trusted=True)
        except MegacacheError as error:
            self._transfers.cancel(token)
            raise UsageError(str(error).replace(str(path), path.name)) from error

    def _act(self, number: object, params: Mapping[str, Any]) -> Answer:
        path, options = params.get("path"), params.get("options")
        told_at = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told_at
            if time.monotonic() - told_at > _PROGRESS_INTERVAL_S:
                told_at = time.monotonic()
                self._send({"type": "progress", "id": number, "done": done, "total": total}, [])

        outcome = self._actions.act(
            _text(params, "action"),
            path if isinstance(path, str) else None,
            options if isinstance(options, dict) else {},
            progress,
            is_trusted=params.get("trusts") is True,
        )
        return Answer(outcome)


def _packed(part: object) -> Answer:
    """Return a part as it is, or compressed in a buffer where it is large."""
    content = json.dumps(part, separators=(",", ":")).encode()
    if len(content) <= INLINE_LIMIT_BYTES:
        return Answer(part)
    return Answer(buffer=gzip.compress(content, compresslevel=5, mtime=0))


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise UsageError(f"the question lacks {name!r}")
    return value


def _whole(params: Mapping[str, Any], name: str) -> int:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise UsageError(f"the question lacks the number {name!r}")
    return int(value)
