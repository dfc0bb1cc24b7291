"""Open file: a bundle's bytes come from a descriptor that is open anyway, and only from that very file."""

import os
import sqlite3

import pytest

from megacache.bundle import open_file
from megacache.bundle.open_file import OpenFile


@pytest.fixture
def opened(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA schema_version")
    yield connection
    connection.close()


def test_any_part_of_it_is_read(path, opened):
    data, file = path.read_bytes(), OpenFile(path)
    assert file.read_at(0, 100) == data[:100]
    assert file.read_at(len(data) - 10, 100) == data[-10:]
    assert file.read_at(len(data), 100) == b""


def test_a_file_that_nobody_has_open_is_not_opened(path):
    with pytest.raises(FileNotFoundError, match="not open in this process"):
        OpenFile(path).read_at(0, 100)


def test_a_link_leads_to_it(path, opened, tmp_path):
    link = tmp_path / "link.megacache"
    link.symlink_to(path)
    assert OpenFile(link).read_at(0, 6) == b"SQLite"


def test_a_descriptor_that_cannot_read_is_passed_over(path, opened, monkeypatch):
    writer = os.open(path, os.O_WRONLY)
    both = [writer, *open_file._descriptors()]
    monkeypatch.setattr(open_file, "_descriptors", lambda: iter(both))
    assert OpenFile(path).read_at(0, 6) == b"SQLite"
    os.close(writer)


def test_a_number_that_is_another_file_by_now_is_not_read(path, opened, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    number = os.open(path, os.O_RDONLY)
    file = OpenFile(path)
    file._descriptor = number
    assert file.read_at(0, 6) == b"SQLite"
    os.close(number)
    assert os.open(other, os.O_RDONLY) == number
    assert file.read_at(0, 6) == b"SQLite"
    assert file._descriptor != number
    os.close(number)


def test_what_a_descriptor_tells_is_of_the_file_that_is_open_wherever_the_path_leads_by_now(path, opened, tmp_path):
    file, size_bytes = OpenFile(path), path.stat().st_size
    path.rename(tmp_path / "aside")
    path.write_bytes(b"something else")
    assert file.ask(os.fstat).st_size == size_bytes
    with pytest.raises(FileNotFoundError, match="not open in this process"):
        OpenFile(path).ask(os.fstat)


def test_a_disk_that_fails_is_told(path, opened, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(OSError, match="Input/output error"):
        OpenFile(path).read_at(0, 6)
