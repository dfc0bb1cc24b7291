"""Tests of `megacache.compiler.trace.lines`: records out of lines, whatever is wrong with some of them."""

from hashlib import md5
from io import BytesIO

import pytest

from megacache.compiler.trace import lines as trace_lines
from megacache.compiler.trace.lines import Damage, looks_like_a_trace, records

PREFIX = b"V1128 19:00:33.979000 9381 torch/_dynamo/utils.py:2350] "


def record(payload: bytes | None = None, name: bytes = b"artifact") -> bytes:
    if payload is None:
        return PREFIX + b'{"%s": {}}\n' % name
    digest = md5(payload, usedforsecurity=False).hexdigest().encode()
    lines = b"".join(b"\t%s\n" % line for line in payload.split(b"\n"))
    return PREFIX + b'{"%s": {}, "has_payload": "%s"}\n' % (name, digest) + lines


def read(content: bytes) -> tuple[list, Damage]:
    damage = Damage()
    return list(records(BytesIO(content), damage)), damage


@pytest.mark.parametrize("payload", [None, b"", b"one", b"one\n\ntwo\n", b"\ttabs\n\t", "ü \u2028 x\ry".encode()])
def test_record_comes_back_as_torch_wrote_it(payload):
    found, damage = read(record(payload) + record())
    assert [each.payload for each in found] == [None if payload is None else payload.decode(), None]
    assert found[0].stamp == "1128 19:00:33.979000"
    assert damage == Damage()


@pytest.mark.parametrize(
    "payload_lines", [b"", b"\tanother\n", b"\tone\n\tmore\n"], ids=["missing", "another", "more of it"]
)
def test_payload_must_have_its_digest(payload_lines):
    header = record(b"one").splitlines(keepends=True)[0]
    found, damage = read(header + payload_lines + record())
    assert (len(found), damage.wrong_payload_count) == (1, 1)


def test_payload_that_was_not_announced_is_wrong():
    found, damage = read(record() + b"\tone\n" + record())
    assert (len(found), damage.wrong_payload_count) == (1, 1)


def test_lines_of_no_record_are_counted():
    found, damage = read(b"\torphan\nnoise\n\tof noise\n" + record() + PREFIX + b"[1]\n" + PREFIX + b"{\n" + record())
    assert (len(found), damage.unreadable_line_count) == (2, 5)


def test_last_record_that_is_not_whole_is_a_cut():
    for content in (record(b"one\ntwo")[:-2], record(b"one").splitlines(keepends=True)[0], record()[:-5], record()[:9]):
        found, damage = read(record() + content)
        assert (len(found), damage) == (1, Damage(is_cut=True))


def test_line_and_record_and_log_have_limits(monkeypatch):
    monkeypatch.setattr(trace_lines, "LINE_LIMIT_BYTES", 200)
    found, damage = read(record() + b"x" * 1000 + b"\n" + record())
    assert (len(found), damage.unreadable_line_count) == (2, 1)
    monkeypatch.setattr(trace_lines, "RECORD_LIMIT_BYTES", 300)
    found, damage = read(record(b"\n".join([b"y" * 99] * 4)) + record())
    assert (len(found), damage.unreadable_line_count, damage.wrong_payload_count) == (1, 1, 1)
    stream = BytesIO(record() * 3)
    assert len(list(records(stream, Damage(), size_bytes=2 * len(record())))) == 2


def test_half_a_pair_of_surrogates_can_be_stored():
    found, _ = read(PREFIX + b'{"str": ["\\ud83d", "\\ud83d\\ude00"]}\n')
    assert found[0].metadata["str"] == ["?", "😀"]


@pytest.mark.parametrize("size", range(1, 90))
def test_beginning_of_a_trace_is_a_trace(size):
    assert looks_like_a_trace(record(b"one")[:size])


@pytest.mark.parametrize(
    "head", [b"", b"dear diary", b"Vienna\n", b"\x1f\x8b", b"I1128\nlog of another program", b"{}"]
)
def test_another_file_is_none(head):
    assert not looks_like_a_trace(head)
