"""Doubts: each with a real file; and none about a file of the user's own."""

import os
import shutil

import pytest

from megacache.trust.doubts import doubts, user


def test_a_file_of_ones_own_raises_none(path):
    assert doubts(path) == ()


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o644, 0o755])
def test_whoever_may_read_it_is_no_matter(path, mode):
    path.chmod(mode)
    assert doubts(path) == ()


def test_a_file_of_another_user(path, give_away):
    give_away(path)
    owner, me = user(path.stat().st_uid), user(os.geteuid())
    assert doubts(path) == (f"it belongs to {owner}, and you are {me}",)


@pytest.mark.parametrize(
    ("mode", "doubt"),
    [
        (0o664, "its group may write it"),
        (0o620, "its group may write it"),
        (0o646, "everyone may write it"),
        (0o666, "everyone may write it"),
    ],
)
def test_a_file_that_others_may_write(path, mode, doubt):
    path.chmod(mode)
    assert doubts(path) == (doubt,)


@pytest.mark.parametrize("attribute", ["user.xdg.origin.url", "user.xdg.referrer.url"])
def test_a_file_that_was_downloaded(path, attributes_folder, attribute):
    path = shutil.move(path, attributes_folder / "train.megacache")
    os.setxattr(path, attribute, b"https://example.org/train.megacache\n\x1b[31m")
    assert doubts(path) == ("it was downloaded from https://example.org/train.megacache??[31m",)


def test_other_attributes_are_no_matter(path, attributes_folder):
    path = shutil.move(path, attributes_folder / "train.megacache")
    os.setxattr(path, "user.mime_type", b"application/vnd.sqlite3")
    assert doubts(path) == ()


def test_a_directory_in_which_anyone_may_exchange_the_file(path):
    path.parent.chmod(0o777)
    assert doubts(path) == (
        f"everyone may put another file in its place, since everyone may write {path.parent.resolve()}",
    )
    path.parent.chmod(0o1777)  # as /tmp
    assert doubts(path) == ()


def test_several_doubts_are_all_told(path, attributes_folder, give_away):
    path = shutil.move(path, attributes_folder / "train.megacache")
    path.chmod(0o666)
    os.setxattr(path, "user.xdg.origin.url", b"https://example.org/")
    give_away(path)
    assert len(doubts(path)) == 3


def test_of_a_link_the_target_counts(path, tmp_path):
    link = tmp_path / "links" / "link.megacache"
    link.parent.mkdir()
    link.symlink_to(path)
    assert doubts(link) == ()
    path.chmod(0o666)
    assert doubts(link) == ("everyone may write it",)


def test_of_a_descriptor_the_file_that_is_open_counts(path, attributes_folder):
    path = shutil.move(path, attributes_folder / "train.megacache")
    other = shutil.copyfile(path, attributes_folder / "other.megacache")
    other.chmod(0o666)
    os.setxattr(other, "user.xdg.origin.url", b"https://example.org/")
    with other.open("rb") as file:
        assert doubts(path) == ()
        assert doubts(path, file.fileno()) == ("everyone may write it", "it was downloaded from https://example.org/")


def test_of_a_folder_all_that_is_in_it_counts(tmp_path):
    folder = tmp_path / "unpacked"
    (folder / "fxgraph").mkdir(parents=True)
    inside = folder / "fxgraph" / "content"
    inside.write_bytes(b"code")
    assert doubts(folder) == ()
    inside.chmod(0o666)
    assert doubts(folder) == ("fxgraph/content: everyone may write it",)


def test_a_system_without_owners_says_so(path, monkeypatch):
    monkeypatch.delattr(os, "geteuid")
    assert doubts(path) == ("this system does not tell whose a file is",)


def test_a_user_without_a_name_has_a_number():
    assert user(0) == "root (user 0)"
    assert user(3_999_999_999) == "user 3999999999"
