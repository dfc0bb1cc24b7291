"""Transfers: files on their way between the kernel and the browser, in pieces, each under a token that nobody guesses.

A message from the browser of more than about ten megabytes never arrives, so files go in small pieces.
"""

from __future__ import annotations

import atexit
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from weakref import finalize

from megacache.errors import UsageError
from megacache.explorer.shapes import Download

DOWNLOAD_CHUNK_BYTES = 4 << 20
"""The most bytes that one answer carries."""

UPLOAD_CHUNK_BYTES = 1 << 20
"""The most bytes that one message from the browser may carry."""

_OPEN_LIMIT = 8
_LONGEST_NAME = 100


@dataclass(slots=True)
class _Transfer:
    """One file; an upload is complete when `received_bytes` is `size_bytes`."""

    path: Path
    size_bytes: int
    received_bytes: int = 0


class Transfers:
    """The files that are on their way; `close` removes them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="megacache-transfers-"))
        self._remove_folder = finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._downloads: dict[str, _Transfer] = {}
        self._uploads: dict[str, _Transfer] = {}
        self._lock = threading.RLock()

    @contextmanager
    def making(self) -> Iterator[Path]:
        """Give a place for a file that is to be downloaded; nothing is there yet.

        When the block raises, what it left there goes at once: a failed export may be as large as a whole bundle.
        """
        path = self._folder / f"{secrets.token_hex(16)}.part"
        try:
            yield path
        except BaseException:
            for left in self._folder.glob(f"{path.name}*"):  # SQLite's journal stands beside its file
                left.unlink(missing_ok=True)
            raise

    # -- from the kernel to the browser --------------------------------------------------------------------------

    def offer(self, path: Path, name: str, mime: str) -> Download:
        """Let the browser fetch a file; it is removed once it was fetched, or when many others wait.

        Args:
            path: What `making` gave, with the file there now.
            name: What the browser calls it.
            mime: Its type.
        """
        size_bytes = path.stat().st_size
        return Download(token=self._keep(self._downloads, path, size_bytes), name=name, bytes=size_bytes, mime=mime)

    def read(self, token: str, at: int) -> tuple[bytes, bool]:
        """Return the next piece of a file, and whether it is the last; the file is gone after that.

        Raises:
            UsageError: When nothing has this token, or the place is not in the file.
        """
        with self._lock:
            transfer = _found(self._downloads, token)
            if not 0 <= at <= transfer.size_bytes:
                raise UsageError(f"byte {at:,} is not in a download of {transfer.size_bytes:,} bytes")
            with transfer.path.open("rb") as file:
                file.seek(at)
                chunk = file.read(DOWNLOAD_CHUNK_BYTES)
            is_last = at + len(chunk) >= transfer.size_bytes
            if is_last:
                self.cancel(token)
            return chunk, is_last

    # -- from the browser to the kernel --------------------------------------------------------------------------

    def begin(self, name: str, size_bytes: int) -> str:
        """Begin an upload and return its token.

        Args:
            name: What the file is called; its folders do not count.
            size_bytes: How many bytes will come.

        Raises:
            UsageError: When there is nothing to upload.
        """
        if size_bytes <= 0:
            raise UsageError(f"{name[:_LONGEST_NAME]} is empty: choose a bundle")
        folder = _loaded_folder() / secrets.token_hex(16)
        folder.mkdir()
        path = folder / (re.split(r"[/\\]", name)[-1].strip(". ")[:_LONGEST_NAME] or "upload.megacache")
        path.touch(mode=0o600)
        return self._keep(self._uploads, path, size_bytes)

    def write(self, token: str, at: int, chunk: bytes) -> int:
        """Add the next piece of an upload and return how many bytes there are now.

        Raises:
            UsageError: When nothing has this token, or the piece is too large or not the next one.
        """
        with self._lock:
            transfer = _found(self._uploads, token)
            if at != transfer.received_bytes:
                raise UsageError(f"a piece from byte {at:,} came where byte {transfer.received_bytes:,} is the next")
            if len(chunk) > UPLOAD_CHUNK_BYTES or at + len(chunk) > transfer.size_bytes:
                raise UsageError(f"a piece of {len(chunk):,} bytes is more than was announced")
            with transfer.path.open("ab") as file:
                file.write(chunk)
            transfer.received_bytes += len(chunk)
            return transfer.received_bytes

    def complete(self, token: str) -> Path:
        """Return the file of a complete upload, which goes on waiting to be taken or cancelled.

        Raises:
            UsageError: When nothing has this token, or pieces are missing.
        """
        with self._lock:
            transfer = _found(self._uploads, token)
            if transfer.received_bytes != transfer.size_bytes:
                here = f"{transfer.received_bytes:,} of {transfer.size_bytes:,} bytes are here"
                raise UsageError(f"the upload is not complete: {here}")
            return transfer.path

    @contextmanager
    def received(self, token: str) -> Iterator[Path]:
        """Give the file of a complete upload, whose token is used up.

        The file stays until the process ends, for torch may still read from it; it goes when the block raises.

        Raises:
            UsageError: When nothing has this token, or pieces are missing.
        """
        with self._lock:
            self.complete(token)
            transfer = self._uploads.pop(token)
        try:
            yield transfer.path
        except BaseException:
            _remove(transfer)
            raise

    # -- either way ----------------------------------------------------------------------------------------------

    def cancel(self, token: str) -> None:
        """Forget a transfer and remove its file; a token that nothing has is passed over."""
        with self._lock:
            for transfers in (self._downloads, self._uploads):
                if transfer := transfers.pop(token, None):
                    _remove(transfer)

    def close(self) -> None:
        """Forget all transfers and remove their files; what was loaded stays."""
        with self._lock:
            for token in (*self._downloads, *self._uploads):
                self.cancel(token)
        self._remove_folder()

    def _keep(self, transfers: dict[str, _Transfer], path: Path, size_bytes: int) -> str:
        token = secrets.token_urlsafe(18)
        with self._lock:
            while len(transfers) >= _OPEN_LIMIT:
                self.cancel(next(iter(transfers)))
            transfers[token] = _Transfer(path, size_bytes)
        return token


@cache
def _loaded_folder() -> Path:
    """Return the folder of what was uploaded: a session reads from a loaded bundle as long as the process lives."""
    folder = Path(tempfile.mkdtemp(prefix="megacache-uploads-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _remove(transfer: _Transfer) -> None:
    transfer.path.unlink(missing_ok=True)
    if transfer.path.parent.parent == _loaded_folder():
        transfer.path.parent.rmdir()


def _found(transfers: dict[str, _Transfer], token: str) -> _Transfer:
    transfer = transfers.get(token)
    if transfer is None:
        raise UsageError("there is no such transfer: it was fetched, cancelled, or never began; start it again")
    return transfer
