"""Shelf: what was loaded from bundles and may be served in this process, and how to read it.

Layer: compiler, but needs no torch. Nothing is read before it is needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from megacache.compiler.guarded_code import Body, Facts, body_of, facts_of, family_in
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.model import GUARDED_CODE, Artifact


@dataclass(frozen=True, slots=True)
class Stored:
    """One artifact with the way to its content."""

    artifact: Artifact
    read: Callable[[str], bytes]

    def content(self) -> bytes:
        """Read the content, checked against its digest.

        Raises:
            ArtifactNotFoundError: When it is not there.
            CorruptBundleError: When it is damaged.
        """
        return self.read(self.artifact.content_sha256)


class Variant:
    """One stored guarded code; its parts are read once, when they are first asked for."""

    def __init__(self, stored: Stored) -> None:
        self.key = stored.artifact.cache_key
        self.sha256 = stored.artifact.content_sha256
        self._stored = stored
        self._content: bytes | None = None
        self._facts: Facts | None = None
        self._body: Body | None = None

    @property
    def facts(self) -> Facts:
        """What must be true before it may run."""
        if self._facts is None:
            self._facts = facts_of(self._read())
        return self._facts

    @property
    def body(self) -> Body:
        """What is run; asking loads it."""
        if self._body is None:
            self._body = body_of(self._read())
        return self._body

    def _read(self) -> bytes:
        if self._content is None:
            self._content = self._stored.content()
        return self._content


class Shelf:
    """Everything that may be served, by type and key."""

    def __init__(self) -> None:
        self._by_key: defaultdict[tuple[str, str], dict[str, Stored]] = defaultdict(dict)
        self._families: defaultdict[str, dict[str, dict[str, Variant]]] = defaultdict(dict)
        self._places: defaultdict[str, dict[str, None]] = defaultdict(dict)

    @property
    def is_empty(self) -> bool:
        """Say whether there is no guarded code to serve."""
        return not self._families

    def put(self, artifacts: Iterable[Artifact], read: Callable[[str], bytes]) -> None:
        """Add artifacts that are fit for this system; of one key the last one added is asked first."""
        for artifact in artifacts:
            stored = Stored(artifact, read)
            self._by_key[artifact.artifact_type, artifact.cache_key][artifact.content_sha256] = stored
            if artifact.artifact_type == GUARDED_CODE:
                family = family_in(artifact.cache_key)
                contents = self._families[family].setdefault(artifact.cache_key, {})
                contents.pop(artifact.content_sha256, None)
                contents[artifact.content_sha256] = Variant(stored)
                self._places[family.rpartition("@")[0]][family] = None

    def variants(self, family: str) -> tuple[Variant, ...]:
        """Return the stored variants of a code object, in the order in which they were compiled.

        Of one key there may be several contents. They demand the same, but a newer one may be damaged, or lack its
        graph: it comes first, and the older ones after it.
        """
        keys = self._families.get(family, {}).values()
        return tuple(variant for contents in keys for variant in reversed(contents.values()))

    def families_at(self, place: str) -> tuple[str, ...]:
        """Return the stored families of one name: more than one when its code was edited."""
        return tuple(self._places.get(place, ()))

    def contents(self, artifact_type: str, key: str) -> Iterator[tuple[str, bytes]]:
        """Yield (digest, content) of every readable artifact of a key."""
        for sha256, stored in list(self._by_key.get((artifact_type, key), {}).items()):
            try:
                yield sha256, stored.content()
            except (ArtifactNotFoundError, CorruptBundleError):
                continue
