"""Insides: what the pickles that torch records tell beyond what it logged, as the rows of a document.

Layer: compiler, but needs no torch: the pickles are read as data.
"""

from __future__ import annotations

from typing import NamedTuple

from megacache.bundle.torch_artifacts.entries import read_entry
from megacache.bundle.torch_artifacts.graphs import Graph
from megacache.bundle.torch_artifacts.profile import History, Profile
from megacache.bundle.torch_artifacts.triton import MARK
from megacache.bundle.torch_format import TorchArtifact
from megacache.compiler.raw_events import ArtifactRecorded
from megacache.recording import encode_rows


class Inside(NamedTuple):
    """A document's name and content."""

    name: str
    content: bytes


class Insides:
    """Reads the artifacts of one process; the states of PGO are compared with the earlier ones of their job."""

    def __init__(self) -> None:
        self._history = History()

    def of(self, event: ArtifactRecorded) -> Inside | None:
        """Return what one artifact tells: the sizes of a profile, or the GPU kernels of a graph; None for any other.

        A graph without a Triton bundle is not read: that would take a tenth of a second each.
        """
        if event.artifact_type != "pgo" and not (event.artifact_type == "inductor" and MARK in event.content):
            return None
        content = read_entry(TorchArtifact(event.artifact_type, event.cache_key, event.content)).content
        if isinstance(content, Profile) and content.sizes:
            return Inside("profile", encode_rows(self._history.rows(event.cache_key, content)))
        if isinstance(content, Graph) and (rows := content.triton_kernels):
            return Inside("triton", encode_rows(rows))
        return None
