"""DynamoStore: a bundle in the place of torch's own stores of precompile entries.

Layer: compiler. Code that was written for `InMemoryDynamoStore` or `DiskDynamoStore` runs on it unchanged.

Source: `DynamoStore` and `DiskDynamoStore`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from megacache.compiler import versions

versions.check()  # before the first import of torch below, so that a missing torch has a name

from torch._dynamo.package import DynamoStore, PrecompileCacheArtifact, PrecompileCacheEntry  # noqa: E402
from torch.compiler._cache import CacheArtifactRecorder  # noqa: E402

from megacache.bundle import Bundle  # noqa: E402
from megacache.compiler.entry_pickles import pickled, unpickled  # noqa: E402
from megacache.compiler.entry_writer import EntryWriter, is_writers  # noqa: E402
from megacache.compiler.package_watch import WATCH  # noqa: E402
from megacache.compiler.precompile_entries import PRECOMPILE, refused, right_entry  # noqa: E402
from megacache.compiler.system import live_system  # noqa: E402
from megacache.errors import BundleNotFoundError, CorruptBundleError  # noqa: E402
from megacache.recording import Recording  # noqa: E402
from megacache.trust.gate import Trust, trusted  # noqa: E402

_NAME = "DynamoStore"


class BundleDynamoStore(DynamoStore):
    """Keeps torch's precompile entries in a bundle, as artifacts of the type `precompile`.

    A key has one current entry per system and config: writing it again takes the older one back, unless a session of
    megacache recorded it too. Entries of other systems and configs stay, and `read` gives the newest that is right
    here. All else that the bundle holds is never touched.

    Args:
        path: The bundle; the first `write` makes it.
        trust: Whom you trust, as `megacache.load` takes it; `read` asks.
        trust_unknown: Read also entries that came from torch's own container, which does not say on which CPU and with
            which options they were compiled.

    Raises:
        TorchError: When torch is absent or lacks a name that we need; already when the class is first asked for.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust: Trust = None, trust_unknown: bool = False) -> None:
        self.path = Path(path)
        self._trust = trust
        self._trusts_unknown = trust_unknown
        self._writer = EntryWriter(self.path, _NAME)

    def __repr__(self) -> str:
        return f"BundleDynamoStore({str(self.path)!r})"

    def keys(self) -> tuple[str, ...]:
        """Return every key that `read` could be asked for, in the order in which they came.

        Raises:
            BundleError: When the file cannot be read; see `errors`.
        """
        artifacts = self._recording().artifacts
        return tuple(dict.fromkeys(each.cache_key for each in artifacts if each.artifact_type == PRECOMPILE))

    def write(self, cache_entry: PrecompileCacheEntry, path: str) -> None:
        """Keep one entry, pickled by torch; as with `DiskDynamoStore`, torch's own cache artifacts record it, too.

        Args:
            cache_entry: What torch's `save_cache_entry` and `save_package` make.
            path: The key.

        Raises:
            EntryRefusedError: When it cannot be pickled; then nothing was written.
            BundleError: When the bundle cannot be written; see `errors`.
        """
        content = pickled(cache_entry, path)
        CacheArtifactRecorder(PrecompileCacheArtifact.type(), path).record(content)
        self._writer.write({path: content}, {path: WATCH.components(cache_entry.dynamo)})

    def read(self, path: str) -> PrecompileCacheEntry:
        """Give back the newest entry of a key that was made by this torch, Python, machine and config.

        This runs the entry's pickle, so the bundle has to be trusted.

        Args:
            path: The key.

        Raises:
            EntryNotFoundError: When there is none, or no bundle.
            UntrustedError: When the bundle is not the user's own, and nobody who is trusted signed it.
            KeyFileError: When what `trust` names is no public key.
            EntryRefusedError: When what is there was made elsewhere or otherwise, is damaged, or does not load.
            BundleError: When the bundle cannot be read; see `errors`.
        """
        where = str(self.path)
        with ExitStack() as opened:
            try:
                recording = opened.enter_context(trusted(self.path, self._trust))
            except BundleNotFoundError:
                recording = Recording()
            stored = right_entry(recording, path, live_system(), where=where, trust_unknown=self._trusts_unknown)
            try:
                content = recording.read(stored.artifact.content_sha256)
            except CorruptBundleError as error:
                raise refused(path, where, (f"its content is damaged: {error}",)) from error
        entry: PrecompileCacheEntry = unpickled(content, path, where)
        return entry

    def clear(self) -> None:
        """Remove every entry that a `BundleDynamoStore` wrote and no session of megacache recorded; all else stays.

        Raises:
            BundleError: When the bundle cannot be written; see `errors`.
        """
        ours = [each.session_id for each in self._recording().sessions if is_writers(each, _NAME)]
        if ours:
            with Bundle.open(self.path) as bundle:
                bundle.prune(session_ids=ours)

    def _recording(self) -> Recording:
        try:
            with Bundle.open(self.path) as bundle:
                return bundle.recording()
        except BundleNotFoundError:
            return Recording()
