import threading

import pytest

from explorer_samples import decode
from megacache.errors import UsageError
from megacache.explorer.snapshot import GROUPINGS, Snapshot
from megacache.explorer.summary import About
from megacache.recording import Recording


def test_a_compile_has_one_number_in_both_trees(snapshot):
    (_, functions), (_, stacks) = (decode(snapshot.wire(grouping)) for grouping in GROUPINGS)
    heads = [decode(snapshot.wire(grouping))[0] for grouping in GROUPINGS]
    kinds = heads[1]["kinds"]
    compiles = {
        number
        for number, kind in zip(stacks["id"], stacks["kind"], strict=True)
        if kinds[kind] in ("guarded_code", "recompile", "compile")
    }
    assert len(compiles) == 8
    assert compiles <= set(functions["id"])
    assert heads[0]["summary"] == heads[1]["summary"]


def test_another_grouping_is_refused(snapshot):
    with pytest.raises(UsageError, match="functions or by stacks"):
        snapshot.wire("moods")


def test_an_empty_recording_is_a_snapshot():
    empty = Snapshot(Recording(), About(title="empty"))
    assert [decode(empty.wire(grouping))[0]["count"] for grouping in GROUPINGS] == [0, 0]


def test_threads_may_ask_at_once(snapshot):
    asked = list(snapshot.parts.names())
    answers = []

    def ask():
        answers.append([snapshot.part(kind, name) for kind, name in asked])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
