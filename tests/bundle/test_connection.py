"""Connection: a killed writer, a reader who may not write, a full disk, a busy file; each error by its name."""

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from megacache.bundle import Bundle, connection, copies, journals, sqlite_file
from megacache.errors import (
    BundleBusyError,
    BundleError,
    BundleNotFoundError,
    BundleNotLockableError,
    BundleNotWritableError,
    CorruptBundleError,
    NotABundleError,
    StorageFailedError,
    StorageFullError,
)
from megacache.recording import Recording

REPOSITORY = Path(__file__).parents[2]

KILLED_WRITER = """
import os, signal, sys
from dataclasses import replace
from hashlib import sha256
from megacache.bundle import Bundle, frames
from samples import small_recording

class Deadly(dict):
    def __getitem__(self, digest):
        if digest == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(digest)

recording, _ = small_recording()
contents = Deadly()
for number in range(40):
    content = os.urandom(1 << 20)
    contents[sha256(content).hexdigest()] = content
last = list(contents)[-1]
artifacts = tuple(
    replace(recording.artifacts[0], cache_key=f"new-{digest}", content_sha256=digest, size_bytes=1 << 20)
    for digest in contents
)
session = replace(recording.sessions[0], session_id="never saved")
bundle = Bundle.open(sys.argv[1])
bundle.append(replace(recording, sessions=(session,), artifacts=artifacts, documents=(), artifact_uses=()), contents)
"""


def kill_a_writer(path):
    """Kill a process in the middle of an append, after SQLite wrote a part of it into the file."""
    environment = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, path], check=False, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert Path(f"{path}-journal").exists()


def one_artifact(recording, content):
    digest = sha256(content).hexdigest()
    artifact = replace(recording.artifacts[0], cache_key=digest, content_sha256=digest, size_bytes=len(content))
    return Recording(artifacts=(artifact,)), {digest: content}


def test_a_killed_append_leaves_the_last_good_save_to_a_reader(path, small, rows_of):
    size = path.stat().st_size
    kill_a_writer(path)
    assert path.stat().st_size > size
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().artifacts) == len(small[0].artifacts)
        assert bundle.verify().is_ok
    assert path.stat().st_size == size
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_killed_append_leaves_the_last_good_save_to_a_writer(path, small):
    kill_a_writer(path)
    with Bundle.open(path) as bundle:
        bundle.append(*one_artifact(small[0], b"saved after the crash"))
        assert len(bundle.recording().artifacts) == len(small[0].artifacts) + 1
        assert bundle.verify().is_ok


def test_a_killed_append_while_a_reader_has_the_bundle_open(bundle, path, small):
    bundle.recording()
    kill_a_writer(path)
    assert len(bundle.recording().artifacts) == len(small[0].artifacts)


def test_a_killed_append_leaves_the_last_good_save_to_who_may_not_write(protected, small, tmp_path, monkeypatch):
    path, unprivileged = protected
    kill_a_writer(path)
    copies = path.parent.parent / f"{path.parent.name}-copies"
    copies.mkdir(mode=0o777)
    copies.chmod(0o777)
    monkeypatch.setattr("tempfile.tempdir", str(copies))
    before = path.read_bytes()
    with unprivileged():
        bundle = Bundle.open(path)
        assert len(bundle.recording().artifacts) == len(small[0].artifacts)
        assert bundle.verify().is_ok
        bundle.close()
        assert list(copies.iterdir()) == []
    assert path.read_bytes() == before
    copies.rmdir()


def test_a_journal_that_somebody_else_rolls_back_just_then_is_not_missed(path, monkeypatch):
    kill_a_writer(path)
    copy, roll_back = copies.copy_bundle, journals.roll_back

    def copy_late(source, target):
        copy(source, target)
        roll_back(path, 1)

    def refuse(file, wait_s):
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorname = "SQLITE_READONLY"
        raise error

    monkeypatch.setattr(copies, "copy_bundle", copy_late)
    monkeypatch.setattr(connection, "roll_back", refuse)
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().sessions) == 2
        assert bundle._reader._copy is None
        assert bundle.verify().is_ok


def test_who_may_not_write_reads_and_is_refused_to_save(protected, small):
    path, unprivileged = protected
    before = path.read_bytes()
    with unprivileged(), Bundle.open(path) as bundle:
        assert len(bundle.recording().sessions) == 2
        with pytest.raises(BundleNotWritableError, match="permissions"):
            bundle.append(*one_artifact(small[0], b"new"))
        with pytest.raises(BundleNotWritableError, match="permissions"):
            Bundle.create(path.with_name("new.megacache"))
    assert path.read_bytes() == before


def test_a_file_that_may_not_be_read(protected):
    path, unprivileged = protected
    with unprivileged():
        pass
    path.chmod(0o000)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(BundleNotWritableError, match="permissions"):
            Bundle.open(path)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_a_file_size_limit_is_storage_that_is_full(path, small):
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Bundle.open(path) as bundle:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100_000, hard))
        try:
            with pytest.raises(StorageFullError, match="nothing was changed"):
                bundle.append(*one_artifact(small[0], os.urandom(3_000_000)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert len(bundle.recording().artifacts) == len(small[0].artifacts)
        assert bundle.verify().is_ok


def test_a_full_disk_is_storage_that_is_full(path, small, monkeypatch):
    connect = connection.connect

    def connect_to_a_full_disk(file, mode):
        made = connect(file, mode)
        made.execute("PRAGMA max_page_count = 200")
        return made

    with Bundle.open(path) as bundle:
        monkeypatch.setattr(connection, "connect", connect_to_a_full_disk)
        with pytest.raises(StorageFullError, match="no room"):
            bundle.append(*one_artifact(small[0], os.urandom(3_000_000)))
        monkeypatch.undo()
        assert bundle.verify().is_ok


def test_a_writer_that_does_not_finish_is_waited_for_and_then_named(path, small, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().sessions) == 2
        with pytest.raises(BundleBusyError, match="in use by another process"):
            bundle.append(*one_artifact(small[0], b"new"))
    other.execute("COMMIT")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BundleBusyError):
        Bundle.open(path)
    other.close()


def test_a_save_that_failed_locks_nobody_out_while_its_error_is_kept(path, small, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.2)
    kept = []

    def fail(writer):
        kept.append(writer.execute("SELECT name FROM session"))
        kept[0].fetchone()
        writer.execute("DELETE FROM session")
        raise BundleError("stop")

    with pytest.raises(BundleError, match="stop"), connection.writing(path) as writer:
        fail(writer)
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().sessions) == 2
        bundle.append(*one_artifact(small[0], b"new"))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        kept[0].fetchone()


def test_a_read_that_failed_locks_nobody_out_while_its_error_is_kept(path, small, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.2)
    reader = connection.Reader(path)
    kept = []

    def fail(reading):
        kept.extend((reading.execute("SELECT name FROM session"), reading.execute("SELECT cache_key FROM artifact")))
        for cursor in kept:
            cursor.fetchone()
        raise BundleError("stop")

    with pytest.raises(BundleError, match="stop"), reader.snapshot() as reading:
        fail(reading)
    with Bundle.open(path) as bundle:
        bundle.append(*one_artifact(small[0], b"new"))
    reader.close()


def test_a_missing_file(tmp_path):
    with pytest.raises(BundleNotFoundError, match="no bundle at"):
        Bundle.open(tmp_path / "missing.megacache")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_went_away_is_not_made_anew(path, bundle, small):
    path.unlink()
    with pytest.raises(BundleNotFoundError):
        bundle.append(*one_artifact(small[0], b"new"))
    with pytest.raises(BundleError):
        assert bundle.size_bytes
    assert not path.exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SQLITE_NOTADB", NotABundleError),
        ("SQLITE_CORRUPT", CorruptBundleError),
        ("SQLITE_CORRUPT_INDEX", CorruptBundleError),
        ("SQLITE_BUSY", BundleBusyError),
        ("SQLITE_LOCKED", BundleBusyError),
        ("SQLITE_FULL", StorageFullError),
        ("SQLITE_IOERR_WRITE", StorageFullError),
        ("SQLITE_IOERR_READ", StorageFailedError),
        ("SQLITE_IOERR_FSYNC", StorageFailedError),
        ("SQLITE_IOERR_DIR_FSYNC", StorageFailedError),
        ("SQLITE_IOERR_TRUNCATE", StorageFailedError),
        ("SQLITE_IOERR_DELETE", StorageFailedError),
        ("SQLITE_IOERR_LOCK", BundleNotLockableError),
        ("SQLITE_IOERR_RDLOCK", BundleNotLockableError),
        ("SQLITE_IOERR_UNLOCK", BundleNotLockableError),
        ("SQLITE_IOERR_CHECKRESERVEDLOCK", BundleNotLockableError),
        ("SQLITE_PROTOCOL", BundleNotLockableError),
        ("SQLITE_READONLY", BundleNotWritableError),
        ("SQLITE_PERM", BundleNotWritableError),
        ("SQLITE_ERROR", BundleError),
    ],
)
def test_each_code_of_sqlite_has_its_error(path, code, expected):
    error = sqlite3.OperationalError("something happened")
    error.sqlite_errorname = code

    def fail():
        with connection.translated(path):
            raise error

    with pytest.raises(BundleError) as caught:
        fail()
    assert type(caught.value) is expected
    assert caught.value.path == str(path)
    assert caught.value.__cause__ is error
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_copy_that_has_no_room_is_storage_that_is_full(path, number):
    copy = str(path.with_name("copy"))

    def fail():
        with connection.translated(path):
            raise OSError(number, os.strerror(number), copy)

    with pytest.raises(StorageFullError, match=f"no room for {copy}: free some") as caught:
        fail()
    assert caught.value.path == str(path)


def test_a_file_that_is_closed_twice_is_closed(path):
    opened = sqlite_file.connect(path, "ro")
    opened.execute("SELECT 1")
    opened.close()
    opened.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened.execute("SELECT 1")


def test_a_connection_distrusts_the_file(path):
    opened = connection.connect(path, "ro")
    settings = {name: opened.execute(f"PRAGMA {name}").fetchone()[0] for name in ("trusted_schema", "cell_size_check")}
    assert settings == {"trusted_schema": 0, "cell_size_check": 1}
    assert opened.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == 64 << 20
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        opened.execute("DELETE FROM session")
    opened.close()
    with connection.writing(path) as writer:
        assert writer.execute("PRAGMA synchronous").fetchone() == (3,)
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_read_of_a_closed_bundle_that_fails_leaves_nothing_open(path, small):
    bundle = Bundle.open(path)
    recording = bundle.recording()
    bundle.close()
    before = len([*Path("/dev/fd").iterdir()])
    path.write_bytes(b"no bundle any more " * 100)
    with pytest.raises(NotABundleError):
        recording.read(recording.artifacts[0].content_sha256)
    assert len([*Path("/dev/fd").iterdir()]) == before


def test_contents_of_a_closed_bundle_that_is_held_are_read_over_one_connection(path, monkeypatch):
    with Bundle.open(path) as bundle:
        recording = bundle.recording()
    opened = []
    connect = connection.connect
    monkeypatch.setattr(connection, "connect", lambda *given: opened.append(given) or connect(*given))
    digests = [each.content_sha256 for each in recording.documents]
    with recording.held():
        for digest in digests:
            recording.read(digest)
        assert len(opened) == 1
        with Bundle.open(path) as other:  # nobody is locked out meanwhile
            other.append(*one_artifact(recording, b"new"))
    opened.clear()
    recording.read(digests[0])
    recording.read(digests[1])
    assert len(opened) == 2  # without it, the file is let go of after each
