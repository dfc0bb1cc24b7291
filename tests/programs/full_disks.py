"""Save onto small disks that fill up, and onto some that cannot be written, and print what came of it, as JSON.

Arguments: what is wrong (see `WRONG`), and an empty folder.

A disk is a small one in memory, mounted where only this process sees it; for that it starts itself anew as root of a
namespace of its own, which any user may be.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reliability.saves import numbers_in, save_of

from megacache.bundle import Bundle
from megacache.errors import MegacacheError

SAVE_SIZE_BYTES = 20_000
ALONE = "MEGACACHE_TEST_IS_ALONE"


def mount(place: Path, *options: str) -> None:
    """Mount a disk in memory, or change how one is mounted."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
    subprocess.run(command, check=True)


def told(use: Callable[[], object]) -> dict[str, str] | None:
    """Return the error of a use."""
    try:
        use()
    except MegacacheError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return None


def save(path: Path, number: int) -> None:
    """Make one save."""
    with Bundle.open_or_create(path) as bundle:
        bundle.append(*save_of(number, SAVE_SIZE_BYTES))


def until_refused(path: Path) -> tuple[list[int], dict[str, str]]:
    """Save until that is refused, and return the saves that returned, and the error."""
    returned: list[int] = []
    while (error := told(lambda: save(path, len(returned)))) is None:
        returned.append(len(returned))
    return returned, error


def held(path: Path) -> list[int]:
    """Return the saves that a bundle holds, each whole."""
    with Bundle.open(path) as bundle:
        return sorted(numbers_in(bundle, SAVE_SIZE_BYTES))


def refused(path: Path, remedy: Callable[[], object]) -> dict[str, object]:
    """Save until that is refused, then do what helps, and save again."""
    returned, error = until_refused(path)
    left = held(path) if returned else []
    remedy()
    save(path, len(returned))
    return {"returned": returned, "left": left, "again": held(path), **error}


def no_room(place: Path) -> dict[str, object]:
    """Fill a disk of a megabyte."""
    mount(place, "size=1m")
    filler = place / "filler"
    filler.write_bytes(bytes(300_000))
    return refused(place / "bundle.megacache", filler.unlink)


def no_room_at_all(place: Path) -> dict[str, object]:
    """Make the first save where not a byte is left."""
    mount(place, "size=400k")
    filler = place / "filler"
    filler.write_bytes(bytes(400 << 10))
    return refused(place / "bundle.megacache", filler.unlink)


def no_file(place: Path) -> dict[str, object]:
    """Take all files that a disk has room for; the bundle is there, and its journal has no place."""
    mount(place, "size=4m", "nr_inodes=4")
    path, taken = place / "bundle.megacache", []
    save(path, 0)
    with suppress(OSError):
        while True:
            taken.append(place / f"taken-{len(taken)}")
            taken[-1].touch()
    error = told(lambda: save(path, 1))
    left = held(path)
    taken[0].unlink()
    save(path, 1)
    return {"returned": [0], "left": left, "again": held(path), **(error or {})}


def read_only(place: Path) -> dict[str, object]:
    """Mount a disk for reading alone."""
    mount(place, "size=4m")
    path = place / "bundle.megacache"
    save(path, 0)
    mount(place, "remount", "ro")
    error = told(lambda: save(path, 1))
    new = told(lambda: save(place / "new.megacache", 1))
    left = held(path)
    mount(place, "remount", "rw")
    save(path, 1)
    return {"returned": [0], "left": left, "again": held(path), "new": new, **(error or {})}


def file_size(place: Path) -> dict[str, object]:
    """Limit the size of files."""
    place.mkdir()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
    return refused(place / "bundle.megacache", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))


def no_room_to_shrink(place: Path) -> dict[str, object]:
    """Remove from a bundle on a disk that has no room to write the rest anew."""
    mount(place, "size=1m")
    path = place / "bundle.megacache"
    for number in range(7):
        save(path, number)
    filler = place / "filler"
    filler.write_bytes(bytes((1 << 20) - int(path.stat().st_size * 1.75)))
    with Bundle.open(path) as bundle:
        error = told(lambda: bundle.prune(session_ids=["save-000001"]))
    left = held(path)
    size_bytes = path.stat().st_size
    filler.unlink()
    with Bundle.open(path) as bundle:
        bundle.compact()
    return {"left": left, "freed_bytes": size_bytes - path.stat().st_size, "again": held(path), **(error or {})}


WRONG = {
    "no room": no_room,
    "no room at all": no_room_at_all,
    "no file": no_file,
    "read-only": read_only,
    "file size": file_size,
    "no room to shrink": no_room_to_shrink,
}


def main(wrong: str, folder: str) -> None:
    """Save until it is refused."""
    if ALONE not in os.environ:
        command = ["unshare", "--mount", "--map-root-user", sys.executable, *sys.argv]
        os.execvpe(command[0], command, {**os.environ, ALONE: "1"})  # noqa: S606  The command is ours.
    print(json.dumps(WRONG[wrong](Path(folder) / "disk")))


if __name__ == "__main__":
    main(*sys.argv[1:])
