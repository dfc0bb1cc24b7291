"""Origins: whether code comes with Python or torch, whose release tells what it is, or from the user.

Layer: compiler.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType

import torch

_TORCHS_PACKAGES = frozenset({"torch", "torchgen", "functorch"})
_SITE = Path(torch.__file__).parents[1]
_TORCHS_FOLDERS = tuple(f"{_SITE / package}{os.sep}" for package in sorted(_TORCHS_PACKAGES))
_STDLIB_FOLDER = f"{Path(os.__file__).parent}{os.sep}"


def is_by_release(code: CodeType) -> bool:
    """Say whether the release of torch or of Python tells what a code object is."""
    name = code.co_filename
    if name.startswith(("<frozen ", *_TORCHS_FOLDERS)):
        return True
    return name.startswith(_STDLIB_FOLDER) and "-packages" not in name.removeprefix(_STDLIB_FOLDER)


def is_module_by_release(module: object) -> bool:
    """Say whether a module of that name comes with torch or with Python.

    Args:
        module: A module's name; `__module__` may be anything.
    """
    package = str(module).partition(".")[0]
    return package in _TORCHS_PACKAGES or package in sys.stdlib_module_names


def modules_of_file(filename: str) -> Iterator[str]:
    """Yield the names of the modules that were imported from a file.

    Args:
        filename: As code objects have it.
    """
    return iter(_names_by_file(len(sys.modules), next(reversed(sys.modules), "")).get(filename, ()))


@lru_cache(maxsize=1)
def _names_by_file(_count: int, _newest: str) -> dict[str, list[str]]:
    """Return the names of all modules by their files, found anew whenever a module was imported."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, module in list(sys.modules.items()):
        filename = getattr(module, "__file__", None)
        if isinstance(filename, str):
            found[filename].append(name)
    return dict(found)
