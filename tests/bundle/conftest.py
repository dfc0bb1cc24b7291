"""Fixtures of the bundle's room: a bundle of the small recording, and a user who may not write."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from megacache.bundle import Bundle
from megacache.bundle.rows import TABLES
from megacache.recording import Recording
from samples import Contents, small_recording

NOBODY = 65534


@pytest.fixture
def rows_of() -> Callable[[Recording], dict[str, tuple[object, ...]]]:
    """Give every table of a recording, without the way to its contents."""

    def tables(recording: Recording) -> dict[str, tuple[object, ...]]:
        return {each.rows_name: getattr(recording, each.rows_name) for each in TABLES}

    return tables


@pytest.fixture
def small() -> tuple[Recording, Contents]:
    return small_recording()


@pytest.fixture
def path(tmp_path, small) -> Path:
    """A bundle that holds the small recording."""
    file = tmp_path / "small.megacache"
    with Bundle.create(file) as bundle:
        bundle.append(*small)
    return file


@pytest.fixture
def bundle(path) -> Iterator[Bundle]:
    with Bundle.open(path) as opened:
        yield opened


@pytest.fixture
def change(path) -> Callable[..., None]:
    """Change the bundle behind its back, as no bundle does."""

    def execute(*statements: str) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return execute


@pytest.fixture
def protected(path) -> Iterator[tuple[Path, Callable[[], AbstractContextManager[None]]]]:
    """The bundle in a directory that a user may read and not write, and a way to be that user."""
    folder = Path(tempfile.mkdtemp())
    shutil.copy(path, folder / path.name)
    is_root = os.geteuid() == 0

    @contextmanager
    def unprivileged() -> Iterator[None]:
        folder.chmod(0o755 if is_root else 0o555)
        for file in folder.iterdir():
            file.chmod(0o444)
        try:
            if is_root:
                os.seteuid(NOBODY)
            yield
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o755)

    yield folder / path.name, unprivileged
    shutil.rmtree(folder)
