import gzip
import json
import os
import threading
from dataclasses import replace

import pytest

from explorer_samples import decode
from megacache.bundle import Bundle
from megacache.errors import StorageFullError
from megacache.explorer import messages as messages_module
from megacache.explorer.actions import Actions
from megacache.explorer.messages import Messages
from megacache.explorer.parts import Parts
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.sources import BundleSource
from megacache.explorer.transfers import UPLOAD_CHUNK_BYTES, Transfers
from megacache.report import LoadReport
from megacache.trust import trusted_keys
from megacache.trust.gate import trusted
from megacache.trust.keys import PrivateKey
from megacache.trust.signing import sign
from samples import Contents, small_recording


class LoadingSource(BundleSource):
    """A bundle that takes others as a session does, and keeps what it was given."""

    actions = (*BundleSource.actions, "save")

    def __init__(self, path):
        super().__init__(path)
        self.loaded = []

    def load(self, path, *, trust=None):
        with trusted(path, trust), Bundle.open(path) as bundle:
            self.loaded.append(path.read_bytes())
            return LoadReport(bundle.recording().verdicts)

    def save(self):
        raise StorageFullError("no room on the disk; nothing was written")


class Conversation:
    """Ask as a front end does, and keep what was heard."""

    def __init__(self, source):
        self.source = source
        self.heard = []
        self.transfers = Transfers()
        snapshot = Snapshot(source.recording(), source.about)
        actions = Actions(source, self.transfers, lambda: snapshot)
        self.messages = Messages(lambda: snapshot, actions, self.transfers, self.hear)
        self.asked = 0

    def hear(self, content, buffers):
        json.dumps(content, allow_nan=False)
        self.heard.append((content, buffers))

    def ask(self, question, buffer=None, /, **params):
        self.asked += 1
        content = {"type": "ask", "id": self.asked, "name": question, "params": params}
        self.messages.receive(content, [] if buffer is None else [memoryview(buffer)])
        answers = [each for each in self.heard if each[0]["id"] == self.asked and each[0]["type"] == "answer"]
        assert len(answers) == 1
        return answers[0][0].get("result"), answers[0][0].get("error"), answers[0][1]

    def fetched(self, download):
        content, is_last = b"", False
        while not is_last:
            result, error, buffers = self.ask("download", token=download["token"], at=len(content))
            assert error is None
            content += buffers[0]
            is_last = result["isLast"]
        assert len(content) == download["bytes"]
        return content


@pytest.fixture
def talk(bundle_path):
    conversation = Conversation(LoadingSource(bundle_path))
    yield conversation
    conversation.transfers.close()


@pytest.mark.parametrize("grouping", ["functions", "stacks"])
def test_a_tree_comes_as_a_buffer(talk, grouping):
    result, error, (buffer,) = talk.ask("tree", grouping=grouping)
    assert (result, error) == (None, None)
    assert decode(buffer)[0]["summary"]["title"] == "encoder.megacache"


def test_a_small_part_is_the_result_and_a_large_one_a_buffer(talk, monkeypatch):
    result, error, buffers = talk.ask("part", kind="source", name="code-loss")
    assert (result["qualname"], error, buffers) == ("contrastive_loss", None, [])
    monkeypatch.setattr(messages_module, "INLINE_LIMIT_BYTES", 10)
    none, _, (buffer,) = talk.ask("part", kind="source", name="code-loss")
    assert none is None
    assert json.loads(gzip.decompress(buffer)) == result


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("part", {"kind": "source", "name": "nowhere"}, "there is no source nowhere in this recording"),
        ("part", {"kind": "source"}, "the question lacks 'name'"),
        ("tree", {"grouping": "moods"}, "a tree is grouped by functions or by stacks, not by 'moods'"),
        ("act", {"action": "delete"}, "does not offer 'delete'"),
        ("act", {"action": "upload"}, "send it as an upload"),
        ("act", {"action": "save_as"}, "no path is given"),
        ("act", {"action": "save_as", "path": "/nowhere/at/all.megacache"}, "/nowhere/at"),
        ("act", {"action": "load", "path": "/nowhere.megacache"}, "/nowhere.megacache"),
        ("act", {"action": "save"}, "no room on the disk; nothing was written"),
        ("download", {"token": "guess", "at": 0}, "there is no such transfer"),
        ("download", {"token": "guess", "at": "0"}, "the question lacks the number 'at'"),
        ("upload_chunk", {"token": "guess", "at": 0}, "there is no such transfer"),
        ("upload_end", {"token": "guess"}, "there is no such transfer"),
        ("dance", {}, "does not know the question 'dance'"),
    ],
)
def test_what_cannot_be_done_is_answered_in_a_sentence(talk, name, params, message):
    result, error, buffers = talk.ask(name, **params)
    assert message in error
    assert (result, buffers) == (None, [])


def test_an_unexpected_error_is_answered_and_logged(talk, monkeypatch, caplog):
    monkeypatch.setattr(Parts, "part", lambda *_: 1 / 0)
    assert talk.ask("part", kind="node", name="1")[1] == "ZeroDivisionError: division by zero"
    assert "the explorer could not answer" in caplog.text


def test_what_is_no_question_is_passed_over(talk):
    for content in (None, "ask", {"type": "other"}, {}):
        talk.messages.receive(content, [])
    assert talk.heard == []


def test_an_exported_bundle_holds_all_of_it(talk, tmp_path, bundle_path):
    outcome, _, _ = talk.ask("act", action="export_bundle")
    assert outcome["download"]["name"] == "encoder.megacache"
    copy = tmp_path / "copy.megacache"
    copy.write_bytes(talk.fetched(outcome["download"]))
    with Bundle.open(copy) as ours, Bundle.open(bundle_path) as theirs:
        assert ours.verify().is_ok
        assert ours.recording().artifacts == theirs.recording().artifacts


def test_an_exported_page_tells_its_progress(talk, monkeypatch):
    monkeypatch.setattr(messages_module, "_PROGRESS_INTERVAL_S", 0)
    outcome, _, _ = talk.ask("act", action="export_html", options={"keepsHome": True})
    content = talk.fetched(outcome["download"])
    assert content.startswith(b"<!doctype html>")
    assert outcome["download"]["mime"] == "text/html"
    progress = [each for each, _ in talk.heard if each["type"] == "progress"]
    assert progress
    assert all(each["done"] < each["total"] for each in progress)


def test_an_exported_trace_is_json(talk):
    outcome, _, _ = talk.ask("act", action="export_trace")
    assert outcome["download"]["name"] == "encoder.trace.json"
    assert json.loads(talk.fetched(outcome["download"]))["traceEvents"]


def test_save_as_writes_a_bundle(talk, tmp_path):
    outcome, error, _ = talk.ask("act", action="save_as", path=f" {tmp_path / 'other'} ")
    assert error is None
    assert outcome["text"].startswith(f"saved {tmp_path / 'other.megacache'}: ")
    with Bundle.open(tmp_path / "other.megacache") as bundle:
        assert len(bundle.recording().sessions) == 2


def test_load_answers_with_verdicts(talk, bundle_path):
    outcome, _, _ = talk.ask("act", action="load", path=str(bundle_path))
    assert outcome["text"].startswith("encoder.megacache: 2 hit, 2 unused, 2 rejected")
    assert outcome["verdicts"][0]["verdict"] == "hit"
    assert set(outcome["verdicts"][0]) == {"verdict", "count", "bytes", "type", "reason"}


def large_bundle(path):
    """Write a bundle of 25 MiB, with contents that do not compress."""
    rows, contents = small_recording()
    more = Contents()
    sample = rows.artifacts[0]
    artifacts = [
        replace(sample, cache_key=f"large-{at}", content_sha256=more.add(os.urandom(1 << 20)), size_bytes=1 << 20)
        for at in range(25)
    ]
    with Bundle.create(path) as bundle:
        bundle.append(replace(rows, artifacts=(*rows.artifacts, *artifacts)), contents | more)
    return path.read_bytes()


def uploaded(talk, content, name="large.megacache"):
    token = talk.ask("upload_begin", name=name, bytes=len(content))[0]["token"]
    for at in range(0, len(content), UPLOAD_CHUNK_BYTES):
        piece = content[at : at + UPLOAD_CHUNK_BYTES]
        result, error, _ = talk.ask("upload_chunk", piece, token=token, at=at)
        assert (result, error) == ({"received": at + len(piece)}, None)
    return token


def test_a_large_upload_arrives_whole_and_is_loaded(talk, tmp_path):
    content = large_bundle(tmp_path / "large.megacache")
    assert len(content) > 25 << 20
    token = uploaded(talk, content)
    outcome, error, _ = talk.ask("upload_end", token=token)
    assert error is None
    assert outcome["doubts"] == [
        "it came from the browser, so it may have been made anywhere",
        "nobody signed it",
    ]
    assert talk.source.loaded == []
    outcome, error, _ = talk.ask("upload_end", token=token, trusts=True)
    assert error is None
    assert outcome["text"].startswith("large.megacache: 2 hit")
    assert "doubts" not in outcome
    assert talk.source.loaded == [content]
    assert "no such transfer" in talk.ask("upload_end", token=token, trusts=True)[1]


def test_an_upload_that_is_doubted_can_be_forgotten(talk, bundle_path):
    token = uploaded(talk, bundle_path.read_bytes())
    path = talk.transfers.complete(token)
    assert talk.ask("upload_end", token=token)[0]["doubts"]
    assert path.exists()
    assert talk.ask("cancel", token=token)[:2] == ({}, None)
    assert not path.parent.exists()
    assert talk.source.loaded == []


def test_an_upload_that_a_listed_key_signed_is_loaded_at_once(talk, bundle_path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key = PrivateKey.generate("the team")
    trusted_keys.add(key.public)
    sign(bundle_path, key)
    outcome, error, _ = talk.ask("upload_end", token=uploaded(talk, bundle_path.read_bytes(), "signed.megacache"))
    assert error is None
    assert outcome["text"].startswith("signed.megacache: 2 hit")


def test_a_path_that_is_doubted_is_loaded_when_it_is_said_so(talk, bundle_path):
    bundle_path.chmod(0o666)
    outcome, error, _ = talk.ask("act", action="load", path=str(bundle_path))
    assert error is None
    assert outcome == {
        "text": "encoder.megacache is not loaded yet: everyone may write it; nobody signed it",
        "doubts": ["everyone may write it", "nobody signed it"],
    }
    for trusts in (False, "yes", 1, None):
        assert talk.ask("act", action="load", path=str(bundle_path), trusts=trusts)[0]["doubts"]
    assert talk.source.loaded == []
    outcome, _, _ = talk.ask("act", action="load", path=str(bundle_path), trusts=True)
    assert outcome["text"].startswith("encoder.megacache: 2 hit")


def test_pieces_out_of_order_and_cancelled_uploads_are_refused(talk):
    token = talk.ask("upload_begin", name="x", bytes=2 * UPLOAD_CHUNK_BYTES)[0]["token"]
    error = talk.ask("upload_chunk", b"x", token=token, at=UPLOAD_CHUNK_BYTES)[1]
    assert "came where byte 0 is the next" in error
    assert "0 of 2,097,152 bytes are here" in talk.ask("upload_end", token=token)[1]
    assert talk.ask("cancel", token=token)[:2] == ({}, None)
    assert "no such transfer" in talk.ask("upload_chunk", b"x", token=token, at=0)[1]


def test_an_upload_that_is_no_bundle_is_said_so(talk):
    token = uploaded(talk, b"not a bundle", "holiday.jpg")
    assert talk.ask("upload_end", token=token)[1].startswith("holiday.jpg is ")
    assert talk.source.loaded == []


def test_parts_are_served_in_the_thread_that_asks_and_actions_on_the_main_one(talk, monkeypatch):
    waiting = []
    monkeypatch.setattr(messages_module, "on_main_thread", waiting.append)

    def ask():
        talk.messages.receive({"type": "ask", "id": 1, "name": "part", "params": {"kind": "timeline", "name": ""}}, [])
        talk.messages.receive({"type": "ask", "id": 2, "name": "act", "params": {"action": "export_trace"}}, [])

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert [content["id"] for content, _ in talk.heard] == [1]
    waiting.pop()()
    assert [content["id"] for content, _ in talk.heard] == [1, 2]
