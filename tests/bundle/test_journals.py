"""Journals: what somebody else puts beside a bundle never gets into it; SQLite's own is rolled back as ever."""

import os
import pwd
import shutil
import sqlite3
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from forgery import forge
from megacache.bundle import Bundle, connection, journals
from megacache.errors import ForeignJournalError
from samples import small_recording

NOBODY = 65534
UNLISTED = 3_999_999_999
GROUP = 4_000_000
FORGED = "forged by somebody else"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def forged_copy(path, folder):
    """A bundle of somebody else's: like ours, but for one value."""
    copy = folder / "forged.megacache"
    shutil.copyfile(path, copy)
    forge(copy, f"UPDATE system_info SET platform = '{FORGED}'")
    return copy


def plant_journal(path, folder):
    """Put a journal beside a bundle, which has SQLite write the forged pages into it."""
    with sqlite3.connect(forged_copy(path, folder), isolation_level=None) as forger:
        forger.execute("PRAGMA synchronous = OFF")  # so that the header counts pages before any sync
        forger.execute("BEGIN")
        for table in ("system_info", "session", "artifact"):
            forger.execute(f"DELETE FROM {table}")
        planted = shutil.copyfile(folder / "forged.megacache-journal", f"{path}-journal")
        forger.execute("ROLLBACK")
    forger.close()
    return Path(planted)


def plant_wal(path, folder):
    """Put a write-ahead log beside a bundle, from which SQLite would read, and which a writer's end takes over."""
    copy = forged_copy(path, folder)
    forger = sqlite3.connect(copy, isolation_level=None)
    forger.execute("PRAGMA journal_mode = WAL")
    forger.execute("UPDATE system_info SET platform = ?", (FORGED,))
    planted = shutil.copyfile(f"{copy}-wal", f"{path}-wal")
    forger.close()
    return Path(planted)


def given_away(planted):
    """Make a planted file somebody else's: another user's, or, where we may not, one that others write."""
    planted.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(planted, NOBODY, NOBODY)
    else:
        planted.chmod(0o666)


def open_it(path):
    Bundle.open(path)


def save_into_it(path):
    Bundle.open_or_create(path).append(*small_recording())


def write_to_it(path):
    with connection.writing(path):
        pass


def create_it(path):
    connection.create(path, is_new=False)


WAYS = [open_it, save_into_it, write_to_it, create_it]


@pytest.fixture(params=[plant_journal, plant_wal])
def planted(request, path, tmp_path_factory):
    return request.param(path, tmp_path_factory.mktemp("forger"))


@pytest.mark.parametrize("way", WAYS)
def test_what_somebody_else_put_beside_a_bundle_is_refused_by_name_and_changes_nothing(path, planted, way):
    given_away(planted)
    before = path.read_bytes()
    with pytest.raises(ForeignJournalError, match="find out who put it there, then remove it") as caught:
        way(path)
    assert (caught.value.path, caught.value.journal) == (str(path), str(planted))
    assert path.read_bytes() == before
    assert planted.exists()


def test_the_planted_journal_would_have_changed_the_bundle(path, tmp_path_factory, monkeypatch):
    given_away(plant_journal(path, tmp_path_factory.mktemp("forger")))
    for room in (connection, journals):
        monkeypatch.setattr(room, "check_journals", lambda _: None)
    with Bundle.open(path) as bundle:
        assert {each.platform for each in bundle.recording().systems} == {FORGED}


def test_a_journal_of_the_owner_is_rolled_back_as_ever(path, tmp_path_factory):
    journal = plant_journal(path, tmp_path_factory.mktemp("forger"))
    journal.chmod(0o644)
    with Bundle.open(path) as bundle:
        assert {each.platform for each in bundle.recording().systems} == {FORGED}
    assert not journal.exists()


def test_a_journal_that_others_may_write_is_refused(path, planted):
    planted.chmod(0o646)
    with pytest.raises(ForeignJournalError, match="can be written by others, who may not write the bundle"):
        Bundle.open(path)


def test_a_journal_that_was_downloaded_is_refused(path, planted, attributes_folder):
    path = shutil.move(path, attributes_folder / path.name)
    planted = shutil.move(planted, attributes_folder / planted.name)
    planted.chmod(0o644)
    os.setxattr(planted, "user.xdg.origin.url", b"https://example.org/train.megacache-journal")
    with pytest.raises(ForeignJournalError, match=r"was downloaded from https://example\.org/train"):
        Bundle.open(path)


def test_a_link_as_a_journal_is_refused(path, planted, tmp_path):
    elsewhere = shutil.move(planted, tmp_path / "elsewhere")
    planted.symlink_to(elsewhere)
    with pytest.raises(ForeignJournalError, match="is no file"):
        Bundle.open(path)


def test_a_journal_beside_the_target_of_a_link_is_found(path, planted, tmp_path):
    given_away(planted)
    link = tmp_path / "links" / "link.megacache"
    link.parent.mkdir()
    link.symlink_to(path)
    with pytest.raises(ForeignJournalError):
        Bundle.open(link)


def test_who_may_write_the_bundle_may_leave_a_journal(path, tmp_path_factory):
    journal = plant_journal(path, tmp_path_factory.mktemp("forger"))
    path.chmod(0o666)
    given_away(journal)
    with Bundle.open(path) as bundle:
        assert {each.platform for each in bundle.recording().systems} == {FORGED}


def test_a_journal_of_who_is_not_in_the_group_that_may_write_the_bundle_is_refused(path, planted):
    path.chmod(0o664)
    given_away(planted)
    before = path.read_bytes()
    with pytest.raises(ForeignJournalError):
        Bundle.open(path)
    assert path.read_bytes() == before


@as_root
def test_a_journal_of_who_is_in_the_group_that_may_write_the_bundle_is_rolled_back(path, tmp_path_factory):
    journal = plant_journal(path, tmp_path_factory.mktemp("forger"))
    path.chmod(0o664)
    given_away(journal)
    os.chown(path, -1, pwd.getpwuid(NOBODY).pw_gid)
    with Bundle.open(path) as bundle:
        assert {each.platform for each in bundle.recording().systems} == {FORGED}
    assert not journal.exists()


@as_root
@pytest.mark.parametrize(("gid", "is_refused"), [(GROUP, False), (GROUP + 1, True)])
def test_a_user_whom_the_system_does_not_list_is_in_the_groups_of_its_process(
    path, planted, monkeypatch, gid, is_refused
):
    path.chmod(0o664)
    planted.chmod(0o644)
    os.chown(path, -1, gid)
    os.chown(planted, UNLISTED, UNLISTED)
    with pytest.raises(ForeignJournalError, match=f"who is not known to be in the bundle's group {gid}"):
        journals.check_journals(path)
    monkeypatch.setattr(os, "geteuid", lambda: UNLISTED)
    monkeypatch.setattr(os, "getgroups", lambda: [GROUP])
    with pytest.raises(ForeignJournalError) if is_refused else nullcontext():
        journals.check_journals(path)


def test_a_killed_writer_of_a_linked_bundle_leaves_the_last_save_to_who_may_not_write(protected, tmp_path_factory):
    path, unprivileged = protected
    plant_journal(path, tmp_path_factory.mktemp("forger"))
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        link = Path(name) / "link.megacache"
        link.symlink_to(path)
        with unprivileged(), Bundle.open(link) as bundle:
            assert {each.platform for each in bundle.recording().systems} == {FORGED}


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_a_new_bundle_is_closed_to_others_for_writing_whatever_the_umask(tmp_path, mask):
    file = tmp_path / "new.megacache"
    before = os.umask(mask)
    try:
        with Bundle.create(file) as bundle:
            bundle.append(*small_recording())
            bundle.compact()
        with Bundle.open_or_create(tmp_path / "united.megacache") as united, Bundle.open(file) as bundle:
            united.merge(bundle)
            united.prune(unused=True)
    finally:
        os.umask(before)
    for each in tmp_path.glob("*.megacache"):
        assert each.stat().st_mode & 0o777 == 0o644 & ~mask
