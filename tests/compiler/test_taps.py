"""Tests of `megacache.compiler.taps`: what torch is like with them, and after them."""

import json
import logging

import pytest

from megacache.compiler import versions
from megacache.compiler.raw_events import RawEvent, TraceEvent
from megacache.compiler.taps import compile_id_in

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def attached(programs):
    """What a process printed that compiled, enabled megacache twice, and disabled it."""
    return json.loads(programs.run("attach_detach").splitlines()[-1])


def test_disable_leaves_torch_exactly_as_it_was(attached):
    assert attached["changed_while_on"] >= 6  # else the comparison sees nothing
    assert attached["left_behind"] == []


def test_enabling_twice_is_enabling_once(attached):
    assert attached["changed_by_the_second"] == []


def test_what_was_compiled_before_is_said_in_the_status(attached):
    assert "1 frame compiled before megacache was on" in attached["status"]


def test_compile_id_is_torchs_string_form():
    assert compile_id_in({"frame_id": 0, "frame_compile_id": 1, "attempt": 0}) == "0/1"
    assert compile_id_in({"frame_id": 2, "frame_compile_id": 0, "compiled_autograd_id": 5}) == "!5/2/0"
    assert compile_id_in({"stack": []}) is None


@pytest.fixture
def taps():
    from megacache.compiler.taps import Taps

    heard: list[RawEvent] = []
    taps = Taps(heard.append)
    taps.attach()
    yield taps, heard
    taps.detach()


def test_trace_is_heard_first_and_whole(taps):
    import torch

    _, heard = taps
    torch._logging.trace_structured("artifact", lambda: {"name": "n", "encoding": "string"}, payload_fn=lambda: "text")
    traced = [event for event in heard if isinstance(event, TraceEvent) and "artifact" in event.metadata]
    assert [event.payload for event in traced] == ["text"]


def test_failing_sink_is_a_fault_and_not_the_users_problem():
    import torch

    from megacache.compiler.taps import Taps

    def broken(_event):
        raise RuntimeError("the sink broke")

    taps = Taps(broken)
    taps.attach()
    try:
        assert torch.compile(lambda x: x * 3, backend="eager")(torch.ones(2)).tolist() == [3.0, 3.0]
    finally:
        taps.detach()
    assert taps.faults
    assert "the sink broke" in taps.faults[0].error


def test_attaching_twice_is_attaching_once(taps):
    kept, _ = taps
    handlers = list(logging.getLogger("torch.__trace").handlers)
    kept.attach()
    assert logging.getLogger("torch.__trace").handlers == handlers


def test_missing_name_of_torch_is_one_clear_error(monkeypatch):
    from megacache.compiler.taps import Taps
    from megacache.errors import TorchError

    gone = versions.TorchName("torch._dynamo.convert_frame", "no_such_name", "a test")
    monkeypatch.setattr(versions, "PRIVATE_NAMES", (*versions.PRIVATE_NAMES, gone))
    taps = Taps(lambda _event: None)
    with pytest.raises(TorchError, match=r"no torch\._dynamo\.convert_frame\.no_such_name"):
        taps.attach()
    assert not taps.is_attached


@pytest.mark.parametrize("name", versions.PRIVATE_NAMES, ids=lambda each: each.name)
def test_private_name_is_there(name):
    assert versions.resolve(name) is not None
