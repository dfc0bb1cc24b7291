"""DynamoStore: a bundle in the place of torch's own stores of precompile entries.

Layer: compiler. Code that was written for `InMemoryDynamoStore` or `DiskDynamoStore` runs on it unchanged.

Source: `DynamoStore` and `DiskDynamoStore`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import os
import pickle
import time
import uuid
from hashlib import sha256
from pathlib import Path

from megacache.compiler import versions

versions.check()  # before the first import of torch below, so that a missing torch has a name

from torch._dynamo.package import DynamoStore, PrecompileCacheArtifact, PrecompileCacheEntry  # noqa: E402
from torch.compiler._cache import CacheArtifactRecorder  # noqa: E402

from megacache.bundle import Bundle  # noqa: E402
from megacache.bundle.supersede import Kept, supersede  # noqa: E402
from megacache.compiler.options import live_config  # noqa: E402
from megacache.compiler.precompile_entries import PRECOMPILE, refused, right_entry  # noqa: E402
from megacache.compiler.system import live_system  # noqa: E402
from megacache.errors import BundleNotFoundError, CorruptBundleError  # noqa: E402
from megacache.model import Artifact, ArtifactUse, SessionInfo  # noqa: E402
from megacache.recording import Recording  # noqa: E402

SESSION_NAME = "DynamoStore"
_SESSION_PREFIX = "dynamo-store-"


class BundleDynamoStore(DynamoStore):
    """Keeps torch's precompile entries in a bundle, as artifacts of the type `precompile`.

    A key has one current entry per system and config: writing it again takes the older one back, unless a session of
    megacache recorded it too. Entries of other systems and configs stay, and `read` gives the newest that is right
    here. All else that the bundle holds is never touched.

    Args:
        path: The bundle; the first `write` makes it.
        trust_unknown: Read also entries that came from torch's own container, which does not say on which CPU and with
            which options they were compiled.

    Raises:
        TorchError: When torch is absent or lacks a name that we need; already when the class is first asked for.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust_unknown: bool = False) -> None:
        self.path = Path(path)
        self._trusts_unknown = trust_unknown
        self._run_id = uuid.uuid4().hex[:16]
        self._write_count = 0
        self._started_us: dict[str, int] = {}

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
        content = _pickled(cache_entry, path)
        CacheArtifactRecorder(PrecompileCacheArtifact.type(), path).record(content)
        digest = sha256(content).hexdigest()
        recording = self._rows(path, digest, len(content))
        with Bundle.open_or_create(self.path) as bundle:
            bundle.append(recording, {digest: content})
            session = recording.sessions[0]
            older = [each.session_id for each in bundle.recording().sessions if _is_alike(each, session)]
        kept = Kept(artifact_type=PRECOMPILE, cache_key=path, content_sha256=digest, session_id=session.session_id)
        supersede(self.path, kept, older)

    def read(self, path: str) -> PrecompileCacheEntry:
        """Give back the newest entry of a key that was made by this torch, Python, machine and config.

        This runs the entry's pickle: read only bundles that you trust.

        Args:
            path: The key.

        Raises:
            EntryNotFoundError: When there is none, or no bundle.
            EntryRefusedError: When what is there was made elsewhere or otherwise, is damaged, or does not load.
            BundleError: When the bundle cannot be read; see `errors`.
        """
        recording = self._recording()
        where = str(self.path)
        entry = right_entry(recording, path, live_system(), where=where, trust_unknown=self._trusts_unknown)
        try:
            content = recording.read(entry.artifact.content_sha256)
        except CorruptBundleError as error:
            raise refused(path, where, (f"its content is damaged: {error}",)) from error
        return unpickled(content, path, where)

    def clear(self) -> None:
        """Remove every entry that a `BundleDynamoStore` wrote and no session of megacache recorded; all else stays.

        Raises:
            BundleError: When the bundle cannot be written; see `errors`.
        """
        ours = [each.session_id for each in self._recording().sessions if _is_ours(each)]
        if ours:
            with Bundle.open(self.path) as bundle:
                bundle.prune(session_ids=ours)

    def _recording(self) -> Recording:
        try:
            with Bundle.open(self.path) as bundle:
                return bundle.recording()
        except BundleNotFoundError:
            return Recording()

    def _rows(self, key: str, digest: str, size_bytes: int) -> Recording:
        system, config, now_us = live_system(), live_config(), time.time_ns() // 1000
        circumstances = sha256(repr((system.system_id, sorted(config.items()))).encode()).hexdigest()[:8]
        session_id = f"{_SESSION_PREFIX}{self._run_id}-{circumstances}"
        artifact = Artifact(
            artifact_type=PRECOMPILE,
            cache_key=key,
            content_sha256=digest,
            size_bytes=size_bytes,
            added_us=now_us,
            system_id=system.system_id,
        )
        use = ArtifactUse(
            session_id=session_id,
            ordinal=self._write_count,
            run_id=self._run_id,
            compile_id=None,
            backend_id=None,
            kind=None,
            artifact_type=PRECOMPILE,
            cache_key=key,
            content_sha256=digest,
            state=None,
            at_us=now_us,
        )
        self._write_count += 1
        started_us = self._started_us.setdefault(session_id, now_us)
        session = _session(session_id, self._run_id, system.system_id, config, started_us, now_us)
        return Recording(systems=(system,), sessions=(session,), artifacts=(artifact,), artifact_uses=(use,))


def unpickled(content: bytes, cache_key: str, where: str) -> PrecompileCacheEntry:
    """Load an entry; this runs its pickle.

    Args:
        content: The pickle, already checked against its digest.
        cache_key: Its key.
        where: Where it is stored, named in messages.

    Raises:
        EntryRefusedError: When it does not load, or is something else.
    """
    try:
        entry = pickle.loads(content)  # noqa: S301  The caller decided to run what is stored.
    except Exception as error:  # A pickle may raise anything.
        raise refused(cache_key, where, (f"it does not load: {type(error).__name__}: {error}",)) from error
    if not isinstance(entry, PrecompileCacheEntry):
        raise refused(cache_key, where, (f"it holds a {type(entry).__name__}, not torch's PrecompileCacheEntry",))
    return entry


def _pickled(entry: PrecompileCacheEntry, key: str) -> bytes:
    try:
        return pickle.dumps(entry)
    except Exception as error:  # A backend may hold anything.
        reasons = (f"torch cannot pickle it: {type(error).__name__}: {error}",)
        raise refused(key, "torch's PrecompileContext", reasons) from error


def _is_ours(session: SessionInfo) -> bool:
    return session.session_id.startswith(_SESSION_PREFIX)


def _is_alike(session: SessionInfo, new: SessionInfo) -> bool:
    """Say whether a session is a store's, of the same system and config."""
    return _is_ours(session) and (session.system_id, session.config) == (new.system_id, new.config)


def _session(
    session_id: str, run_id: str, system_id: str, config: dict[str, str], started_us: int, ended_us: int
) -> SessionInfo:
    from megacache import __version__

    return SessionInfo(
        session_id=session_id,
        name=SESSION_NAME,
        run_id=run_id,
        system_id=system_id,
        status="ok",
        started_us=started_us,
        ended_us=ended_us,
        megacache_version=__version__,
        config=config,
    )
