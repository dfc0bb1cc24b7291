"""Profiles: what torch's profile-guided optimization has seen, out of each state that it records.

Layer: compiler, but needs no torch.
"""

from __future__ import annotations

from collections import defaultdict

from megacache.bundle.torch_artifacts.entries import read_entry
from megacache.bundle.torch_artifacts.graphs import Place
from megacache.bundle.torch_artifacts.profile import Profile
from megacache.bundle.torch_format import TorchArtifact
from megacache.compiler.raw_events import ArtifactRecorded
from megacache.model import ProfiledSize


class Profiles:
    """The states of every job, each compared with the earlier ones."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[tuple[Place, str], str]] = defaultdict(dict)

    def rows(self, event: ArtifactRecorded) -> tuple[ProfiledSize, ...]:
        """Return the sizes of one state; none for any other artifact.

        Torch records the state whole after each compile that changed it, and a dynamic size no longer tells what it
        was: only the earlier states do.
        """
        if event.artifact_type != "pgo":
            return ()
        content = read_entry(TorchArtifact(event.artifact_type, event.cache_key, event.content)).content
        if not isinstance(content, Profile):
            return ()
        known = self._numbers[event.cache_key]
        rows = content.rows(event.cache_key, known)
        known |= content.numbers
        return rows
