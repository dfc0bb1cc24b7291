"""What the tests of the explorer share: a front end that need not be built, and the small recording in a bundle."""

from __future__ import annotations

import pytest

from megacache.bundle import Bundle
from megacache.explorer import front_end
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.summary import About
from samples import small_recording


@pytest.fixture(autouse=True)
def built(tmp_path_factory, monkeypatch):
    """The front end, as far as Python can tell."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "widget.js").write_text("export default { render() {} };")
    (folder / "page.js").write_text("document.body.dataset.told = '</script><!--<script>';")
    (folder / "explorer.css").write_text(".mc-explorer { color: red; }")
    monkeypatch.setattr(front_end, "STATIC", folder)
    return folder


@pytest.fixture(scope="session")
def recording():
    return small_recording()[0]


@pytest.fixture
def snapshot(recording):
    return Snapshot(recording, About(title="encoder"))


@pytest.fixture
def numbered(snapshot):
    """The number of the first node of a kind, a name and a session."""

    def number(kind, name=None, session=None):
        return next(
            str(line.id)
            for line in snapshot.function_lines
            if line.node.kind == kind and name in (None, line.node.name) and session in (None, line.node.session_id)
        )

    return number


@pytest.fixture
def bundle_path(tmp_path):
    rows, contents = small_recording()
    path = tmp_path / "encoder.megacache"
    with Bundle.create(path) as bundle:
        bundle.append(rows, contents)
    return path
