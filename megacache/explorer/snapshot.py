"""Snapshot: one recording as it was at one moment, with all that the front end may ask of it.

A snapshot is made on the main thread and never changes, so that any thread may serve from it while the next cell runs.
"""

from __future__ import annotations

from functools import cached_property

from megacache.errors import UsageError
from megacache.explorer import wire
from megacache.explorer.parts import Parts
from megacache.explorer.shapes import Part, Summary
from megacache.explorer.summary import About, head_of
from megacache.recording import Recording
from megacache.views.index import Index
from megacache.views.tree import Tree

GROUPINGS = ("functions", "stacks")
"""The ways in which a tree may be grouped."""


class Snapshot:
    """What one explorer shows.

    Args:
        recording: The rows, with their contents at hand.
        about: What the recording does not say of itself.
    """

    def __init__(self, recording: Recording, about: About) -> None:
        self.recording = recording
        self.about = about

    @cached_property
    def index(self) -> Index:
        """The rows, joined by their keys."""
        return Index(self.recording)

    @cached_property
    def tree(self) -> Tree:
        """The tree of functions."""
        with self.recording.held():
            return Tree.of(self.recording, self.index)

    @cached_property
    def function_lines(self) -> list[wire.Line]:
        """The lines of the tree of functions."""
        return wire.lines(self.tree.root)

    @cached_property
    def stack_lines(self) -> list[wire.Line]:
        """The lines of the tree by call stacks."""
        with self.recording.held():
            return wire.lines(Tree.by_stacks(self.recording, self.index).root)

    @cached_property
    def head(self) -> Summary:
        """What stands above either tree."""
        return head_of(self.recording, self.tree.root, self.about)

    def lines(self, grouping: str) -> list[wire.Line]:
        """Return the lines of a tree.

        Raises:
            UsageError: When there is no such grouping.
        """
        if grouping not in GROUPINGS:
            raise UsageError(f"a tree is grouped by {' or by '.join(GROUPINGS)}, not by {grouping[:40]!r}")
        return self.function_lines if grouping == "functions" else self.stack_lines

    def wire(self, grouping: str) -> bytes:
        """Return a tree as the front end decodes it.

        Raises:
            UsageError: When there is no such grouping.
        """
        return wire.encode(self.lines(grouping), self.head)

    def part(self, kind: str, name: str) -> Part:
        """Return one part by its kind and name.

        Raises:
            ArtifactNotFoundError: When there is none.
        """
        return self.parts.part(kind, name)

    @cached_property
    def parts(self) -> Parts:
        """All parts, each made when it is asked for."""
        return Parts(self.index, self.function_lines, self.stack_lines)
