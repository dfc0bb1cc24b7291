"""Lines: a log of TORCH_TRACE as records, each with its payload, whatever is wrong with the lines between.

Layer: compiler, but needs no torch. Reads line by line, so that a log of any size takes little memory.

    V1128 19:00:33.979000 9381 torch/_dynamo/utils.py:2350] {"chromium_event": {}, "has_payload": "453ce..."}
    <tab>the payload, of any number of lines

Source: `TorchLogsFormatter.format` with `trace=True` and `trace_structured` in `torch/_logging/_internal.py`, 2.13.0 to
2.15.0: `has_payload` is the MD5 of the payload, and the prefix names neither the year, the time zone nor the thread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any, BinaryIO

_PREFIX = re.compile(rb"[VIWEC](?P<stamp>\d{4} \d\d:\d\d:\d\d\.\d{6}) [\d/]+ [^\n]{1,4096}?:\d+\] (?=\{)")
_STAMPED = re.compile(rb"[VIWEC]\d{4} \d\d:\d\d:\d\d\.\d{6} ")
_BEGINNING_OF_A_STAMP = re.compile(rb"[VIWEC](\d{0,4}|\d{4} [\d:.]{0,15})\Z")

HEAD_SIZE_BYTES = 64 << 10
"""So much of a file is looked at to tell whether it is a trace."""

LINE_LIMIT_BYTES = 64 << 20
RECORD_LIMIT_BYTES = 256 << 20
LOG_LIMIT_BYTES = 4 << 30
"""Beyond these a line, a record or (uncompressed) a log is none that torch wrote. What lies beyond is passed over."""


@dataclass(slots=True)
class Damage:
    """What was passed over in one log.

    Attributes:
        unreadable_line_count: Lines that belong to no record, or are too long.
        wrong_payload_count: Records whose payload has another MD5 than they say.
        unknown_event_count: Records of a kind that no supported torch writes.
        failed_event_count: Records that say something else than they do in any supported torch.
        is_cut: Whether the last record is not whole, or the log was too large to be read to its end.
    """

    unreadable_line_count: int = 0
    wrong_payload_count: int = 0
    unknown_event_count: int = 0
    failed_event_count: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One record: when, as the prefix says it (`1128 19:00:33.979541`), what, and its payload."""

    stamp: str
    metadata: dict[str, Any]
    payload: str | None


def looks_like_a_trace(head: bytes) -> bool:
    """Say whether a file is a log of TORCH_TRACE, be it cut off anywhere or begun with other lines.

    Args:
        head: Its first `HEAD_SIZE_BYTES`, uncompressed.
    """
    if any(_PREFIX.match(line) for line in head.split(b"\n")):
        return True
    is_cut_in_its_first_line = b"\n" not in head and len(head) < HEAD_SIZE_BYTES
    return is_cut_in_its_first_line and any(each.match(head) for each in (_STAMPED, _BEGINNING_OF_A_STAMP))


def records(stream: BinaryIO, damage: Damage, size_bytes: int = LOG_LIMIT_BYTES) -> Iterator[TraceRecord]:
    """Yield the records of a log that are whole.

    Args:
        stream: The log, uncompressed.
        damage: Learns what was passed over.
        size_bytes: Read no further: a log may grow while it is read.
    """
    header: bytes | None = None
    payload: list[bytes] = []
    payload_size_bytes = 0
    for line in _lines(stream, damage, size_bytes):
        if not line.startswith(b"\t"):
            if header is not None and (record := _record(header, payload, damage)):
                yield record
            header, payload, payload_size_bytes = line, [], 0
        elif header is None or (payload_size_bytes := payload_size_bytes + len(line)) > RECORD_LIMIT_BYTES:
            damage.unreadable_line_count += 1
        else:
            payload.append(line[1:])
    if header is None:
        return
    before = (damage.unreadable_line_count, damage.wrong_payload_count)
    if record := _record(header, payload, damage):
        yield record
    elif damage.is_cut or _PREFIX.match(header):  # what is wrong with the last record is that the rest is missing
        damage.unreadable_line_count, damage.wrong_payload_count = before
        damage.is_cut = True


def _lines(stream: BinaryIO, damage: Damage, size_bytes: int) -> Iterator[bytes]:
    """Yield the lines without their ends; one that is too long is passed over without being kept."""
    left_bytes = size_bytes
    is_too_long = False
    while line := stream.readline(min(LINE_LIMIT_BYTES, left_bytes)):
        left_bytes -= len(line)
        is_whole = line.endswith(b"\n")
        if is_too_long:
            is_too_long = not is_whole
        elif is_whole:
            yield line[:-1]
        elif len(line) == LINE_LIMIT_BYTES:
            damage.unreadable_line_count += 1
            is_too_long = True
        else:
            damage.is_cut = True
            yield line


def _record(header: bytes, payload: list[bytes], damage: Damage) -> TraceRecord | None:
    found = _PREFIX.match(header)
    metadata = _metadata(header[found.end() :]) if found else None
    if found is None or metadata is None:
        damage.unreadable_line_count += 1 + len(payload)
        return None
    text = b"\n".join(payload) if payload else None
    digest = metadata.get("has_payload")
    if (digest is None) is not (text is None) or (
        text is not None and md5(text, usedforsecurity=False).hexdigest() != digest
    ):
        damage.wrong_payload_count += 1
        return None
    return TraceRecord(
        stamp=found["stamp"].decode("ascii"),
        metadata=metadata,
        payload=None if text is None else text.decode("utf-8", "replace"),
    )


def _metadata(text: bytes) -> dict[str, Any] | None:
    try:
        metadata = json.loads(text)
        if b"\\ud" in text.lower():  # half a pair of surrogates is valid JSON, and nothing that can be stored
            metadata = json.loads(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return metadata if isinstance(metadata, dict) else None
