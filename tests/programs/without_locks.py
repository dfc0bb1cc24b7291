"""Use bundles where locks do not work, and print what came of each use, as JSON.

Arguments: which locks are answered for (`all`, `posix`, `open file`), the error that answers, or `granted`, a folder
with `small.megacache`, and `late` if a save is made before the locks stop working.
"""

import errno
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from reliability.lock_filter import OPEN_FILE_LOCKS, POSIX_LOCKS, answer_locks
from reliability.saves import save_of

from megacache.bundle import Bundle, connection
from megacache.errors import MegacacheError

LOCKS = {"all": (*POSIX_LOCKS, *OPEN_FILE_LOCKS), "posix": POSIX_LOCKS, "open file": OPEN_FILE_LOCKS}


def tried(use: Callable[[], object]) -> dict[str, object]:
    """Return how long a use took, and its error."""
    started = time.monotonic()
    told: dict[str, object] = {"error": None, "message": None, "cause": None}
    try:
        use()
    except MegacacheError as error:
        cause = error.__cause__
        code = cause.sqlite_errorname if isinstance(cause, sqlite3.Error) else None
        told = {"error": type(error).__name__, "message": str(error), "cause": code}
    return told | {"seconds": time.monotonic() - started}


def saved(path: Path, number: int) -> None:
    """Save into a bundle that is there, without reading it first."""
    from megacache.bundle.append import append

    recording, contents = save_of(number)
    append(path, [(recording, True)], contents)


def main(which: str, answer: str, folder: str, when: str = "") -> None:
    """Use them."""
    path = Path(folder) / "small.megacache"
    if when == "late":
        saved(path, 1)
        connection.BUSY_TIMEOUT_S = 0.3
    answer_locks(0 if answer == "granted" else getattr(errno, answer), LOCKS[which])
    before = path.read_bytes()
    uses = {
        "read": tried(lambda: Bundle.open(path).recording()),
        "save": tried(lambda: saved(path, 2)),
        "create": tried(lambda: Bundle.create(Path(folder) / "new.megacache")),
    }
    print(
        json.dumps(
            uses
            | {
                "is_unchanged": path.read_bytes() == before,
                "files": sorted(each.name for each in Path(folder).iterdir()),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
