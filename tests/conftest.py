"""Fixtures that many rooms share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent


ALONE = [TESTS / each for each in ("browser", "reliability", "warm_start")]
"""Folders whose tests start a server of their own or keep all cores busy, and show a table at the end."""


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests for a GPU, unless they are asked for by their marker; say which tests run alone."""
    for each in items:
        if any(each.path.is_relative_to(folder) for folder in ALONE):
            each.add_marker(pytest.mark.alone)
    if "gpu" not in str(config.option.markexpr):
        left_out = [each for each in items if each.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in left_out]


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """Where the user's list of keys is, in this test."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


ANOTHER_WRITER = """
import sqlite3, sys

sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0).execute("BEGIN IMMEDIATE")
"""


@pytest.fixture
def is_locked() -> Callable[[Path], bool]:
    """Say whether another process may not write to a file now; SQLite tells two connections of one apart otherwise."""

    def ask(path: Path) -> bool:
        command = [sys.executable, "-c", ANOTHER_WRITER, str(path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0 or "database is locked" in done.stderr, done.stderr
        return done.returncode != 0

    return ask


class Programs:
    """Run the programs of `tests/programs`, each in a fresh process with a torch cache directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def run(self, name: str, *arguments: object, cache: str | None = None, **environment: str) -> str:
        """Run a program to its end and return what it printed; its failure is the test's.

        Args:
            name: A file of `tests/programs`, without `.py`.
            *arguments: Handed over as text.
            cache: Name of the torch cache directory; None gives an empty one.
            **environment: Variables to set.
        """
        self._count += 1
        cache_dir = self.folder / (cache or f"torch-cache-{self._count}")
        variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TORCHINDUCTOR_CACHE_DIR": str(cache_dir)}
        command = [sys.executable, str(TESTS / "programs" / f"{name}.py"), *map(str, arguments)]
        done = subprocess.run(
            command,
            env={**variables, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Programs of this test file; what they write stays together in one folder."""
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def attributes_folder(tmp_path: Path) -> Iterator[Path]:
    """A directory whose file system keeps a file's extended attributes; `/tmp` may be a tmpfs that has none."""
    for place in (tmp_path, Path("/var/tmp"), REPOSITORY):  # noqa: S108  Tried in turn, in a directory of our own.
        with tempfile.TemporaryDirectory(dir=place, prefix=".megacache-test-") as name:
            try:
                os.setxattr(name, "user.megacache.test", b"kept")
            except OSError:
                continue
            os.removexattr(name, "user.megacache.test")
            yield Path(name)
            return
    pytest.fail("no file system here keeps extended attributes: mount one on /tmp, such as ext4")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests: a process has room for one Playwright."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--hide-scrollbars", "--force-color-profile=srgb"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        yield chromium
        chromium.close()
