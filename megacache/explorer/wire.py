"""Wire: a tree as the bytes that the front end decodes: a head in JSON, then one column after the other.

`widgets/src/wire.ts` is the other side. Columns of numbers cost a tenth of JSON rows, and are used without a copy.
"""

from __future__ import annotations

import gzip
import json
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from math import nan
from typing import NamedTuple

from megacache.explorer.shapes import Summary
from megacache.views.tree import KINDS, PROBLEMS, STATES, Node

VERSION = 1
"""The version of this format; the front end refuses another one."""

_NO_PARENT = -1
_ID_BITS = 52  # a whole number that JavaScript holds exactly
_KINDS = [kind for kind in KINDS if kind != "recording"]
_STATES = [{"word": state, "isProblem": state in PROBLEMS} for state in STATES]
_NUMERIC = {"id": "f8", "duration": "f8", "size": "f8", "parent": "i4", "label": "u2", "kind": "u1", "state": "u1"}
_TYPECODES = {"f8": "d", "i4": "i", "u2": "H", "u1": "B"}


class Line(NamedTuple):
    """A node with its number and the place of its parent; the root of the tree is no line."""

    id: int
    node: Node
    parent: int


def lines(root: Node) -> list[Line]:
    """Return every node below the root, parents first and siblings in order, each with a number of its own.

    The number follows from the node's key, so it is the same in every later tree that has this node.
    """
    taken: set[int] = set()
    found: list[Line] = []
    waiting = [(child, _NO_PARENT) for child in reversed(root.children)]
    while waiting:
        node, parent = waiting.pop()
        number = _number(node.key.encode("utf-8", "replace"), taken)
        taken.add(number)
        place = len(found)
        found.append(Line(number, node, parent))
        waiting += [(child, place) for child in reversed(node.children)]
    return found


def _number(key: bytes, taken: set[int]) -> int:
    """Return the number of a key, or, where that is taken, the number of its digest."""
    digest = blake2b(key, digest_size=8).digest()
    number = int.from_bytes(digest, "little") >> (64 - _ID_BITS)
    return _number(digest, taken) if number in taken else number


def encode(tree_lines: Sequence[Line], summary: Summary, said: Callable[[str], str] = str) -> bytes:
    """Return the wire of a tree.

    Args:
        tree_lines: What `lines` returned.
        summary: What stands above the tree.
        said: How a name or a detail is told.

    Returns:
        The gzip'd head and body; equal trees give equal bytes.
    """
    labels: dict[str, int] = {}
    columns = _columns(tree_lines, labels, said)
    head, body = _joined(columns)
    about = {
        "version": VERSION,
        "count": len(tree_lines),
        "kinds": _KINDS,
        "labels": list(labels),
        "states": _STATES,
        "summary": summary,
        "columns": head,
    }
    text = json.dumps(about, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    start = struct.pack("<I", len(text)) + text
    return gzip.compress(start + bytes(-len(start) % 8) + body, compresslevel=5, mtime=0)


def _columns(tree_lines: Sequence[Line], labels: dict[str, int], said: Callable[[str], str]) -> dict[str, bytes]:
    """Return the content of each column; the labels that are met get their places."""
    kinds = {kind: at for at, kind in enumerate(_KINDS)}
    states = {state: at for at, state in enumerate(STATES)}
    nodes = [line.node for line in tree_lines]
    values: dict[str, Iterable[float]] = {
        "id": (line.id for line in tree_lines),
        "duration": (nan if node.duration_us is None else node.duration_us for node in nodes),
        "size": (nan if node.size_bytes is None else node.size_bytes for node in nodes),
        "parent": (line.parent for line in tree_lines),
        "label": (labels.setdefault(node.label, len(labels)) for node in nodes),
        "kind": (kinds[node.kind] for node in nodes),
        "state": (states[node.state] for node in nodes),
    }
    numbers = {name: _packed(_NUMERIC[name], column) for name, column in values.items()}
    texts = {"name": (said(node.name) for node in nodes), "detail": (said(node.detail) for node in nodes)}
    return numbers | {name: _text(column) for name, column in texts.items()}


def _packed(kind: str, values: Iterable[float]) -> bytes:
    column = array(_TYPECODES[kind], values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _text(values: Iterable[str]) -> bytes:
    return "\n".join(value.replace("\n", " ") for value in values).encode("utf-8", "replace")


def _joined(columns: dict[str, bytes]) -> tuple[dict[str, dict[str, object]], bytes]:
    """Return where each column is in the body, and the body, in which each begins at a multiple of 8."""
    head: dict[str, dict[str, object]] = {}
    body = bytearray()
    for name, content in columns.items():
        body += bytes(-len(body) % 8)
        head[name] = {"type": _NUMERIC.get(name, "text"), "offset": len(body), "bytes": len(content)}
        body += content
    return head, bytes(body)
