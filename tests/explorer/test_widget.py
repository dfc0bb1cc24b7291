import threading
import time

import pytest

import megacache
from explorer_samples import decode
from megacache.bundle import Bundle
from megacache.errors import FrontEndError
from megacache.explorer import widget
from megacache.explorer.sources import Source
from megacache.explorer.summary import About
from megacache.explorer.widget import Explorer
from megacache.recording import Recording

WIDGET = "application/vnd.jupyter.widget-view+json"


class GrowingSource(Source):
    """A session that fills: each time it is looked at it has one compile more."""

    def __init__(self, recording):
        self.whole = recording
        self.count = 0
        self.is_live = True
        self.listeners = []
        self.takes_s = 0.0

    def recording(self):
        self.count += 1
        time.sleep(self.takes_s)
        return Recording(
            sessions=self.whole.sessions[:1], codes=self.whole.codes, compiles=self.whole.compiles[: self.count]
        )

    @property
    def about(self):
        return About(title="growing", is_live=self.is_live)

    def save_as(self, path):
        raise NotImplementedError

    def listen(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def tell(self):
        for listener in tuple(self.listeners):
            listener()


@pytest.fixture
def growing(recording, monkeypatch):
    source = GrowingSource(recording)
    monkeypatch.setattr(widget, "source_of", lambda _: source)
    return source


@pytest.fixture
def explorer(bundle_path):
    made = megacache.explore(bundle_path)
    yield made
    made.close()


def count_of(explorer):
    return decode(explorer._tree)[0]["count"]


def test_traits_are_what_the_front_end_reads(explorer):
    assert decode(explorer._tree)[0]["summary"]["title"] == "encoder.megacache"
    assert explorer._actions == ["load", "upload", "save_as", "export_bundle", "export_html", "export_trace"]
    assert explorer._has_plotly is True
    assert explorer._height == widget.HEIGHT
    assert {"_esm", "_css", "_tree", "_actions", "_has_plotly", "_uid", "_height"} <= set(explorer.keys)


def test_every_explorer_has_a_number_of_its_own(explorer, bundle_path):
    assert Explorer(bundle_path)._uid != explorer._uid


def test_the_bundle_of_mime_types_says_something_without_a_widget(explorer):
    data, _ = explorer._repr_mimebundle_()
    assert set(data) == {WIDGET, "text/html", "text/plain"}
    assert data["text/html"].startswith(f'<div class="mc-static" data-mc="{explorer._uid}">')
    assert "TextEncoder.forward" in data["text/html"]
    assert "<script" not in data["text/html"]
    assert len(data["text/html"]) < 10_000
    assert data["text/plain"] == repr(explorer)
    assert data["text/plain"].startswith("<megacache explorer of 'encoder.megacache': 3 functions ")
    assert "\n" not in data["text/plain"]


def test_it_is_shown_in_two_outputs(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr(widget, "display", lambda data, **options: shown.append((data, options)))
    explorer._ipython_display_()
    (live, _), (static, options) = shown
    assert set(live) == {WIDGET, "text/plain"}
    assert set(static) == {"text/html", "text/plain"}
    assert options == {"raw": True, "display_id": True}


def test_a_bundle_explores_itself(bundle_path):
    with Bundle.open(bundle_path) as bundle:
        assert isinstance(bundle.explore(), Explorer)


def test_questions_are_answered_by_message(explorer, monkeypatch):
    sent = []
    monkeypatch.setattr(explorer._messages, "_send", lambda content, buffers: sent.append((content, buffers)))
    ask = {"type": "ask", "id": 7, "name": "tree", "params": {"grouping": "stacks"}}
    explorer._handle_custom_msg(ask, [])
    ((content, (buffer,)),) = sent
    assert content == {"type": "answer", "id": 7, "result": None}
    assert decode(buffer)[0]["count"] == len(explorer._snapshot.stack_lines)


def test_it_fills_while_a_cell_runs_and_not_more_than_twice_a_second(growing):
    explorer = Explorer()
    before = count_of(explorer)
    for _ in range(50):
        growing.tell()
    assert growing.count == 2  # the first change at once, the others have to wait
    assert count_of(explorer) > before
    explorer._next_update = 0
    growing.tell()
    assert growing.count == 3


def test_an_update_that_takes_long_makes_the_next_one_wait_longer(growing):
    growing.takes_s = 0.1
    explorer = Explorer()
    growing.tell()
    assert explorer._next_update - time.monotonic() > 19 * 0.1


@pytest.mark.alone
def test_what_had_to_wait_comes_when_the_kernel_is_idle(growing, monkeypatch):
    waiting = []
    monkeypatch.setattr(widget, "later", lambda seconds, action: waiting.append((seconds, action)) or True)
    explorer = Explorer()
    for _ in range(5):
        growing.tell()
    ((seconds, action),) = waiting
    assert 0 < seconds <= 0.5
    explorer._next_update = 0
    action()
    assert growing.count == 3
    explorer.close()


def test_the_end_of_a_session_is_shown_at_once(growing):
    explorer = Explorer()
    growing.tell()
    growing.is_live = False
    growing.tell()
    assert growing.count == 3
    assert decode(explorer._tree)[0]["summary"]["isLive"] is False
    growing.tell()
    assert growing.count == 3  # nothing of it can change any more


def test_a_change_in_another_thread_waits_for_the_main_one(growing, monkeypatch):
    waiting = []
    monkeypatch.setattr(widget, "later", lambda _, action: waiting.append(action) or True)
    explorer = Explorer()
    thread = threading.Thread(target=growing.tell)
    thread.start()
    thread.join()
    assert growing.count == 1
    waiting.pop()()
    assert growing.count == 2
    explorer.close()


def test_what_goes_wrong_in_an_update_is_logged_and_kept_from_the_user(growing, monkeypatch, caplog):
    explorer = Explorer()
    monkeypatch.setattr(growing, "recording", lambda: 1 / 0)
    growing.tell()
    assert "the explorer could not be updated" in caplog.text
    explorer.close()


def test_closing_ends_it(growing):
    explorer = Explorer()
    with explorer._transfers.making() as path:
        folder = path.parent
    explorer.close()
    assert growing.listeners == []
    assert not folder.exists()


def test_without_a_front_end_it_is_not_made(built, bundle_path):
    (built / "widget.js").unlink()
    with pytest.raises(FrontEndError, match="the explorer's front end is not built"):
        megacache.explore(bundle_path)
