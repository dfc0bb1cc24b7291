import json
from itertools import pairwise

from megacache.explorer.trace import chrome_trace
from megacache.recording import Recording


def test_a_session_is_a_process_and_has_its_name(recording):
    events = json.loads(chrome_trace(recording))["traceEvents"]
    processes = {each["pid"]: each["args"]["name"] for each in events if each["name"] == "process_name"}
    assert processes == {1: "encoder", 2: "encoder, warm"}
    threads = {(each["pid"], each["tid"]) for each in events if each["name"] == "thread_name"}
    assert threads == {(each["pid"], each["tid"]) for each in events if each["ph"] == "X"}


def test_spans_are_whole_and_nest(recording):
    spans = [each for each in json.loads(chrome_trace(recording))["traceEvents"] if each["ph"] == "X"]
    assert all(isinstance(each["ts"], int) and each["dur"] > 0 for each in spans)
    first = [each for each in spans if each["args"]["compile"] == "0/0 forward" and each["pid"] == 1]
    assert [each["name"] for each in first][:2] == ["entire_frame_compile", "backend_compile"]
    for outer, inner in pairwise(first):
        assert outer["ts"] <= inner["ts"]
        assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]


def test_an_empty_recording_is_a_trace():
    assert json.loads(chrome_trace(Recording())) == {"traceEvents": [], "displayTimeUnit": "ms"}
