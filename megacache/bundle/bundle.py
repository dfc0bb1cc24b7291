"""Bundle: one file that holds sessions and artifacts.

Layer: bundle. What each method does is told by the file of its name; the format by FORMAT.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from megacache.bundle import connection, rows
from megacache.bundle.append import SaveReport, append
from megacache.bundle.narrow import narrowed
from megacache.bundle.packs import PackReader
from megacache.bundle.stream import stream
from megacache.errors import BundleNotFoundError, NotABundleError
from megacache.recording import Recorded, Recording

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from megacache.bundle.cache_info import CacheInfo
    from megacache.bundle.compact import CompactReport
    from megacache.bundle.prune import PruneReport
    from megacache.bundle.repair import RepairReport
    from megacache.bundle.signatures import Trust
    from megacache.bundle.verify import VerifyReport
    from megacache.compiler.packages import Package

AnyPath = str | os.PathLike[str]
Function = Callable[..., object]


class Bundle(Recorded):
    """One `*.megacache` file: sessions, artifacts and documents, of one machine or many.

    Reading never changes the file. Every change is one transaction: it is in the file whole, or not at all, and several
    processes may save into one bundle at a time. A bundle may be shared by threads and survives a fork.

    Attributes:
        path: The file.
        format_version: The version of the file's format.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = Path(path)
        self._reader = connection.Reader(self.path)
        self._packs = PackReader(str(self.path))
        try:
            with self._reader.snapshot():
                self.format_version = self._reader.format_version
        except BaseException:
            self._reader.close()
            raise

    @classmethod
    def open(cls, path: AnyPath) -> Self:
        """Open a bundle that exists.

        Args:
            path: The file.

        Returns:
            The bundle.

        Raises:
            BundleNotFoundError: When there is no file.
            NotABundleError: When it is another kind of file.
            UnsupportedVersionError: When a newer megacache wrote it.
            CorruptBundleError: When it is truncated or lacks a table or column.
            BundleBusyError: When a writer held it too long.
        """
        return cls(path)

    @classmethod
    def create(cls, path: AnyPath) -> Self:
        """Create an empty bundle.

        Args:
            path: A file that does not exist, in a directory that does.

        Returns:
            The bundle.

        Raises:
            BundleNotFoundError: When there is no such directory.
            BundleNotWritableError: When the directory cannot be written.
            StorageFullError: When the disk is full.
            BundleError: When the file exists.
        """
        connection.create(Path(path), is_new=True)
        return cls(path)

    @classmethod
    def open_or_create(cls, path: AnyPath) -> Self:
        """Open a bundle, after creating it if it is not there.

        Args:
            path: The file.

        Returns:
            The bundle.

        Raises:
            BundleError: What `open` and `create` raise.
        """
        file = Path(path)
        try:
            return cls.open(file)
        except (BundleNotFoundError, NotABundleError):
            if not connection.has_begun(file):
                connection.create(file, is_new=False)
        return cls.open(file)

    @classmethod
    def from_torch(cls, data: bytes, path: AnyPath) -> Self:
        """Put torch's own cache artifacts into a bundle, as a session named after where they come from.

        Args:
            data: What `torch.compiler.save_cache_artifacts()` returned first.
            path: The bundle; it is created if it is not there, and grows if it is. The same data add nothing new.

        Returns:
            The bundle.

        Raises:
            NotABundleError: When the data are something else; then no file is created.
            CorruptBundleError: When the data are damaged.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        from megacache import __version__
        from megacache.bundle.exchange import imported

        recording, contents = imported(data, __version__)
        bundle = cls.open_or_create(path)
        bundle.append(recording, contents)
        return bundle

    @property
    def size_bytes(self) -> int:
        """The size of the file now."""
        with connection.translated(self.path):
            return self.path.stat().st_size

    def cache_info(self) -> CacheInfo:
        """Return the cache keys by artifact type, as torch's `save_cache_artifacts` returns them.

        Raises:
            BundleError: When the file cannot be read; see `errors`.
        """
        from megacache.bundle.cache_info import CacheInfo

        return CacheInfo.of(self.recording().artifacts)

    def append(self, recording: Recording, contents: Mapping[str, bytes]) -> SaveReport:
        """Save what is new, in one transaction. Nothing that the bundle holds is replaced by less.

        A row that is there already takes the values of the new one that are not None. The cost follows what is new, not
        the size of the bundle. While another process saves, this waits.

        Args:
            recording: The rows; all of a session, or those that came since.
            contents: By SHA-256 in hexadecimal, at least those which the rows refer to and the bundle has not.

        Returns:
            What was new, and how many bytes it took.

        Raises:
            ArtifactNotFoundError: When a row refers to a content that is in neither; then nothing was saved.
            BundleNotWritableError: When the file or its directory cannot be written.
            BundleBusyError: When another process held the bundle for more than 30 s.
            StorageFullError: When there is no room; the last save is untouched.
            BundleError: When a content has another digest than its key.
        """
        return append(self.path, [(recording, True)], contents)

    def recording(self, session_ids: Collection[str] | None = None) -> Recording:
        """Return the rows, of all sessions or of some, as they are now; no content is read.

        Args:
            session_ids: The sessions; None means all, with artifacts that no session used.

        Returns:
            The recording, whose `read` is the bundle's.

        Raises:
            CorruptBundleError: When a row is damaged.
            BundleError: When the file cannot be read; see `errors`.
        """
        with self._reader.snapshot() as reading:
            recording = rows.read(reading, self.read, str(self.path))
        recording = replace(recording, held=self._reader.held, stream=partial(stream, self._reader))
        return recording if session_ids is None else narrowed(recording, session_ids)

    def read(self, sha256: str) -> bytes:
        """Return one content, checked against its digest.

        Args:
            sha256: The digest, in hexadecimal.

        Returns:
            The content.

        Raises:
            ArtifactNotFoundError: When the bundle has no such content.
            CorruptBundleError: When it is damaged; names the pack and what is lost with it.
            BundleError: When the file cannot be read; see `errors`.
        """
        with self._reader.snapshot() as reading:
            return self._packs.content(reading, sha256)

    def verify(self) -> VerifyReport:
        """Check everything: the file's structure, every pack, content and reference.

        Returns:
            What is wrong, if anything, and which artifacts and documents are lost.

        Raises:
            BundleError: When the file cannot be read at all; see `errors`.
        """
        from megacache.bundle.verify import verify

        return verify(self._reader, self._packs)

    @classmethod
    def repair(cls, path: AnyPath, into: AnyPath) -> RepairReport:
        """Write a new bundle of all that is whole in another one, however damaged: cut, or no SQLite file any more.

        Args:
            path: The damaged bundle, which is not changed.
            into: The new bundle; nothing may be there.

        Returns:
            What was saved, and what is lost.

        Raises:
            NotABundleError: When nothing in the file is of a bundle; then none is made.
            BundleError: When the file cannot be read, or the new bundle cannot be written; see `errors`.
        """
        from megacache.bundle.repair import repair

        return repair(Path(path), Path(into))

    def compact(self) -> CompactReport:
        """Write small packs anew as large ones, drop contents that no row refers to, and give the space back.

        Returns:
            The sizes before and after.

        Raises:
            CorruptBundleError: When a row or a pack is damaged; then nothing was changed.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        from megacache.bundle.compact import compact

        return compact(self.path)

    def merge(self, other: Bundle) -> SaveReport:
        """Add everything that another bundle holds; of a session that is in both, the later save is kept.

        Args:
            other: The other bundle; it is only read.

        Returns:
            What was new, and the keys of which both sides have another content: then both are kept.

        Raises:
            CorruptBundleError: When a content of the other is damaged; then nothing was added.
            BundleError: When this bundle cannot be written; see `errors`.
        """
        from megacache.bundle.union import Contents, conflicts, saves

        ours, theirs = self.recording(), other.recording()
        report = append(self.path, saves(ours, theirs), Contents(theirs))
        return replace(report, conflicts=conflicts(ours, theirs))

    def prune(
        self,
        *,
        session_ids: Collection[str] = (),
        kept_session_ids: Collection[str] | None = None,
        artifact_types: Collection[str] = (),
        older_than_us: int | None = None,
        unused: bool = False,
        max_size_bytes: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Remove sessions and artifacts, and the contents that nothing refers to then.

        What any of the options means is removed. An artifact goes with the last session that used it, or with its type.
        A session stays when only artifacts of it went, so that its tree is still there to look at.

        Args:
            session_ids: Sessions to remove.
            kept_session_ids: Sessions to keep: all others go. None means all.
            artifact_types: Artifact types to remove, of all sessions.
            older_than_us: Sessions that began before this moment go, in microseconds since the Unix epoch.
            unused: Remove artifacts that were loaded and served nobody, and those that no session used.
            max_size_bytes: Remove the artifacts used longest ago, until the others are together no larger than this,
                before compression.
            dry_run: Only say what would be removed.

        Returns:
            What was removed.

        Raises:
            UsageError: When a session is not in the bundle, or a type is none; then nothing was removed.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        from megacache.bundle.prune import prune
        from megacache.bundle.pruning import Pruning

        pruning = Pruning(
            session_ids=_several(session_ids) or (),
            kept_session_ids=_several(kept_session_ids),
            artifact_types=_several(artifact_types) or (),
            older_than_us=older_than_us,
            is_unused=unused,
            max_size_bytes=max_size_bytes,
        )
        return prune(self.path, pruning, is_dry_run=dry_run)

    def to_torch(self, types: Collection[str] | None = None, keys: Collection[str] | None = None) -> bytes:
        """Return artifacts as plain torch loads them, with `torch.compiler.load_cache_artifacts`.

        Args:
            types: Artifact types; None means all that torch has.
            keys: Cache keys; None means all.

        Returns:
            Torch's own container.

        Raises:
            UsageError: When a type is none, or no artifact of these types has one of the keys.
            CorruptBundleError: When a content is damaged.
            BundleError: When the file cannot be read; see `errors`.
        """
        from megacache.bundle.exchange import exported

        with self._reader.snapshot():
            return exported(self.recording(), _several(types), _several(keys))

    def package(
        self, function: Function, *, key: str | None = None, trust: Trust = None, trust_unknown: bool = False
    ) -> Package:
        """Return torch's own precompile entry of one function, to look at, install and uninstall.

        Args:
            function: The function, a compiled one, or a module.
            key: The name that a store was given; None means torch's own key of the function.
            trust: Whom you trust, as `megacache.load` takes it; `install` asks.
            trust_unknown: Let `install` take also an entry of which nobody noted on which system it was compiled, or
                what it inlined.

        Returns:
            The newest entry that is right here as far as rows say, else the newest. No pickle is run before `install`.

        Raises:
            EntryNotFoundError: When there is none.
            UsageError: When there is no Python code in the function.
            UnreadablePickleError: When the entry cannot be read.
            BundleError: When the file cannot be read; see `errors`.
            TorchError: When torch is absent or lacks a name that we need.
        """
        from megacache.compiler.packages import package_of

        return package_of(self.path, function, key=key, trust=trust, trust_unknown=trust_unknown)

    def close(self) -> None:
        """Let go of the file. A recording that outlives the bundle opens it again for each content that it reads."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r})"


def _several(names: Collection[str] | None) -> Collection[str] | None:
    """Take one name for a collection of it, not of its letters."""
    return (names,) if isinstance(names, str) else names
