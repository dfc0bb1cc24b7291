"""File kind: a file is told by its beginning, and a bundle keeps its locks meanwhile."""

import os
from pathlib import Path

import pytest

from megacache.bundle.compiled_file import CompiledFile, is_compiled
from megacache.bundle.connection import writing
from megacache.bundle.file_kind import beginning, is_database
from megacache.bundle.plain_file import write
from megacache.cli.reading import torchs_own
from megacache.errors import BundleError, BundleNotWritableError, NotABundleError
from megacache.explorer.sources import source_of

NOBODY = 65534


def test_a_bundle_is_a_database(path):
    assert is_database(path)
    assert beginning(path) == path.read_bytes()[:64]


@pytest.mark.parametrize("content", [b"", b"SQLite format 2", b"notes " * 100])
def test_another_file_is_none(tmp_path, content):
    other = tmp_path / "other"
    other.write_bytes(content)
    assert not is_database(other)
    assert beginning(other) == content[:64]


def test_nothing_folders_and_pipes_have_no_beginning(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert [beginning(each) for each in (tmp_path, tmp_path / "none", tmp_path / "pipe")] == [b"", b"", b""]


def test_a_file_that_may_not_be_read_is_told(path):
    path.chmod(0o000)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(BundleError, match="permission"):
            is_database(path)
    finally:
        if is_root:
            os.seteuid(0)


def refused(error: type[Exception], action):
    def run(path: Path):
        with pytest.raises(error):
            action(path)

    return run


@pytest.mark.parametrize(
    "look",
    [
        is_database,
        is_compiled,
        refused(NotABundleError, CompiledFile.open),
        refused(BundleNotWritableError, lambda path: write(path, b"a page")),
        torchs_own,
        source_of,
    ],
)
@pytest.mark.parametrize("name", ["cache.megacache", "cache.db"])
def test_no_look_drops_a_lock(path, is_locked, look, name):
    """POSIX locks end when anything in the process closes the file: then another process would write in between."""
    path = path.rename(path.with_name(name))
    with writing(path) as connection:
        look(path)
        assert is_locked(path)
        connection.execute("ROLLBACK")
