"""The bundle: one SQLite file that holds sessions and artifacts, checked on every read, safe to open from anywhere.

Layer: bundle. The class is in `bundle`; what its methods do in `append`, `verify`, `repair`, `compact`, `union` and
`prune`; how far bundles hold the sessions of a process in `progress`. The tables are in `rows`, the contents in
`packs`, `parts` and `frames`; which packs a save writes anew in `tail`, and how in `repacking`; what is left of all
that in a damaged file in `pages` and `salvaged_*`; torch's container in `torch_format` and `exchange`.

How the file is opened is in `connection` and `schema`, with every setting of SQLite's in `sqlite_file` and its errors
in `sqlite_errors`; whether it may be written in `locks`, `journals` and `free_pages`, and who is next in `turns`; how
it is read beside SQLite in `open_file`, `file_kind`, `copies` and `private_copy`. Who signed it is in `signatures`.
FORMAT.md tells the format.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from megacache.bundle.append import SaveReport
from megacache.bundle.bundle import Bundle
from megacache.bundle.merging import merge

if TYPE_CHECKING:
    from megacache.bundle.compact import CompactReport
    from megacache.bundle.prune import PruneReport
    from megacache.bundle.repair import RepairReport
    from megacache.bundle.verify import VerifyReport

__all__ = ["Bundle", "CompactReport", "PruneReport", "RepairReport", "SaveReport", "VerifyReport", "merge"]

_HOMES = {
    "CompactReport": "megacache.bundle.compact",
    "PruneReport": "megacache.bundle.prune",
    "RepairReport": "megacache.bundle.repair",
    "VerifyReport": "megacache.bundle.verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
