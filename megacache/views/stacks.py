"""Stacks: the tree by the user's call stacks: who called what made torch compile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from megacache.views import branches
from megacache.views.branch import Branch, join
from megacache.views.index import Index
from megacache.views.names import code_name, place
from megacache.views.tree import COMPILE_KINDS, Node
from megacache.views.units import count

_FRAME = re.compile(r"(?P<file>.*):(?P<line>\d+) (?P<name>.*)")
_UNKNOWN = "call stack not recorded"


@dataclass(slots=True)
class _Trie:
    """The frames that one frame called, and the compiles that it caused itself."""

    frames: dict[str, _Trie] = field(default_factory=dict)
    compiles: list[Node] = field(default_factory=list)


def grow(index: Index) -> Node:
    """Return the root of the tree by call stacks: sessions, frames, and the compiles as leaves."""
    sessions = (each for each in branches.grow(index).children if each.kind == "session")
    detail = count(len(index.recording.sessions), "session")
    return join("recording", "", "recording", [_session(index, each) for each in sessions], detail=detail).node


def _session(index: Index, session: Node) -> Branch:
    top = _Trie()
    for node in session.walk():
        if node.kind in COMPILE_KINDS:
            row = index.compiles.get((node.run_id or "", node.compile_id or ""))
            trie = top
            for frame in (row.stack if row else ()) or (_UNKNOWN,):
                trie = trie.frames.setdefault(frame, _Trie())
            trie.compiles.append(node)
    key = f"{session.key}/stacks"
    grown = _branches(index, top, key)
    state = session.state if session.state == "failed" else None
    return join(
        "session",
        session.key,
        session.name,
        grown,
        state=state,
        detail=session.detail,
        session_id=session.session_id,
    )


def _branches(index: Index, trie: _Trie, parent_key: str) -> list[Branch]:
    frames = [_frame(index, frame, below, parent_key) for frame, below in trie.frames.items()]
    return [*frames, *(_compile(index, node) for node in trie.compiles)]


def _frame(index: Index, frame: str, trie: _Trie, parent_key: str) -> Branch:
    """Return a frame; frames that only call one other are folded into it, the innermost giving the name."""
    folded = []
    key = f"{parent_key}/frame:{frame}"
    while len(trie.frames) == 1 and not trie.compiles:
        folded.append(_name(frame))
        ((frame, trie),) = trie.frames.items()
        key += f"/frame:{frame}"
    found = _FRAME.fullmatch(frame)
    where = place(found["file"], int(found["line"])) if found else ""
    through = f"through {_listed(folded)}" if folded else ""
    called = _branches(index, trie, key)
    session_id = next((each.node.session_id for each in called), None)
    detail = " · ".join(filter(None, (where, through)))
    return join("frame", key, _name(frame), called, detail=detail, session_id=session_id)


def _name(frame: str) -> str:
    found = _FRAME.fullmatch(frame)
    return found["name"] if found else frame


def _listed(names: Sequence[str]) -> str:
    """List the frames that were folded, the first and the last of many."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:2])}, …, {names[-1]}"


def _compile(index: Index, node: Node) -> Branch:
    code = index.codes.get(node.code_id or "")
    detail = " · ".join(filter(None, (code_name(code) if code else "", node.detail)))
    return Branch(replace(node, children=(), detail=detail), dict(_contents(node.walk())))


def _contents(nodes: Iterable[Node]) -> Iterable[tuple[str, int]]:
    for node in nodes:
        if node.content_sha256 is not None and node.size_bytes is not None:
            yield node.content_sha256, node.size_bytes
