"""The kinds of change to a bundle that a disk may fail in, and the states in which each may leave it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from reliability.saves import save_of, session_id_of

from megacache.bundle import Bundle, connection
from megacache.errors import BundleNotFoundError, CorruptBundleError, NotABundleError

NOTHING = "nothing"
"""The state of a bundle that is not there, or has no byte."""

EMPTY = "empty"
"""The state of a bundle that holds no row."""

OTHER = "other.megacache"
SPILLING_SIZE_BYTES = 1_200_000
"""Three such contents are one pack of 3.6 MB; SQLite writes into the file before the commit beyond 2 MB."""

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "notebook.megacache"


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        prepare: Makes the bundle as it is before.
        apply: Changes it; once more changes nothing more.
        is_in_two_steps: Whether a transaction of its own goes before that which changes what the bundle holds, or
            another one comes after it.
    """

    prepare: Callable[[Path], None]
    apply: Callable[[Path], None]
    is_in_two_steps: bool = False


def nothing(path: Path) -> None:
    """Leave the path empty."""


def filled(path: Path) -> None:
    """Make a bundle of three saves."""
    with Bundle.create(path) as bundle:
        for number in range(3):
            bundle.append(*save_of(number))


def beside_another(path: Path) -> None:
    """Make a bundle of three saves, and another one that has one of them and more."""
    filled(path)
    with Bundle.create(path.with_name(OTHER)) as bundle:
        for number in range(2, 8):
            bundle.append(*save_of(number))


def with_gaps(path: Path) -> None:
    """Make a bundle of several packs, with contents that nobody uses and free pages between the others."""
    filled(path)
    with Bundle.open(path) as bundle:
        bundle.append(*save_of(3, 60_000))
        bundle.append(*save_of(4))
    with connection.writing(path) as changing:
        changing.execute("DELETE FROM artifact WHERE cache_key = 'inductor-000003'")
        changing.execute("DELETE FROM artifact_use WHERE cache_key = 'inductor-000003'")


def of_version_1(path: Path) -> None:
    """Put a bundle of the first format version there."""
    shutil.copyfile(GOLDEN, path)


def save(path: Path) -> None:
    """Save four artifacts and a document."""
    with Bundle.open_or_create(path) as bundle:
        bundle.append(*save_of(7))


def save_much(path: Path) -> None:
    """Save so much that SQLite writes a part of it into the file before the commit."""
    with Bundle.open(path) as bundle:
        bundle.append(*save_of(7, SPILLING_SIZE_BYTES))


def merge(path: Path) -> None:
    """Take in what the other bundle holds."""
    with Bundle.open(path) as bundle, Bundle.open(path.with_name(OTHER)) as source:
        bundle.merge(source)


def prune(path: Path) -> None:
    """Remove all but one session."""
    with Bundle.open(path) as bundle:
        bundle.prune(kept_session_ids=[session_id_of(2)])


def compact(path: Path) -> None:
    """Write the packs and the file anew."""
    with Bundle.open(path) as bundle:
        bundle.compact()


CHANGES = {
    "first save": Change(nothing, save, is_in_two_steps=True),
    "save": Change(filled, save),
    "large save": Change(filled, save_much),
    "merge": Change(beside_another, merge),
    "prune": Change(filled, prune, is_in_two_steps=True),
    "compact": Change(with_gaps, compact, is_in_two_steps=True),
    "save into version 1": Change(of_version_1, save),
}


def save_next(path: Path) -> None:
    """Make the save that comes after a change."""
    with Bundle.open_or_create(path) as bundle:
        bundle.append(*save_of(9))


def state_of(path: Path) -> str:
    """Return a digest of all rows and contents of a bundle that is whole; what else it is, otherwise.

    Args:
        path: The bundle; SQLite takes back what was not finished.
    """
    try:
        bundle = Bundle.open(path)
    except BundleNotFoundError:
        return NOTHING
    except NotABundleError:
        return "another file" if path.stat().st_size else NOTHING
    except CorruptBundleError as error:
        return f"damaged: {error}"
    with bundle:
        report = bundle.verify()
        if not report.is_ok:
            return f"damaged: {report}"
        recording = bundle.recording()
        values = [getattr(recording, each.name) for each in fields(recording)]
        tables = [each for each in values if isinstance(each, tuple)]
        return sha256(repr(tables).encode()).hexdigest() if any(tables) else EMPTY
