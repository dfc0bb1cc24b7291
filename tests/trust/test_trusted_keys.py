"""Trusted keys: a list that the user can read and write by hand, and nobody else may write."""

import os
import stat
import subprocess
import sys

import pytest

from megacache.errors import KeyFileError
from megacache.trust import trusted_keys
from megacache.trust.keys import PrivateKey

ADD = """\
import sys
from megacache.trust import trusted_keys
from megacache.trust.keys import PublicKey
trusted_keys.add(PublicKey.read(sys.argv[1]))
"""


@pytest.fixture
def public(key):
    return key.public


def test_without_a_list_no_key_is_trusted(config):
    assert trusted_keys.trusted_keys() == ()
    assert not config.exists()


def test_a_key_is_added_once_and_removed(public, config):
    assert trusted_keys.add(public)
    assert not trusted_keys.add(public)
    assert trusted_keys.trusted_keys() == (public,)
    assert (config / "megacache" / "trusted_keys").read_text() == f"{public.line}\n"
    assert trusted_keys.remove(public)
    assert not trusted_keys.remove(public)
    assert trusted_keys.trusted_keys() == ()


def test_a_comment_is_kept_whatever_the_encoding_of_the_locale(config, tmp_path):
    PrivateKey.generate("J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg").write(tmp_path / "team")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(
        [sys.executable, "-c", ADD, tmp_path / "team.pub"], env={**os.environ, **ascii_only}, check=True, timeout=60
    )
    (found,) = trusted_keys.trusted_keys()
    assert found.comment == "J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg"


def test_the_list_and_its_directory_are_the_users_alone(public, config):
    trusted_keys.add(public)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (config, config / "megacache", trusted_keys.list_path())]
    assert modes[1:] == [0o700, 0o600]


def test_what_the_user_wrote_into_it_stays(public):
    trusted_keys.add(public)
    other = PrivateKey.generate("Bob").public
    trusted_keys.list_path().write_text(f"# the team\n\n  {public.line}  \n")
    trusted_keys.add(other)
    assert trusted_keys.trusted_keys() == (public, other)
    trusted_keys.remove(public)
    assert trusted_keys.list_path().read_text() == f"# the team\n\n{other.line}\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_list_that_others_may_write_is_not_used(public, mode):
    trusted_keys.add(public)
    trusted_keys.list_path().chmod(mode)
    for use in (trusted_keys.trusted_keys, lambda: trusted_keys.add(public), lambda: trusted_keys.remove(public)):
        with pytest.raises(KeyFileError, match="others than you may write it"):
            use()


def test_a_list_of_somebody_else_is_not_used(public, give_away):
    trusted_keys.add(public)
    give_away(trusted_keys.list_path())
    with pytest.raises(KeyFileError, match="it has to be your own"):
        trusted_keys.trusted_keys()


def test_a_line_that_is_no_key_is_named(public):
    trusted_keys.add(public)
    with trusted_keys.list_path().open("a") as file:
        file.write("something else\n")
    with pytest.raises(KeyFileError, match="trusted_keys holds no public key") as caught:
        trusted_keys.trusted_keys()
    assert caught.value.path == str(trusted_keys.list_path())


def test_a_list_that_cannot_be_written_says_so(public, config):
    config.mkdir()
    (config / "megacache").write_text("a file in the place of the directory")
    with pytest.raises(KeyFileError, match="cannot be"):
        trusted_keys.add(public)


def test_a_relative_directory_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert trusted_keys.list_path() == tmp_path / ".config" / "megacache" / "trusted_keys"
