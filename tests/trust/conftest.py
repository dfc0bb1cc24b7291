"""Fixtures of the room of trust: a bundle, a configuration directory of its own, keys, and files that are not ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from megacache.bundle import Bundle
from megacache.trust.keys import PrivateKey
from samples import small_recording

NOBODY = 65534


@pytest.fixture(autouse=True)
def own_config(config) -> None:
    """No test here sees the list of the user who runs it."""


@pytest.fixture
def path(tmp_path) -> Path:
    """A bundle of our own, which holds the small recording."""
    file = tmp_path / "small.megacache"
    with Bundle.create(file) as bundle:
        bundle.append(*small_recording())
    return file


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate("Ada of the team")


@pytest.fixture
def give_away(monkeypatch) -> Callable[[Path], None]:
    """Make a file another user's; where we may not, make ourselves another user than its owner."""

    def give(file: Path) -> None:
        if os.geteuid() == 0:
            os.chown(file, NOBODY, NOBODY)
        else:
            other = os.geteuid() + 1
            monkeypatch.setattr(os, "geteuid", lambda: other)

    return give
