"""Tests of `megacache.bundle.plain_file`."""

import pytest

from megacache.bundle import Bundle, plain_file
from megacache.errors import BundleNotWritableError


def test_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "page.html"
    plain_file.write(path, b"one")
    plain_file.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_bundle_is_never_replaced(tmp_path):
    for name in ("kept.megacache", "kept.bin"):
        Bundle.create(tmp_path / name).close()
        with pytest.raises(BundleNotWritableError, match="would destroy"):
            plain_file.write(tmp_path / name, b"lost")
        with Bundle.open(tmp_path / name) as bundle:
            assert bundle.verify().is_ok


def test_name_of_a_bundle_is_refused(tmp_path):
    with pytest.raises(BundleNotWritableError, match="choose another name"):
        plain_file.write(tmp_path / "new.megacache", b"no bundle")
    assert list(tmp_path.iterdir()) == []


def test_missing_directory_is_one_clear_error(tmp_path):
    with pytest.raises(BundleNotWritableError, match="choose another place"):
        plain_file.write(tmp_path / "nowhere" / "page.html", b"")
