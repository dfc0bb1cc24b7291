"""Turns: whoever waits for the write lock has it soon after it is free, and is told when the wait was in vain."""

import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from megacache.bundle import Bundle, connection, turns
from megacache.errors import BundleBusyError
from megacache.recording import Recording

WAIT_S = 0.3


@pytest.fixture
def other(path):
    """Somebody else's connection, as far as SQLite can tell."""
    opened = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield opened
    opened.close()


@pytest.fixture
def new_session(small):
    return Recording(sessions=(replace(small[0].sessions[0], session_id="new"),))


def test_a_turn_comes_soon_after_the_lock_is_free(path, other):
    waited_s = []
    ours = connection.connect(path, "rw")
    for _ in range(5):
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.2, other.execute, ["COMMIT"])
        end.start()
        begun = time.monotonic()
        turns.begin(ours, 10)
        waited_s.append(time.monotonic() - begun)
        end.join()
        ours.execute("COMMIT")
    ours.close()
    # SQLite's own wait asks after 0.178 and 0.228 s, and later every tenth of a second.
    assert 0.19 < min(waited_s) < 0.22, waited_s


def test_a_wait_in_vain_has_an_end_and_a_message_that_tells_how_long_it_was(path, other, new_session, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", WAIT_S)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    with Bundle.open(path) as bundle, pytest.raises(BundleBusyError) as caught:
        bundle.append(new_session, {})
    assert time.monotonic() - begun >= WAIT_S
    assert str(caught.value) == f"{path} was in use by another process for 0.3 s: try again when it has finished"
    assert caught.value.path == str(path)


def test_the_wait_that_is_stated_is_half_a_minute():
    assert connection.BUSY_TIMEOUT_S == 30


def test_a_save_waits_for_a_reader_as_long_as_for_a_writer(path, other, new_session, monkeypatch):
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM artifact").fetchone()
    with Bundle.open(path) as bundle:
        end = threading.Timer(0.2, other.execute, ["COMMIT"])
        end.start()
        bundle.append(new_session, {})
        end.join()
        assert "new" in {each.session_id for each in bundle.recording().sessions}


def test_a_reader_that_does_not_end_is_named_too_and_nothing_is_saved(path, other, new_session, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", WAIT_S)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM artifact").fetchone()
    with Bundle.open(path) as bundle:
        with pytest.raises(BundleBusyError, match=r"for 0\.3 s"):
            bundle.append(new_session, {})
        assert "new" not in {each.session_id for each in bundle.recording().sessions}
        other.execute("COMMIT")
        bundle.append(new_session, {})
        assert bundle.verify().is_ok


def test_what_is_no_contention_is_not_waited_for(tmp_path):
    (tmp_path / "text.megacache").write_text("not SQLite " * 1000)
    ours = connection.connect(tmp_path / "text.megacache", "rw")
    begun = time.monotonic()
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        turns.begin(ours, 10)
    assert time.monotonic() - begun < 5
    ours.close()
