"""Plain files: what is written for somebody without megacache, whole or not at all, and never over a bundle.

Layer: bundle.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from megacache.bundle.file_kind import is_database
from megacache.errors import BundleNotWritableError


def write(path: Path, content: bytes) -> None:
    """Write a file; on any error what was there before is still there.

    Args:
        path: The file; one that is there is replaced, unless it is a bundle.
        content: All of it.

    Raises:
        BundleNotWritableError: When the place cannot be written, or a bundle would be lost.
        BundleError: When the file that is there cannot be read, and so may be one.
    """
    if path.suffix == ".megacache" or is_database(path):
        message = f"{path} is or names a bundle, which an export would destroy; choose another name, or save() into it"
        raise BundleNotWritableError(message, path=str(path))
    try:
        if path.exists() and not path.is_file():  # a pipe or a terminal
            path.write_bytes(content)
        else:
            _replace(path, content)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}; choose another place"
        raise BundleNotWritableError(message, path=str(path)) from error


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        beside = Path(file.name)
        try:
            file.write(content)
            file.flush()
            beside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
