"""Private copy: who needs one and cannot have it is told what to do."""

import tempfile

import pytest

from megacache.bundle import Bundle
from megacache.errors import BundleError


@pytest.fixture
def damaged(path, change):
    change("DELETE FROM blob")
    return path


@pytest.fixture(params=["No such file", "Not a directory"])
def refused(request, damaged, monkeypatch):
    """Have no temporary directory; the reason is part of the message."""
    folder = damaged / "below" if request.param == "Not a directory" else damaged.parent / "nowhere"
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return pytest.raises(BundleError, match=rf"temporary directory \({request.param}.*set TMPDIR")


def test_without_a_temporary_directory_repair_says_so(damaged, refused):
    with refused:
        Bundle.repair(damaged, damaged.with_name("repaired.megacache"))


def test_without_a_temporary_directory_verify_says_so(damaged, refused):
    with Bundle.open(damaged) as bundle, refused:
        bundle.verify()
