"""Tree: functions, graph breaks, resume functions, recompiles, backend entries and artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from megacache.recording import Recording

if TYPE_CHECKING:
    from rich.console import RenderableType

    from megacache.views.index import Index

KINDS = {
    "recording": "",
    "session": "session",
    "frame": "",
    "function": "",
    "guarded_code": "guarded code",
    "recompile": "recompile",
    "compile": "compile",
    "graph_break": "graph break",
    "resume": "resume",
    "backend": "backend",
    "artifact": "",
    "outside": "",
    "offered": "",
    "untied": "",
}
"""Every kind of node, with the word that stands before its name; an artifact shows its type instead.

A `frame` of the user's call stack is only in the tree by stacks.
"""

COMPILE_KINDS = frozenset({"guarded_code", "recompile", "compile"})
"""The kinds that stand for one compile."""

STATES = {
    "failed": "✕",
    "limit": "✕",
    "refused": "▲",
    "rejected": "▲",
    "skipped": "▽",
    "bypass": "◆",
    "missed": "■",
    "miss": "■",
    "hit": "●",
    "loaded": "◐",
    "unused": "○",
    "": "",
}
"""Every state with its shape, worst first: a parent shows the worst state below it."""

PROBLEMS = frozenset({"failed", "limit", "refused", "rejected"})
"""The states that a reader should look at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One line of the tree.

    Attributes:
        kind: One of `KINDS`.
        key: A path that is unique in the tree and the same for equal recordings.
        name: What it is called: a qualified name, a compile id, a short key.
        detail: What else there is to say in one line: a place, the guard that failed, an error.
        state: One of `STATES`; the empty string where nothing was looked up.
        duration_us: Time spent compiling here and below, or None.
        size_bytes: Bytes of the artifacts here and below, each content counted once, or None.
        children: The nodes below, in the order in which things happened.
        session_id: With the ids that follow: where to find rows and documents of this node.
        run_id: See `session_id`.
        compile_id: See `session_id`.
        backend_id: See `session_id`.
        backend_kind: `inference`, `forward` or `backward` for a backend entry.
        code_id: See `session_id`.
        line: The line of a graph break.
        artifact_type: The type of an artifact.
        cache_key: The whole key of an artifact.
        content_sha256: The content of an artifact.
    """

    kind: str
    key: str
    name: str
    detail: str = ""
    state: str = ""
    duration_us: int | None = None
    size_bytes: int | None = None
    children: tuple[Node, ...] = ()
    session_id: str | None = None
    run_id: str | None = None
    compile_id: str | None = None
    backend_id: str | None = None
    backend_kind: str | None = None
    code_id: str | None = None
    line: int | None = None
    artifact_type: str | None = None
    cache_key: str | None = None
    content_sha256: str | None = None

    @property
    def label(self) -> str:
        """The word that stands before the name: `recompile`, `backend`, `inductor`."""
        return self.artifact_type or KINDS[self.kind]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order of the lines."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, repr=False)
class Tree:
    """A recording as a tree; print it, show it in a notebook, or walk over its nodes.

    Attributes:
        root: The node above the sessions.
    """

    root: Node

    @classmethod
    def of(cls, recording: Recording, index: Index | None = None) -> Tree:
        """Grow the tree of a recording.

        Args:
            recording: Rows of any number of sessions; contents are read only to count guards and to learn verdicts.
            index: The recording's, where there is one already.

        Returns:
            Sessions, in them functions with their guarded codes, graph breaks, backend entries and artifacts. What
            belongs to no compile is under `outside any compile`; artifacts that nobody used come last.

        Raises:
            BundleError: A document of the recording is damaged.
        """
        from megacache.views.branches import grow
        from megacache.views.index import Index

        return cls(grow(index or Index(recording)))

    @classmethod
    def by_stacks(cls, recording: Recording, index: Index | None = None) -> Tree:
        """Grow the tree of the user's call stacks, which shows who made torch compile.

        Args:
            recording: Rows of any number of sessions.
            index: The recording's, where there is one already.

        Returns:
            Sessions, in them the frames of the call stacks, outermost first, and in these the compiles. A compile has
            the same key as in the tree of functions.

        Raises:
            BundleError: A document of the recording is damaged.
        """
        from megacache.views.index import Index
        from megacache.views.stacks import grow

        return cls(grow(index or Index(recording)))

    def walk(self) -> Iterator[Node]:
        """Yield every node, in the order of the lines."""
        return self.root.walk()

    def find(self, key: str) -> Node | None:
        """Return the node with this key, or None."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Node]:
        return {node.key: node for node in self.walk()}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from megacache.views.text import plain

        return plain(self.root)

    def __rich__(self) -> RenderableType:
        from megacache.views.text import for_rich

        return for_rich(self.root)

    def _repr_html_(self) -> str:
        from megacache.views.notebook import notebook_html

        return notebook_html(self.root)
