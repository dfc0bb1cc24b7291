"""Paths on the command line: what a user names is looked at before it is opened, and no pipe is ever waited for.

Layer: faces. Whether a file can be read is left to whoever reads it, since our own errors say what to do next.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import typer

from megacache.errors import UsageError

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def refuse_pipes(named: Any) -> Any:
    """Refuse what is there and is neither a file nor a folder: to open a pipe waits for ever.

    Args:
        named: A path, several, or None.

    Returns:
        The same.

    Raises:
        UsageError: When one of them is a pipe, a socket or a device.
    """
    for path in named if isinstance(named, list | tuple) else [named]:
        kind = None if path is None else _kind(path)
        if kind is not None:
            raise UsageError(f"{path} is {kind}, not a file: write what comes from it into a file, and name that")
    return named


def _kind(path: Path | str) -> str | None:
    try:
        return _KINDS.get(stat.S_IFMT(Path(path).stat().st_mode))
    except OSError:
        return None  # whoever opens it says why it cannot be


def source(metavar: str, help_text: str) -> Any:
    """Return an argument for something that is read, or a bundle that grows.

    Args:
        metavar: What the help calls it.
        help_text: What it is.
    """
    return typer.Argument(metavar=metavar, help=help_text, show_default=False, readable=False, callback=refuse_pipes)


def source_option(*names: str, metavar: str, help_text: str) -> Any:
    """Return an option for something that is read, or a bundle that grows.

    Args:
        *names: The option's names.
        metavar: What the help calls its value.
        help_text: What it is.
    """
    return typer.Option(
        *names, metavar=metavar, help=help_text, show_default=False, readable=False, callback=refuse_pipes
    )


def target_option(*names: str, metavar: str, help_text: str) -> Any:
    """Return an option for a file that is written; that may be a pipe.

    Args:
        *names: The option's names.
        metavar: What the help calls its value.
        help_text: What it is.
    """
    return typer.Option(*names, metavar=metavar, help=help_text, readable=False)
