"""Locks: what the mount says, what the probe finds, that it is asked once, and that it touches no bundle.

How it fares where locks do not work is in `tests/reliability/test_locks.py`.
"""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from megacache.bundle import Bundle, connection, locks
from megacache.errors import BundleNotLockableError

REAL = (
    "22 27 0:21 / /proc rw,relatime - proc proc rw",
    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict,resuid=65534,resgid=65534",
    "36 27 0:52 / /home rw,relatime shared:33 - nfs4 files:/home rw,vers=4.2,hard,proto=tcp,local_lock=none",
)
"""Lines as Linux 6 writes them; see proc_pid_mountinfo(5)."""

NFS = "rw,vers=3,rsize=1048576,hard,{},proto=tcp,timeo=600,sec=sys,mountvers=3,local_lock={},addr=10.0.0.7"
LOCAL = {
    "an old mount without locks": ("nfs", NFS.format("nolock", "all"), "local_lock=all"),
    "one that says only nolock": ("nfs", "rw,vers=3,nolock,addr=10.0.0.7", "nolock"),
    "posix locks of NFS 4": ("nfs4", "rw,vers=4.2,local_lock=posix,addr=10.0.0.7", "local_lock=posix"),
    "a share of Windows": ("cifs", "rw,vers=3.1.1,cache=strict,nobrl,soft", "nobrl"),
    "Lustre": ("lustre", "rw,checksum,localflock,nouser_xattr", "localflock"),
}
SHARED = {
    "NFS with locks": ("nfs4", "rw,vers=4.2,hard,local_lock=none,addr=10.0.0.7"),
    "only the other kind of lock is local": ("nfs", "rw,vers=3,local_lock=flock,addr=10.0.0.7"),
    "another file system with such a word": ("ext4", "rw,nolock,localflock,nobrl"),
    "a directory of such a name": ("nfs4", "rw,vers=4.2,clientaddr=nolock,local_lock=none"),
}


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Let Linux tell that the folder is mounted in some way."""

    def mount(file_system, options):
        device = tmp_path.stat().st_dev
        place = (
            f"97 27 {os.major(device)}:{os.minor(device)} /export /mnt/shared\\040place rw,noatime shared:5 master:2"
        )
        others = [each for each in REAL if f" {os.major(device)}:{os.minor(device)} " not in each]
        told = tmp_path.with_name(f"{tmp_path.name}-mountinfo")
        told.write_text("\n".join([*others, f"{place} - {file_system} server:/export {options}", ""]))
        monkeypatch.setattr(locks, "MOUNTS", told)
        monkeypatch.setattr(locks, "_working_devices", set())

    return mount


@pytest.mark.parametrize(("file_system", "options", "option"), LOCAL.values(), ids=LOCAL)
def test_a_mount_that_keeps_locks_to_this_machine_takes_no_bundle(
    path, small, mounted, file_system, options, option, tmp_path
):
    mounted(file_system, options)
    before = path.read_bytes()
    with Bundle.open(path) as bundle:  # rows and contents prove themselves, so reading goes on
        assert len(bundle.recording().sessions) == 2
        with pytest.raises(
            BundleNotLockableError, match=f"{file_system} is mounted with {option}: other machines"
        ) as caught:
            bundle.append(*small)
        with pytest.raises(BundleNotLockableError):
            bundle.compact()
        with pytest.raises(BundleNotLockableError):
            Bundle.create(tmp_path / "new.megacache")
    assert caught.value.path == str(path)
    assert option in caught.value.reason
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("file_system", "options"), SHARED.values(), ids=SHARED)
def test_a_mount_that_shares_its_locks_takes_bundles(path, small, mounted, file_system, options):
    mounted(file_system, options)
    with Bundle.open(path) as bundle:
        bundle.append(*small)


def test_a_system_that_tells_nothing_of_its_mounts_is_probed(path, small, monkeypatch, tmp_path):
    monkeypatch.setattr(locks, "MOUNTS", tmp_path / "no such file")
    monkeypatch.setattr(locks, "_working_devices", set())
    with Bundle.open(path) as bundle:
        bundle.append(*small)
    assert locks._working_devices == {tmp_path.stat().st_dev}


def test_the_mounts_of_this_machine_are_read(tmp_path):
    devices = {line.split(" ")[2] for line in locks.MOUNTS.read_text().splitlines()}
    root = Path("/proc").stat().st_dev
    assert f"{os.major(root)}:{os.minor(root)}" in devices
    assert locks.reason_against(tmp_path / "any.megacache") is None


def test_locks_are_asked_for_once_per_file_system(tmp_path, monkeypatch):
    asked = []
    probe = locks._reason_of_probe
    monkeypatch.setattr(locks, "_reason_of_probe", lambda directory: asked.append(directory) or probe(directory))
    monkeypatch.setattr(locks, "_working_devices", set())
    for number in range(3):
        Bundle.create(tmp_path / f"{number}.megacache").close()
    assert asked == [tmp_path]


def test_what_does_not_work_is_asked_for_again(path, small, mounted, monkeypatch):
    mounted("nfs", "rw,nolock")
    with Bundle.open(path) as bundle:
        with pytest.raises(BundleNotLockableError):
            bundle.append(*small)
        monkeypatch.undo()  # the mount has been mended
        bundle.append(*small)


def test_a_directory_in_which_no_file_can_be_made_is_not_asked():
    locks.check(Path("/proc/self/any.megacache"))
    assert locks.reason_against(Path("/proc/self/any.megacache")) is None
    locks.check(Path("/no such directory/any.megacache"))
    assert Path("/proc").stat().st_dev not in locks._working_devices


def test_where_a_file_needs_a_name_the_probe_leaves_none_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # what a kernel that knows no such files sees in the flag
    assert locks._reason_of_probe(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_asked_for_where_it_leads_to(path, small, mounted, tmp_path):
    link = Path("/dev/shm") / f"{tmp_path.name}-{os.getpid()}.megacache"  # noqa: S108  Another file system.
    link.symlink_to(path)
    mounted("nfs", "rw,nolock")
    try:
        with Bundle.open(link) as bundle, pytest.raises(BundleNotLockableError):
            bundle.append(*small)
    finally:
        link.unlink()


def test_the_probe_does_not_drop_the_locks_that_this_process_holds(path):
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with connection.writing(path):
        locks._working_devices.clear()
        locks.check(path)
        done = subprocess.run([sys.executable, "-c", other, path], check=False, capture_output=True, text=True)
    assert "database is locked" in done.stderr
    with closing(sqlite3.connect(path, timeout=0)) as after:
        after.execute("BEGIN IMMEDIATE")
