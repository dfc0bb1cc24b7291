"""Tests of `megacache.autosave`: what a killed process leaves, and when the thread saves."""

import json
import threading
import time

import pytest

from megacache.autosave import Autosave
from megacache.bundle import Bundle
from megacache.errors import BundleBusyError, SessionError
from megacache.process import Process
from megacache.sessions import Session

SOON_S = 0.01


def wait_until(is_so):
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(SOON_S)


class News:
    def __init__(self):
        self.is_there = False

    def __call__(self):
        was_there, self.is_there = self.is_there, False
        return was_there


@pytest.fixture
def news():
    return News()


def test_it_saves_once_for_all_that_came_meanwhile_and_rests_without_news(news):
    autosave = Autosave(lambda: None, news, SOON_S)
    autosave.start()
    news.is_there = True
    wait_until(lambda: autosave.save_count == 1)
    time.sleep(10 * SOON_S)
    autosave.stop()
    assert autosave.save_count == 1


def test_a_failure_is_kept_and_the_next_news_saved(news):
    answers = [BundleBusyError("busy"), None, None]

    def save():
        if error := answers.pop(0):
            raise error

    autosave = Autosave(save, news, SOON_S)
    autosave.start()
    news.is_there = True
    wait_until(lambda: autosave.failure is not None)
    assert (str(autosave.failure), autosave.save_count) == ("busy", 0)
    news.is_there = True
    wait_until(lambda: autosave.save_count == 1)
    assert autosave.failure is None
    autosave.stop()


def test_stopping_waits_for_the_save_that_runs(news):
    begun, may_end = threading.Event(), threading.Event()

    def save():
        begun.set()
        may_end.wait(10)

    autosave = Autosave(save, news, SOON_S)
    autosave.start()
    news.is_there = True
    assert begun.wait(10)
    threading.Timer(5 * SOON_S, may_end.set).start()
    autosave.stop()
    assert autosave.save_count == 1


def test_a_session_without_a_bundle_cannot_save_itself():
    with pytest.raises(SessionError, match="has no bundle to save itself into"):
        Session(Process(), "train", autosave=True)


@pytest.mark.torch
def test_a_killed_process_loses_nothing_that_was_saved_and_the_next_starts_warm(programs):
    bundle = programs.folder / "batches.megacache"
    with pytest.raises(AssertionError, match="autosaved failed"):
        programs.run("autosaved", bundle, "killed")
    with Bundle.open(bundle) as opened:
        assert opened.verify().is_ok
        recording = opened.recording()
    assert [each.status for each in recording.sessions] == ["open"]
    assert [code.qualname for code in recording.codes] == ["first", "second"]
    assert [each.status for each in recording.compiles] == ["ok", "ok"]
    facts = json.loads(programs.run("autosaved", bundle, "warm"))
    assert (facts["results"], facts["statuses"]) == ([48.0, 192.0], ["served", "served"])
    # It was loaded twice: the second report is of that load alone, and no artifact has two verdicts.
    assert facts["loaded_counts"] == [len(recording.artifacts)] * 3
