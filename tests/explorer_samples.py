"""What the front end's side of the explorer expects, for the tests of Python's side: its decoder and its shapes."""

from __future__ import annotations

import gzip
import json
import re
import struct
from pathlib import Path
from typing import Any

HOST = Path(__file__).parents[1] / "widgets" / "src" / "host.ts"
_FORMATS = {"f8": "d", "i4": "i", "u2": "H", "u1": "B"}


def decode(content: bytes) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Decode the wire of a tree as `widgets/src/wire.ts` does: the head, and each column as a list."""
    raw = gzip.decompress(content)
    (length,) = struct.unpack_from("<I", raw)
    head = json.loads(raw[4 : 4 + length])
    start = -(-(4 + length) // 8) * 8
    assert not any(raw[4 + length : start])
    columns = {name: _column(raw, start, where, head["count"]) for name, where in head["columns"].items()}
    return head, columns


def _column(raw: bytes, start: int, where: dict[str, Any], count: int) -> list[Any]:
    assert where["offset"] % 8 == 0
    content = raw[start + where["offset"] :][: where["bytes"]]
    assert len(content) == where["bytes"]
    if where["type"] == "text":
        return content.decode().split("\n") if count else []
    return list(struct.unpack(f"<{count}{_FORMATS[where['type']]}", content))


def host_fields(name: str) -> set[str]:
    """Return the fields that `host.ts` declares for an interface, without those of objects inside it."""
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", HOST.read_text(), flags=re.DOTALL)
    found = re.search(rf"\binterface {name}\b[^{{]*\{{", source)
    assert found, f"host.ts declares no {name}"
    depth, at = 1, found.end()
    own = ""
    while depth:
        char = source[at]
        depth += (char == "{") - (char == "}")
        own += char if depth == 1 else " "
        at += 1
    return set(re.findall(r"(?:readonly\s+)?(\w+)\??:", own))
