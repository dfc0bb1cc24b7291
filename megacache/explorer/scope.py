"""Scope: which compiles, documents and artifacts a node is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from megacache.model import Code, Compile, Document, GraphBreak, SessionInfo
from megacache.views.index import CompileKey, Index
from megacache.views.tree import COMPILE_KINDS, Node


@dataclass(frozen=True)
class Scope:
    """A node with all below it, as the rows that it shows."""

    index: Index
    node: Node

    @property
    def session(self) -> SessionInfo | None:
        """The row of the session that the node is."""
        return self.index.sessions.get(self.node.session_id or "") if self.node.kind == "session" else None

    @cached_property
    def compile_keys(self) -> list[CompileKey]:
        """Its own compile; of a graph break all that met it; of any other node those below."""
        if self.node.kind == "graph_break":
            return list(dict.fromkeys((row.run_id, row.compile_id) for row in self.graph_breaks))
        below = (each for each in self.node.walk() if each.kind in COMPILE_KINDS)
        keys = [key for each in below if (key := _compile_key(each))]
        own = _compile_key(self.node)
        return list(dict.fromkeys(keys or ([own] if own else [])))

    @cached_property
    def compiles(self) -> list[Compile]:
        """The rows of its compiles, as far as they were recorded."""
        return [self.index.compiles[key] for key in self.compile_keys if key in self.index.compiles]

    @cached_property
    def graph_breaks(self) -> list[GraphBreak]:
        """The rows of a graph break: the same line and reason in every compile of its code."""
        node = self.node
        first = self.index.graph_breaks.get((node.run_id or "", node.compile_id or ""), [])
        reasons = {row.reason for row in first if row.line == node.line}
        return [
            row
            for key in self.index.code_compiles.get(node.code_id, ())
            for row in self.index.graph_breaks.get(key, ())
            if row.line == node.line and row.reason in reasons
        ]

    @cached_property
    def artifacts(self) -> list[Node]:
        """The artifacts at the node and below it."""
        return [each for each in self.node.walk() if each.kind == "artifact"]

    @cached_property
    def code(self) -> Code | None:
        """The code that it is about: its own, or that of its compile."""
        row = self.compiles[0] if self.node.kind in ("backend", "artifact") and self.compiles else None
        return self.index.codes.get(self.node.code_id or (row.code_id if row else None) or "")

    @cached_property
    def source(self) -> Code | None:
        """The code whose source shows it: a resume function has none of its own."""
        code = self.code
        seen: set[str] = set()
        while code is not None and not code.source and code.code_id not in seen:
            seen.add(code.code_id)
            code = self.index.codes.get(code.parent_code_id or "")
        return code if code is not None and code.source else None

    def documents(self, names: tuple[str, ...]) -> Iterator[Document]:
        """Yield the documents of some names, of its backend entry alone where it has one."""
        keys: list[tuple[str, str | None]] = [*self.compile_keys]
        if self.node.kind in ("backend", "artifact") and not keys and self.node.run_id:
            keys = [(self.node.run_id, None)]
        for key in keys:
            for document in self.index.documents.get(key, ()):
                if document.name in names and self._has(document):
                    yield document

    def _has(self, document: Document) -> bool:
        backend_id, kind = self.node.backend_id, self.node.backend_kind
        if backend_id is not None and document.backend_id not in (None, backend_id):
            return False
        return kind is None or document.kind in (None, kind)


def _compile_key(node: Node) -> CompileKey | None:
    return (node.run_id, node.compile_id) if node.run_id and node.compile_id else None
