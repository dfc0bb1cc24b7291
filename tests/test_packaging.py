"""The wheel and the source distribution, built from a fresh checkout: both hold the built front end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.slow

BUILT = {"widget.js", "page.js", "explorer.css"}
MADE = (".git", ".*_cache", ".hypothesis", ".venv*", "*.html", "*.megacache", "__pycache__", "node_modules", "static")
"""What is in a checkout that was worked in, and in no fresh one."""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The source distribution of a checkout in which nothing was built."""
    checkout = tmp_path_factory.mktemp("checkout") / "megacache"
    shutil.copytree(REPOSITORY, checkout, ignore=shutil.ignore_patterns(*MADE))
    folder = tmp_path_factory.mktemp("sdist")
    run("-m", "build", "--sdist", "--outdir", str(folder), str(checkout))
    return next(folder.glob("*.tar.gz"))


def run(*arguments: str, path: str | None = None) -> str:
    """Run Python, with another PATH if one is given, and return all that it printed."""
    environment = os.environ | ({"PATH": path} if path else {})
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{arguments}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def test_the_sdist_holds_sources_and_the_built_front_end(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"megacache/explorer/static/{name}" for name in BUILT} <= names
    assert {"hatch_build.py", "widgets/package-lock.json", "widgets/src/App.tsx"} <= names
    assert not [name for name in names if "node_modules" in name]


def test_the_sdist_installs_without_node(sdist, tmp_path):
    path = str(Path(sys.executable).parent)  # no npm there, nor anything else
    assert shutil.which("npm", path=path) is None
    printed = run("-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sdist), "-v", path=path)
    assert "nodejs" not in printed
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {f"megacache/explorer/static/{name}" for name in BUILT} <= names
    assert not [name for name in names if not name.startswith("megacache")]
