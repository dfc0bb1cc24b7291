"""Cache directory: what torch keeps on disk, opened like a bundle; nothing is written, run or imported.

Layer: bundle.

    fxgraph/<2 characters>/<key>/<digest>     inductor
    aotautograd/<key>/<digest>                aot_autograd
    dynamo/<key>/entry                        precompile
    dynamo/code_state_<key>.pkl               pgo
    <2 characters>/<digest>.best_config       autotune

All else in it, such as generated code and libraries, is no cache artifact of torch's and is passed over.

Source: `FxGraphCache._get_tmp_dir_for_key`, `torch/_inductor/codecache.py`; `AOTAutogradCache._get_tmp_dir_for_key`,
`torch/_functorch/_aot_autograd/autograd_cache.py`; `DiskDynamoCache.path_prefix`, `torch/_dynamo/package.py`;
`code_state_path`, `torch/_dynamo/pgo.py`; `AutotuneCache`, `torch/_inductor/runtime/autotune_cache.py`; the same in
2.13.0 to 2.15.0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from megacache.bundle.torch_artifacts.rows import TorchRows
from megacache.bundle.torch_format import TorchArtifact
from megacache.errors import (
    ArtifactNotFoundError,
    BundleError,
    BundleNotFoundError,
    CorruptBundleError,
    NotABundleError,
)
from megacache.explain.systems import UNKNOWN_SYSTEM_ID
from megacache.model import Artifact, ArtifactUse, SessionInfo
from megacache.recording import Recorded, Recording

if TYPE_CHECKING:
    from megacache.bundle.append import SaveReport
    from megacache.bundle.cache_info import CacheInfo

_PGO_PREFIX, _PGO_SUFFIX = "code_state_", ".pkl"
_AUTOTUNE_SUFFIX = ".best_config"


class CachedFile(NamedTuple):
    """One file of torch's: what it is, under which key, and where."""

    artifact_type: str
    cache_key: str
    path: Path


@dataclass(frozen=True, slots=True)
class _Hashed:
    file: CachedFile
    sha256: str
    size_bytes: int
    changed_us: int

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.file.artifact_type, self.file.cache_key, self.sha256


class CacheDir(Recorded):
    """One cache directory of torch's; make it with `megacache.open_cache_dir`.

    Each look reads it as it is then. Torch does not say on which CPU and with which options its files were compiled.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last: tuple[list[_Hashed], Recording] = [], Recording()

    def __repr__(self) -> str:
        return f"CacheDir({str(self.path)!r})"

    @property
    def name(self) -> str:
        """What it is called in the explorer."""
        return self.path.name

    @property
    def files(self) -> tuple[CachedFile, ...]:
        """Torch's files, by type and key; none is read.

        Raises:
            BundleError: When a directory cannot be read.
        """
        with _translated(self.path):
            return tuple(sorted(_files_below(self.path)))

    @property
    def size_bytes(self) -> int:
        """The size of torch's files together."""
        return sum(each.size_bytes for each in self._hashed())

    def cache_info(self) -> CacheInfo:
        """Return the cache keys by artifact type, as torch's `save_cache_artifacts` returns them.

        Raises:
            BundleError: When a file cannot be read.
        """
        from megacache.bundle.cache_info import CacheInfo

        return CacheInfo.of(self.outline().artifacts)

    def outline(self) -> Recording:
        """Return one session with an artifact for each file, added when the file was last changed; quick.

        Raises:
            BundleError: When a file cannot be read.
        """
        return self._outline(self._hashed())

    def recording(self) -> Recording:
        """Return the outline with all that the files tell of functions, guards and graphs; no pickle is run for it.

        It is made once for files that did not change.

        Raises:
            BundleError: When a file cannot be read.
        """
        read = list(self._read())
        hashed = [each for each, _ in read]
        if hashed != self._last[0]:
            self._last = hashed, self._told(read)
        return self._last[1]

    def _outline(self, hashed: list[_Hashed]) -> Recording:
        if not hashed:
            return Recording()
        from megacache import __version__

        # It follows from the contents: in a bundle, compiles of a later state must not mix with those of this one.
        identity = repr((str(self.path.absolute()), [each.identity for each in hashed]))
        session_id = f"cache-dir-{sha256(identity.encode('utf-8', 'replace')).hexdigest()[:16]}"
        session = SessionInfo(
            session_id=session_id,
            name=f"cache directory {self.path}",
            run_id=session_id,
            system_id=UNKNOWN_SYSTEM_ID,
            status="ok",
            started_us=min(each.changed_us for each in hashed),
            ended_us=max(each.changed_us for each in hashed),
            megacache_version=__version__,
            config={},
        )
        paths = {each.sha256: each.file.path for each in hashed}
        return Recording(
            sessions=(session,),
            artifacts=tuple(map(_artifact, hashed)),
            artifact_uses=tuple(_use(each, session_id, at) for at, each in enumerate(hashed)),
            read=lambda digest: _content(digest, paths),
        )

    def _told(self, read: list[tuple[_Hashed, bytes]]) -> Recording:
        """Return what the files tell, each use at the moment at which its file was last changed."""
        outline = self._outline([each for each, _ in read])
        if not read:
            return outline
        (session,) = outline.sessions
        artifacts = [TorchArtifact(each.file.artifact_type, each.file.cache_key, content) for each, content in read]
        digests = [each.sha256 for each, _ in read]
        told, contents = TorchRows(artifacts, digests, session.session_id, session.started_us).recording()
        moments = {each.identity: each.changed_us for each, _ in read}
        uses = (replace(each, at_us=moments.get(_identity(each), each.at_us)) for each in told.artifact_uses)
        system_id = told.systems[0].system_id if told.systems else UNKNOWN_SYSTEM_ID
        return replace(
            told,
            sessions=(replace(session, system_id=system_id),),
            artifacts=outline.artifacts,
            artifact_uses=tuple(uses),
            read=lambda digest: contents[digest] if digest in contents else outline.read(digest),
        )

    def _hashed(self) -> list[_Hashed]:
        return [each for each, _ in self._read()]

    def _read(self) -> Iterator[tuple[_Hashed, bytes]]:
        """Yield every file with its content, the one changed last at the end.

        One that torch takes away meanwhile is passed over, and of equal ones the oldest stays.
        """
        seen: set[tuple[str, str, str]] = set()
        for file in sorted(self.files, key=_changed_ns):
            try:
                with _translated(file.path), file.path.open("rb") as opened:
                    content, changed_us = opened.read(), os.fstat(opened.fileno()).st_mtime_ns // 1000
            except BundleNotFoundError:
                continue
            hashed = _Hashed(file, sha256(content).hexdigest(), len(content), changed_us)
            if hashed.identity not in seen:
                seen.add(hashed.identity)
                yield hashed, content


def open_cache_dir(path: str | os.PathLike[str]) -> CacheDir:
    """Open a directory in which torch keeps its caches, read-only, without torch and without running a pickle.

    Args:
        path: What `TORCHINDUCTOR_CACHE_DIR` names, or the `dynamo`, `fxgraph` or `aotautograd` folder in it.

    Returns:
        A recording like a bundle's, with the same faces.

    Raises:
        BundleNotFoundError: When there is no such directory.
        NotABundleError: When torch keeps no cache there.
        BundleError: When it cannot be read.
    """
    folder = Path(path)
    with _translated(folder):
        if not folder.exists():
            raise BundleNotFoundError(f"no directory {folder}: check the path", path=str(folder))
        if not is_cache_dir(folder):
            message = f"torch keeps no cache in {folder}: name what TORCHINDUCTOR_CACHE_DIR names, or its dynamo folder"
            raise NotABundleError(message, path=str(folder))
    return CacheDir(folder)


def import_cache_dir(path: str | os.PathLike[str], into: str | os.PathLike[str]) -> SaveReport:
    """Put what torch keeps in a cache directory into a bundle.

    Args:
        path: The directory; see `open_cache_dir`.
        into: The bundle; it is made if it is not there, and grows if it is.

    Returns:
        What was new.

    Raises:
        BundleError: When the directory cannot be read, or the bundle cannot be written; see `errors`.
    """
    from megacache.bundle.bundle import Bundle
    from megacache.bundle.union import Contents

    recording = open_cache_dir(path).recording()
    with Bundle.open_or_create(into) as bundle:
        return bundle.append(recording, Contents(recording))


def is_cache_dir(path: Path) -> bool:
    """Say whether torch keeps a cache in a directory.

    Args:
        path: Anything.
    """
    return path.is_dir() and (path.name in _FOLDERS or any((path / name).is_dir() for name in _FOLDERS))


def _files_below(path: Path) -> Iterator[CachedFile]:
    if path.name in _FOLDERS and not any((path / name).is_dir() for name in _FOLDERS):
        yield from _FOLDERS[path.name](path)
        return
    for name, files_in in _FOLDERS.items():
        if (path / name).is_dir():
            yield from files_in(path / name)
    for folder in _folders(path):
        if len(folder.name) == 2:
            for file in _plain_files(folder):
                if file.name.endswith(_AUTOTUNE_SUFFIX):
                    yield CachedFile("autotune", f"{folder.name}/{file.name}", file)


def _inductor_files(folder: Path) -> Iterator[CachedFile]:
    for group in _folders(folder):
        for key in _folders(group):
            yield from (CachedFile("inductor", key.name, each) for each in _plain_files(key))


def _aot_files(folder: Path) -> Iterator[CachedFile]:
    for key in _folders(folder):
        yield from (CachedFile("aot_autograd", key.name, each) for each in _plain_files(key))


def _dynamo_files(folder: Path) -> Iterator[CachedFile]:
    for file in _plain_files(folder):
        if file.name.startswith(_PGO_PREFIX) and file.name.endswith(_PGO_SUFFIX):
            yield CachedFile("pgo", file.name.removeprefix(_PGO_PREFIX).removesuffix(_PGO_SUFFIX), file)
    for key in _folders(folder):
        yield from (CachedFile("precompile", key.name, each) for each in _plain_files(key) if each.name == "entry")


_FOLDERS: dict[str, Callable[[Path], Iterator[CachedFile]]] = {
    "aotautograd": _aot_files,
    "dynamo": _dynamo_files,
    "fxgraph": _inductor_files,
}


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise an `OSError` as one of ours."""
    try:
        yield
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleNotFoundError(f"{error.filename or path} is gone: open it again", path=str(path)) from error
    except OSError as error:
        message = f"{error.filename or path} cannot be read: {error.strerror or error}; check its permissions"
        raise BundleError(message, path=str(path)) from error


def _folders(path: Path) -> list[Path]:
    with os.scandir(path) as found:
        return [Path(each.path) for each in found if each.is_dir(follow_symlinks=False)]


def _plain_files(path: Path) -> list[Path]:
    """Return the files of a directory, without what torch is just writing (`.pid.thread.tmp`)."""
    with os.scandir(path) as found:
        return [
            Path(each.path)
            for each in found
            if each.is_file(follow_symlinks=False) and not each.name.startswith(".") and not each.name.endswith(".tmp")
        ]


def _changed_ns(file: CachedFile) -> int:
    try:
        return file.path.stat().st_mtime_ns
    except OSError:  # it is gone, or closed to us: reading it tells
        return 0


def _identity(use: ArtifactUse) -> tuple[str, str, str]:
    return use.artifact_type, use.cache_key or "", use.content_sha256 or ""


def _content(digest: str, paths: dict[str, Path]) -> bytes:
    if digest not in paths:
        raise ArtifactNotFoundError(f"the cache directory has no content {digest[:12]}", cache_key=digest)
    with _translated(paths[digest]):
        content = paths[digest].read_bytes()
    if sha256(content).hexdigest() != digest:
        message = f"{paths[digest]} was changed since the cache directory was looked at: open it again"
        raise CorruptBundleError(message, path=str(paths[digest]))
    return content


def _artifact(each: _Hashed) -> Artifact:
    return Artifact(
        artifact_type=each.file.artifact_type,
        cache_key=each.file.cache_key,
        content_sha256=each.sha256,
        size_bytes=each.size_bytes,
        added_us=each.changed_us,
        system_id=UNKNOWN_SYSTEM_ID,
    )


def _use(each: _Hashed, session_id: str, ordinal: int) -> ArtifactUse:
    return ArtifactUse(
        session_id=session_id,
        ordinal=ordinal,
        run_id=session_id,
        compile_id=None,
        backend_id=None,
        kind=None,
        artifact_type=each.file.artifact_type,
        cache_key=each.file.cache_key,
        content_sha256=each.sha256,
        state=None,
        at_us=each.changed_us,
    )
