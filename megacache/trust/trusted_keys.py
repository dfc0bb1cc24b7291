"""Trusted keys: the public keys whose signatures the user trusts, one per line of a file.

Layer: trust. The file is `megacache/trusted_keys` in `$XDG_CONFIG_HOME`, or in `~/.config`. Empty lines and lines that
begin with `#` are the user's own.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from megacache.errors import KeyFileError
from megacache.trust.keys import PublicKey


def list_path() -> Path:
    """Return where the list is, or would be.

    Raises:
        KeyFileError: When the user has no home directory.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # A relative one is to be passed over, says the XDG Base Directory Specification.
        try:
            folder = Path.home() / ".config"
        except RuntimeError as error:
            message = "there is no home directory, and so no list of trusted keys: set XDG_CONFIG_HOME"
            raise KeyFileError(message) from error
    return folder / "megacache" / "trusted_keys"


def trusted_keys() -> tuple[PublicKey, ...]:
    """Return the keys that the user trusts, in the order of the list.

    Raises:
        KeyFileError: When the list cannot be read, somebody else may write it, or a line is no key.
    """
    return tuple(key for key in map(_parsed, _lines()) if key is not None)


def add(key: PublicKey) -> bool:
    """Put a key on the list.

    Args:
        key: The key.

    Returns:
        Whether it is new there.

    Raises:
        KeyFileError: When the list cannot be read or written, or somebody else may write it.
    """
    lines = _lines()
    if any(_parsed(each) == key for each in lines):
        return False
    _write([*lines, key.line])
    return True


def remove(key: PublicKey) -> bool:
    """Take a key from the list.

    Args:
        key: The key.

    Returns:
        Whether it was there.

    Raises:
        KeyFileError: When the list cannot be read or written, or somebody else may write it.
    """
    lines = _lines()
    kept = [each for each in lines if _parsed(each) != key]
    if len(kept) == len(lines):
        return False
    _write(kept)
    return True


def _lines() -> list[str]:
    path = list_path()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"the list of trusted keys {path} cannot be read: {error.strerror}; check its permissions"
        raise KeyFileError(message, path=str(path)) from error
    is_open = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if hasattr(os, "geteuid") and (is_open or status.st_uid != os.geteuid()):
        raise KeyFileError(
            f"the list of trusted keys {path} is not used, since others than you may write it: "
            f"look through it, then `chmod 600` it; it has to be your own",
            path=str(path),
        )
    return content.decode("utf-8", "replace").splitlines()


def _parsed(line: str) -> PublicKey | None:
    is_note = not line.strip() or line.lstrip().startswith("#")
    return None if is_note else PublicKey.parse(line, str(list_path()))


def _write(lines: list[str]) -> None:
    """Replace the list as a whole, so that a crash leaves the old or the new one."""
    path = list_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".trusted_keys.", delete=False
        ) as file:
            beside = Path(file.name)
            try:
                file.write("".join(f"{each}\n" for each in lines))
                file.flush()
                os.fsync(file.fileno())
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
    except OSError as error:
        message = f"the list of trusted keys {path} cannot be written: {error.strerror}; check its directory"
        raise KeyFileError(message, path=str(path)) from error
