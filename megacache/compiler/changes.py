"""Changes: at which revision of a process's rows each of them last changed, so that a save hands over only the others.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

CompileKey = tuple[str, str]
"""Run id and compile id."""

UseKey = tuple[str, int]
"""Session and ordinal of an artifact use."""


class Marks(Generic[Key]):
    """When each of many things last changed, in the order of these changes: what is new is found from the end."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._revisions: dict[Key, int] = {}

    def mark(self, key: Key) -> None:
        """Note that a thing changes now."""
        self._revisions.pop(key, None)
        self._revisions[key] = self._changes.revision

    def since(self, revision: int) -> list[Key]:
        """Return what changed after a revision, in the order of the changes; the cost follows their number."""
        found = []
        for key, changed in reversed(self._revisions.items()):
            if changed <= revision:
                break
            found.append(key)
        return found[::-1]


class Changes:
    """The revision that a process's rows are at, and when which of them changed.

    All that belongs to one compile id counts as one thing. What is outside of any is told apart more finely, for it
    may be much.

    Attributes:
        revision: Grows with each event.
        compiles: By run and compile id.
        uses: Artifact uses outside of any compile id.
        outside: Lowerings outside of any compile id, by their number.
        reached: By session, the revision at which its last artifact use or document came, or at which it began. What
            holds these two was saved at that revision or later.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.compiles = Marks[CompileKey](self)
        self.uses = Marks[UseKey](self)
        self.outside = Marks[int](self)
        self.reached: dict[str, int] = {}
        self._began: dict[str, int] = {}

    def begin(self, session_id: str) -> None:
        """Note that a session begins, or goes on."""
        self._began.setdefault(session_id, self.revision)
        self.reached.setdefault(session_id, self.revision)

    def began(self, session_id: str) -> int:
        """Return the revision at which a session began: nothing of it is older."""
        return self._began.get(session_id, 0)

    def reach(self, session_id: str) -> None:
        """Note that a session has one more artifact use or document."""
        self.reached[session_id] = self.revision
