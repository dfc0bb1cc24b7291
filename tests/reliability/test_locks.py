"""Locks: where the kernel answers that there are none, or grants them to everybody, nothing is written."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from reliability.saves import save_of

from megacache.bundle import Bundle

TESTS = Path(__file__).parents[1]
PATH = f"{TESTS.parent}:{TESTS}"
NOT_LOCKABLE = "BundleNotLockableError"
USES = ("read", "save", "create")

KILLED_WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE pack SET frame = randomblob(100000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a bundle of one save."""
    with Bundle.create(tmp_path / "small.megacache") as bundle:
        bundle.append(*save_of(0))
    return tmp_path


@pytest.fixture
def used(programs, folder):
    """Use the bundle while locks are answered for, and tell what came of it."""

    def use(which, answer, *when):
        return json.loads(programs.run("without_locks", which, answer, folder, *when, PYTHONPATH=PATH))

    return use


def count(figures, found):
    figures("locks", file_systems=1, uses=len(USES), writes=len(writes_in(found)))


def writes_in(found):
    """Return the files that were changed, made or removed."""
    changed = [] if found["is_unchanged"] else ["small.megacache"]
    return changed + sorted({*found["files"]} ^ {"small.megacache"})


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL", "EIO"])
def test_where_no_lock_can_be_had_nothing_is_written_and_nobody_waits(used, answer, figures):
    found = used("all", answer)
    count(figures, found)
    for use in USES:
        assert found[use]["error"] == NOT_LOCKABLE
        assert errno.errorcode[getattr(errno, answer)] in found[use]["message"]
        assert "a bundle on a local disk, and copy it there" in found[use]["message"]
        assert "to read or merge this one, copy it to a local disk" in found[use]["message"]
        assert found[use]["seconds"] < 3, f"{use} waited for a lock that can never be had"
    # ENOLCK is SQLite's word for "in use", so only the probe knows better; of the others SQLite tells itself.
    assert found["read"]["cause"] == (None if answer == "ENOLCK" else "SQLITE_IOERR_LOCK")
    assert writes_in(found) == []


def test_where_locks_are_granted_to_everybody_nothing_is_written_and_reading_goes_on(used, figures):
    found = used("all", "granted")
    count(figures, found)
    assert found["read"]["error"] is None
    for use in ("save", "create"):
        assert found[use]["error"] == NOT_LOCKABLE
        assert "a byte that was locked could be locked again" in found[use]["message"]
    assert writes_in(found) == []


def test_a_kernel_without_locks_of_open_files_is_not_taken_for_one_without_locks(used):
    found = used("open file", "EINVAL")
    assert [found[use]["error"] for use in USES] == [None, None, None]


def test_locks_that_stop_working_are_told_from_a_bundle_in_use(used):
    found = used("all", "ENOLCK", "late")
    assert found["save"]["error"] == NOT_LOCKABLE
    assert found["save"]["cause"] == "SQLITE_BUSY"
    assert "ENOLCK" in found["save"]["message"]
    assert found["is_unchanged"]


def test_a_journal_that_may_be_that_of_a_writer_at_work_is_left_alone(used, folder):
    path, journal = folder / "small.megacache", folder / "small.megacache-journal"
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, path], check=False)
    assert done.returncode == -signal.SIGKILL
    before, rest = path.read_bytes(), journal.read_bytes()
    found = used("all", "granted")
    assert found["read"]["error"] == NOT_LOCKABLE
    assert (path.read_bytes(), journal.read_bytes()) == (before, rest)
    with Bundle.open(path) as bundle:  # where locks work, it is rolled back
        assert bundle.verify().is_ok


def test_the_way_that_the_error_names_works(used, folder):
    assert used("all", "ENOLCK")["save"]["error"] == NOT_LOCKABLE
    local = folder / "local.megacache"
    shutil.copyfile(folder / "small.megacache", local)
    with Bundle.open(local) as bundle:
        bundle.append(*save_of(1))
        assert bundle.verify().is_ok
    os.replace(local, folder / "small.megacache")  # noqa: PTH105  As `mv` does.
    with Bundle.open(folder / "small.megacache") as bundle:
        assert len(bundle.recording().sessions) == 2
