"""Repair: write a new bundle of all that is whole in a damaged one.

Layer: bundle.

SQLite is not asked: it refuses a file whose schema is damaged, and of a table it reads nothing that comes after a
damaged page. Rows and contents prove themselves, so they are taken from wherever they lie. One way serves every damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from megacache.bundle import connection, signatures
from megacache.bundle.append import append
from megacache.bundle.connection import Reader
from megacache.bundle.packs import PackReader
from megacache.bundle.private_copy import data_of, private_copy
from megacache.bundle.rows import TABLES
from megacache.bundle.salvaged_recording import SalvagedRecording, salvaged_recording
from megacache.bundle.signatures import Signature
from megacache.bundle.verify import problems_of
from megacache.errors import BundleError, CorruptBundleError, NotABundleError, UnsupportedVersionError
from megacache.model import Artifact, Document
from megacache.views.names import short_key
from megacache.views.units import count


@dataclass(frozen=True, kw_only=True)
class RepairReport:
    """What was wrong with a bundle, what of it is in the new one, and what is lost.

    Attributes:
        path: The damaged bundle.
        into: The new one.
        is_whole: Whether nothing was wrong, so that nothing is lost.
        is_proven: Whether its rows prove themselves. Those of format version 1 do not, so of a damaged file none of the
            artifacts is said to be of a known system.
        problems: What was wrong.
        saved_rows: How many rows are in the new bundle, by table.
        lost_rows: How many rows that can still be told are not, by table.
        lost_artifacts: Artifacts that are known to have been there.
        lost_documents: Documents whose content is gone.
    """

    path: Path
    into: Path
    is_whole: bool
    is_proven: bool
    problems: tuple[str, ...]
    saved_rows: Mapping[str, int]
    lost_rows: Mapping[str, int]
    lost_artifacts: tuple[Artifact, ...]
    lost_documents: tuple[Document, ...]

    def __str__(self) -> str:
        """Return what was saved and what was lost, a line for each thing that was."""
        saved = f"{count(self.saved_rows['artifact'], 'artifact')} of {count(self.saved_rows['session'], 'session')}"
        if self.is_whole:
            return f"{self.path} is whole: {self.into} is a copy, with {saved}"
        lost = f"{count(len(self.lost_artifacts), 'artifact')} and {count(len(self.lost_documents), 'document')}"
        lines = [f"{self.path} is damaged: {self.into} has what is whole, {saved}; {lost} known to be lost"]
        lines += [f"  {each}" for each in self.problems]
        lines += [f"  lost: {each.artifact_type} {short_key(each.cache_key)}" for each in self.lost_artifacts]
        lines += [f"  lost: {each.name} of {each.compile_id or each.session_id}" for each in self.lost_documents]
        lines += [f"  lost: {count(lost, 'row')} of {table}" for table, lost in self.lost_rows.items()]
        if not self.is_proven:
            lines += ["  rows of format version 1 prove nothing: loading them takes trust_unknown=True"]
        return "\n".join(lines)


def repair(path: Path, into: Path) -> RepairReport:
    """Write a new bundle of all that is whole in another one, however damaged that is. It is not changed.

    The copy of a bundle that is whole has its signatures, too. Of a damaged one they would vouch for other rows.

    Args:
        path: A bundle, or what is left of it.
        into: The new bundle; nothing may be there.

    Returns:
        What was saved and what was lost.

    Raises:
        NotABundleError: When nothing in the file is of a bundle.
        BundleError: When the file cannot be read, or the new one cannot be written; see `errors`.
    """
    with connection.translated(into):
        is_there = into.exists()
    if is_there:
        raise BundleError(f"{into} exists already: name another file for what is whole of {path}", path=str(into))
    with private_copy(path) as copy, data_of(copy) as data:
        problems = _problems(copy, path)
        salvaged = salvaged_recording(data, is_damaged=bool(problems))
        if problems and salvaged.is_empty:
            raise NotABundleError(f"there is nothing of a bundle in {path}: take another copy of it", path=str(path))
        _write(into, salvaged, () if problems else _signatures(copy))
    return RepairReport(
        path=path,
        into=into,
        is_whole=not problems,
        is_proven=salvaged.is_proven,
        problems=problems,
        saved_rows={table.name: len(getattr(salvaged.recording, table.rows_name)) for table in TABLES},
        lost_rows=salvaged.lost_rows,
        lost_artifacts=salvaged.lost_artifacts,
        lost_documents=salvaged.lost_documents,
    )


def _problems(copy: Path, path: Path) -> tuple[str, ...]:
    """Say what is wrong with the file, as far as SQLite reads it."""
    reader = Reader(copy)
    try:
        return problems_of(reader, PackReader(str(path)))
    except UnsupportedVersionError as error:
        advice = "if a newer megacache wrote it, upgrade instead, since what that added is not in the new bundle"
        return (f"it says format version {error.version}: {advice}",)
    except BundleError as error:
        problems = error.problems if isinstance(error, CorruptBundleError) else ()
        return problems or (str(error).replace(str(copy), str(path)),)
    finally:
        reader.close()


def _signatures(copy: Path) -> tuple[Signature, ...]:
    try:
        return signatures.signatures(copy)
    except CorruptBundleError:  # They are rows that nothing proves; whatever these are, they vouch for nothing.
        return ()


def _write(into: Path, salvaged: SalvagedRecording, signed: tuple[Signature, ...]) -> None:
    connection.create(into, is_new=True)
    try:
        append(into, [(salvaged.recording, True)], salvaged.contents)
        signatures.carry(signed, into)
    except BaseException:
        # Nobody else has it yet, and half of it is nothing to find tomorrow.
        into.unlink(missing_ok=True)
        raise
