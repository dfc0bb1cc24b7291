"""Copies: what is copied is the whole file, and nobody's lock is lost by it."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from megacache.bundle import copies
from megacache.bundle.copies import copy_bundle, copy_with_journal
from megacache.bundle.journals import journal_of, roll_back
from megacache.errors import BundleError


@pytest.fixture
def left_behind(path, tmp_path):
    """A bundle with the journal of a writer that was killed: both as they are in the middle of a save."""
    file = tmp_path / "left" / "bundle.megacache"
    file.parent.mkdir()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO pack (pack_id, raw_size_bytes, sha256, frame) VALUES (99, 1, 'x', zeroblob(200000))")
    shutil.copyfile(path, file)
    shutil.copyfile(journal_of(path), journal_of(file))
    writer.execute("ROLLBACK")
    writer.close()
    assert file.read_bytes() != path.read_bytes()
    return file


def test_a_bundle_is_copied_and_no_lock_is_lost(path, tmp_path, is_locked):
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    copy_bundle(path, tmp_path / "copy")
    assert is_locked(path)
    writer.close()
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_what_is_no_database_is_copied_too(tmp_path):
    (tmp_path / "text").write_bytes(b"no database at all" * 100_000)
    copy_bundle(tmp_path / "text", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "text").read_bytes()


def test_the_journal_puts_the_last_save_back_in_the_copy(left_behind, path, tmp_path):
    before = left_behind.read_bytes(), journal_of(left_behind).read_bytes()
    copy = tmp_path / "copy"
    assert copy_with_journal(left_behind, copy)
    roll_back(copy, 1)
    assert copy.read_bytes() == path.read_bytes()
    assert (left_behind.read_bytes(), journal_of(left_behind).read_bytes()) == before


def test_without_a_journal_there_is_nothing_of_one_moment(path, tmp_path):
    assert not copy_with_journal(path, tmp_path / "copy")


def test_a_journal_that_another_one_took_the_place_of_is_told(left_behind, tmp_path, monkeypatch):
    def copy_slowly(source: Path, target: Path) -> None:
        copy_bundle(source, target)
        roll_back(left_behind, 1)
        journal_of(left_behind).write_bytes(b"of the next writer")

    monkeypatch.setattr(copies, "copy_bundle", copy_slowly)
    assert not copy_with_journal(left_behind, tmp_path / "copy")


def test_a_disk_without_room_is_told(path, monkeypatch):
    with pytest.raises(BundleError, match=r"cannot be copied to /dev \(.*\): free some room there, or set TMPDIR"):
        copy_bundle(path, Path("/dev/full"))
