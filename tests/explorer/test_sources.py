import sys
from pathlib import Path

import pytest

from megacache.bundle import Bundle
from megacache.errors import (
    BundleNotFoundError,
    IncompatibleError,
    NotABundleError,
    SessionError,
    TorchError,
    UsageError,
)
from megacache.explorer import sources
from megacache.explorer.sources import BundleSource, OtherSource, ProcessSource, SessionSource, source_of
from megacache.process import Process
from megacache.recording import Recorded, Recording
from megacache.sessions import Session
from megacache.verbs import everything


class Made(Recorded):
    """A recording that somebody made by hand."""

    def __init__(self, recording):
        self._recording = recording

    def recording(self):
        return self._recording


def test_what_is_explored_decides_the_source(bundle_path, recording):
    assert isinstance(source_of(None), ProcessSource)
    assert isinstance(source_of(everything()), ProcessSource)
    assert isinstance(source_of(Session(Process(), "x")), SessionSource)
    assert isinstance(source_of(bundle_path), BundleSource)
    assert isinstance(source_of(str(bundle_path)), BundleSource)
    assert isinstance(source_of(Made(recording)), OtherSource)
    with Bundle.open(bundle_path) as bundle:
        assert isinstance(source_of(bundle), BundleSource)


def test_what_cannot_be_explored_is_refused_at_once(tmp_path):
    (tmp_path / "other").write_text("not a bundle")
    with pytest.raises(UsageError, match="cannot explore a int"):
        source_of(3)
    with pytest.raises(BundleNotFoundError):
        source_of(tmp_path / "nowhere")
    with pytest.raises(NotABundleError):
        source_of(tmp_path / "other")


def test_a_bundle_can_be_saved_elsewhere_but_not_onto_itself(bundle_path, tmp_path):
    source = source_of(bundle_path)
    assert (source.about.title, source.about.is_live) == ("encoder.megacache", False)
    assert "save" not in source.actions
    source.save_as(tmp_path / "copy.megacache")
    with Bundle.open(tmp_path / "copy.megacache") as copy:
        assert copy.recording().artifacts == source.recording().artifacts
    with pytest.raises(UsageError, match="is the bundle that is shown"):
        source.save_as(bundle_path)


def test_a_bundle_can_be_loaded_and_offers_its_own_path(bundle_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(sources, "load", lambda path, *, trust: loaded.append((path, trust)))
    source = source_of(bundle_path)
    assert {"load", "upload"} <= set(source.actions)
    assert source.about.bundle == bundle_path
    source.load(source.about.bundle)
    source.load(source.about.bundle, trust=True)
    assert loaded == [(bundle_path, None), (bundle_path, True)]


@pytest.mark.torch
def test_loading_without_a_session_begins_to_capture_and_says_why_nothing_fits(bundle_path):
    process = sources.this_process
    assert not process.is_on
    try:
        with pytest.raises(IncompatibleError, match=r"nothing of .*encoder\.megacache was loaded: .*torch is"):
            source_of(bundle_path).load(bundle_path)
        assert [session.name for session in process.open] == ["process"]
    finally:
        process.disable()


def test_loading_without_torch_says_so(bundle_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TorchError, match="torch, which is not installed"):
        source_of(bundle_path).load(bundle_path)


def test_a_bundle_can_be_looked_at_after_it_was_closed(bundle_path):
    recording = source_of(bundle_path).recording()
    assert recording.read(recording.documents[0].content_sha256)


def test_a_process_without_a_capture_is_empty():
    source = ProcessSource(sources.Everything(Process()), Process())
    assert source.recording() == Recording()
    assert (source.about.title, source.about.bundle, source.about.is_live) == ("this process", None, False)
    with pytest.raises(SessionError, match="has no bundle"):
        source.save()


def test_a_session_saves_only_where_it_has_a_bundle():
    process = Process()
    assert "save" in SessionSource(Session(process, "x", Path("x.megacache")), process).actions
    assert "save" not in SessionSource(Session(process, "x"), process).actions
    assert {"load", "upload", "export_bundle"} <= set(SessionSource(Session(process, "x"), process).actions)


def test_any_other_recording_is_only_looked_at(recording, tmp_path):
    source = source_of(Made(recording))
    assert source.actions == ("export_html", "export_trace")
    assert source.about.title == "made"
    assert source.recording() is recording
    with pytest.raises(UsageError, match="only a session or a bundle can"):
        source.save_as(tmp_path / "x")


def test_only_what_captures_tells_of_itself(bundle_path):
    process, told = Process(), []
    stop = SessionSource(Session(process, "x"), process).listen(lambda: told.append("session"))
    ProcessSource(sources.Everything(process), process).listen(lambda: told.append("process"))
    source_of(bundle_path).listen(lambda: told.append("bundle"))()
    process.tell()
    stop()
    stop()
    process.tell()
    assert told == ["session", "process", "process"]
