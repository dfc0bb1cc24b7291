"""Which compilers a process starts: a folder of stand-ins, first on its PATH, writes them down.

A stand-in notes how it was called and becomes the real tool. A compile by `g++` starts `as` and `ld`, which count too.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("g++", "gcc", "c++", "cc", "clang++", "clang", "ld", "as")

_QUESTIONS = frozenset({"--version", "--help", "-dumpfullversion", "-dumpmachine", "-dumpversion", "-E"})


@dataclass(frozen=True)
class Started:
    """How many compiler processes were started: those that compiled or linked, and those that were only asked."""

    compiled: int
    asked: int


class CompilerLog:
    """Writes down every compiler that a process starts, and all that those start.

    Args:
        folder: Where the stand-ins and the log live; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        folder.mkdir(parents=True)
        for tool in TOOLS:
            real = shutil.which(tool)
            if real is not None:
                self._stand_in(tool, real)

    def watched(self, environment: dict[str, str]) -> dict[str, str]:
        """Return an environment whose PATH begins with the stand-ins."""
        return {**environment, "PATH": os.pathsep.join((str(self._folder), environment["PATH"]))}

    def started(self) -> Started:
        """Count what was started until now."""
        calls = [line.split() for line in self._log.read_text().splitlines()] if self._log.exists() else []
        asked = sum(_only_asks(arguments) for _, *arguments in calls)
        return Started(compiled=len(calls) - asked, asked=asked)

    def _stand_in(self, tool: str, real: str) -> None:
        path = self._folder / tool
        log, target = shlex.quote(str(self._log)), shlex.quote(real)
        path.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "{tool} $*" >> {log}\nexec {target} "$@"\n')
        path.chmod(0o755)


def without_compilers(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which no compiler is found.

    Args:
        environment: Where to start from.
        folder: An empty folder, which becomes the whole PATH; it is made.
    """
    folder.mkdir(parents=True)
    return {**{name: value for name, value in environment.items() if name != "CXX"}, "PATH": str(folder)}


def _only_asks(arguments: list[str]) -> bool:
    """Say whether a call compiles and links nothing: it asks for a version or a flag, or preprocesses."""
    is_question = any(each in _QUESTIONS or each.startswith("-print-") for each in arguments)
    return is_question or arguments == ["-v"]
