"""Gate: who passes; and that each refusal says what, why, and what to do."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from forgery import forge
from megacache.bundle import Bundle, open_file
from megacache.bundle.connection import HOT_JOURNAL, Reader
from megacache.errors import BundleError, BundleNotFoundError, KeyFileError, UntrustedError
from megacache.trust import trusted_keys
from megacache.trust.gate import check_bytes, check_file, examined, trusted
from megacache.trust.keys import PrivateKey
from megacache.trust.signing import sign


@pytest.fixture
def foreign(path, give_away):
    """A bundle of another user's."""
    give_away(path)
    return path


def passes(path, trust=None):
    with trusted(path, trust) as recording:
        return bool(recording.artifacts)


def reasons(path, trust=None):
    with examined(path, trust) as found:
        return found.reasons


# -- without a word ----------------------------------------------------------------------------------------------


def test_a_bundle_of_ones_own_passes(path):
    assert passes(path)
    assert passes(path, trust=False)


def test_a_bundle_of_somebody_else_is_refused(foreign):
    with pytest.raises(UntrustedError) as caught, trusted(foreign):
        raise AssertionError
    first, second = caught.value.reasons
    assert first.startswith("it belongs to")
    assert second == "nobody signed it"
    assert caught.value.path == str(foreign)
    for advice in ("runs its code", "trust=True", "megacache sign", "megacache trust", "`cp`"):
        assert advice in str(caught.value)


def test_a_bundle_that_others_may_write_is_refused(path):
    path.chmod(0o666)
    assert reasons(path) == ("everyone may write it", "nobody signed it")


def test_a_bundle_that_was_downloaded_is_refused(path, attributes_folder):
    path = shutil.move(path, attributes_folder / "train.megacache")
    os.setxattr(path, "user.xdg.origin.url", b"https://example.org/train.megacache")
    assert reasons(path) == ("it was downloaded from https://example.org/train.megacache", "nobody signed it")


def test_a_copy_is_ones_own(foreign, tmp_path, monkeypatch):
    monkeypatch.undo()
    assert passes(shutil.copyfile(foreign, tmp_path / "copy.megacache"))


def test_what_a_listed_key_signed_passes(path, key, give_away):
    trusted_keys.add(key.public)
    sign(path, key)
    path.chmod(0o666)
    assert passes(path)


def test_what_was_changed_since_is_refused(path, key):
    trusted_keys.add(key.public)
    sign(path, key)
    forge(path, "UPDATE artifact SET size_bytes = 1")
    path.chmod(0o666)
    doubt, changed = reasons(path)
    assert doubt == "everyone may write it"
    assert changed.startswith("it was changed since Ada of the team (SHA256:")


def test_what_another_key_signed_is_refused(path, key):
    trusted_keys.add(PrivateKey.generate().public)
    sign(path, key)
    path.chmod(0o666)
    assert "it is signed by a key that is not listed: Ada of the team" in reasons(path)[1]


def test_a_key_that_is_trusted_no_longer_lets_nothing_pass(path, key):
    trusted_keys.add(key.public)
    sign(path, key)
    path.chmod(0o666)
    trusted_keys.remove(key.public)
    assert len(reasons(path)) == 2


def test_a_list_that_others_may_write_lets_nothing_pass_and_is_named(path, key):
    trusted_keys.add(key.public)
    sign(path, key)
    path.chmod(0o666)
    trusted_keys.list_path().chmod(0o666)
    assert "trusted_keys is not used, since others than you may write it" in reasons(path)[1]


# -- with a word -------------------------------------------------------------------------------------------------


def test_a_clear_statement_lets_anything_pass(foreign):
    foreign.chmod(0o666)
    assert passes(foreign, trust=True)


@pytest.mark.parametrize("kind", ["path", "text", "several"])
def test_a_key_that_is_named_lets_pass_what_it_signed(path, key, tmp_path, kind):
    key.write(tmp_path / "team")
    sign(path, key)
    path.chmod(0o666)
    named = {
        "path": tmp_path / "team.pub",
        "text": key.public.line,
        "several": [PrivateKey.generate().public.line, str(tmp_path / "team.pub")],
    }
    assert passes(path, trust=named[kind])


def test_who_names_a_key_wants_a_signature_even_of_ones_own_file(path, key):
    assert reasons(path, trust=key.public.line) == ("nobody signed it",)
    with pytest.raises(UntrustedError, match="have it signed by a key that you name"), trusted(path, key.public.line):
        raise AssertionError


def test_the_list_does_not_count_where_a_key_is_named(path, key):
    trusted_keys.add(key.public)
    sign(path, key)
    assert passes(path)
    assert not reasons(path)
    assert reasons(path, trust=PrivateKey.generate().public.line)
    assert reasons(path, trust=[])


@pytest.mark.parametrize("trust", ["nowhere.pub", ["megacache-ed25519 AAAA"]])
def test_what_is_no_key_is_named_before_anything_is_opened(tmp_path, trust):
    with pytest.raises(KeyFileError):
        passes(tmp_path / "nowhere.megacache", trust)


# -- the file itself ---------------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(BundleNotFoundError):
        passes(tmp_path / "nowhere.megacache")


def test_a_link_to_a_file_of_somebody_else_is_refused(path, tmp_path):
    path.chmod(0o666)
    link = tmp_path / "link.megacache"
    link.symlink_to(path)
    assert reasons(link)[0] == "everyone may write it"


def test_a_file_that_was_exchanged_meanwhile_is_refused(path, tmp_path, monkeypatch):
    other = shutil.copyfile(path, tmp_path / "other.megacache")
    open_it = Bundle.open

    def exchanged(file):
        opened = open_it(file)
        other.replace(file)
        return opened

    monkeypatch.setattr(Bundle, "open", exchanged)
    with pytest.raises(BundleError, match="was replaced by another file while it was opened"):
        passes(path)


def exchange_for_a_moment(path, other, monkeypatch):
    """Have another file in the place of one while it is opened and its rows are read, and never before or after."""
    open_it, aside = Bundle.open, path.with_name("aside")

    def opened(file):
        path.rename(aside)
        other.rename(path)
        bundle = open_it(file)
        bundle.recording()
        path.rename(other)
        aside.rename(path)
        return bundle

    monkeypatch.setattr(Bundle, "open", opened)


def test_a_file_that_was_exchanged_for_a_moment_is_refused(path, tmp_path, give_away, monkeypatch):
    other = shutil.copyfile(path, tmp_path / "other.megacache")
    if os.geteuid() == 0:
        give_away(other)
    exchange_for_a_moment(path, other, monkeypatch)
    with pytest.raises(UntrustedError, match="what was read is not the file that is there"):
        passes(path)


def test_what_a_key_signed_passes_whoever_exchanged_it_for_a_moment(path, key, tmp_path, monkeypatch):
    sign(path, key)
    exchange_for_a_moment(path, shutil.copyfile(path, tmp_path / "other.megacache"), monkeypatch)
    assert passes(path, trust=key.public.line)


def test_a_copy_that_was_read_because_a_killed_writer_left_the_file_half_written_is_refused(path, monkeypatch):
    folder = path.parent / "copies"
    folder.mkdir()

    def copied(reader):
        return Path(shutil.copyfile(reader.path, folder / "bundle"))

    begin = Reader._begin_or_wait
    failures = [sqlite3.OperationalError("hot")]
    failures[0].sqlite_errorname = HOT_JOURNAL

    def begun(reader, connection):
        if failures:
            raise failures.pop()
        return begin(reader, connection)

    monkeypatch.setattr(Reader, "_recovered", copied)
    monkeypatch.setattr(Reader, "_begin_or_wait", begun)
    with pytest.raises(UntrustedError, match="a killed writer left it half written"):
        passes(path)
    assert passes(path)


def test_where_the_system_does_not_list_what_is_open_the_path_has_to_do(path, tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "_DESCRIPTORS", tmp_path / "none")
    assert passes(path)
    path.chmod(0o666)
    assert reasons(path) == ("everyone may write it", "nobody signed it")


def test_to_look_is_free(foreign):
    with Bundle.open(foreign) as bundle:
        assert bundle.recording().artifacts
        assert bundle.verify().is_ok
        assert bundle.to_torch()


# -- what is no bundle -------------------------------------------------------------------------------------------


def test_a_file_of_torchs_passes_by_its_owner_alone(tmp_path, key):
    file = tmp_path / "artifact"
    file.write_bytes(b"code")
    check_file(file)
    with pytest.raises(UntrustedError, match="nobody can have signed it"):
        check_file(file, key.public.line)
    file.chmod(0o666)
    with pytest.raises(UntrustedError, match="everyone may write it"):
        check_file(file)
    check_file(file, trust=True)


def test_bytes_pass_by_a_clear_statement_alone(key):
    for trust in (None, False, key.public.line):
        with pytest.raises(UntrustedError, match="bytes do not tell whose they are"):
            check_bytes("the entries", trust)
    check_bytes("the entries", trust=True)
