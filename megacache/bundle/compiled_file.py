"""Compiled file: read what torch's `CompiledArtifact.save` wrote, in either format. No torch, no pickle is run.

Layer: bundle.

The binary format is one file: crc32 of all that follows, 4 bytes; then pieces, each preceded by its length in 8 bytes,
big-endian. First the header, which says what follows:

    CacheCompiledArtifact   torch's key, 32 bytes; the AOT key, a text; torch's own container (see `torch_format`)
    AOTCompiledArtifact     torch's key, 32 bytes; a pickle of the whole compiled function

The unpacked format is a folder, as torch's cache directory: `aotautograd/KEY/CONTENT`, `fxgraph/xx/KEY/CONTENT`, and
the generated code for people. It does not hold torch's key as such, but inductor's key components name it.

Source: `CacheCompiledArtifact.save` and `AOTCompiledArtifact.save`, `torch/_inductor/standalone_compile.py`;
`BytesWriter`, `torch/utils/_appending_byte_serializer.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import os
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from megacache.bundle.file_kind import beginning
from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import PickledObject, walk
from megacache.bundle.torch_format import Scanner, TorchArtifact, read_artifacts, write_artifacts
from megacache.errors import BundleError, BundleNotFoundError, CorruptBundleError, NotABundleError
from megacache.recording import Recorded, Recording

CACHE_HEADER = b"CacheCompiledArtifact"
AOT_HEADER = b"AOTCompiledArtifact"

_CHECKSUM = 4
_LENGTH = 8
_AOT_FOLDER = "aotautograd"
_FX_FOLDER = "fxgraph"
_VERSION_LINE = "torch_version: "

_KNOWN_KEYS = {
    "d34d1007edd62bb52cb10ffdeb5f6e36975ee877f120be2df6df7e8d3dd2e62c": "2.13.0+cpu",
    "b0d2d48093a2191c1f154a7d8ef867ef62747c218663e5d49bc2368ffc8ce86d": "2.15.0+cu132",
}
"""Torch's keys of builds that were looked at; a key is a digest, so no other one can be told."""


@dataclass(frozen=True)
class CompiledFile(Recorded):
    """One compiled artifact that torch wrote.

    Attributes:
        path: The file or folder.
        file_format: `binary` or `unpacked`.
        is_aot: Whether it is one pickled function (`aot=True`), and no cache artifacts.
        torch_key: The digest of the sources of the torch that wrote it; empty where the folder does not tell.
        torch_mark: The key as inductor's key components name it; empty where nothing does.
        key: The AOT key under which torch looks it up; empty for a pickled function.
        artifacts: Torch's cache artifacts in it; none for a pickled function.
        function: The pickled function, or empty bytes.
    """

    path: Path
    file_format: str
    is_aot: bool
    torch_key: bytes
    torch_mark: str
    key: str
    artifacts: tuple[TorchArtifact, ...]
    function: bytes

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> CompiledFile:
        """Read a file or folder.

        Args:
            path: Where `CompiledArtifact.save` wrote it.

        Raises:
            BundleNotFoundError: When nothing is there.
            NotABundleError: When it is something else: another file, or a folder of another kind.
            CorruptBundleError: When it is truncated or flipped.
            BundleError: When it cannot be read; see `errors`.
        """
        found = Path(path)
        try:
            if found.is_dir():
                return _unpacked(found)
            # A bundle is not opened here, for its locks' sake.
            if found.exists() and not begins_like_one(start := beginning(found)):
                raise _another_kind(found, start)
            return cls.of(found.read_bytes(), found)
        except FileNotFoundError as error:
            message = f"there is nothing at {found}: name what CompiledArtifact.save wrote"
            raise BundleNotFoundError(message, path=str(found)) from error
        except OSError as error:
            message = f"{found} cannot be read: {error.strerror}; check the path"
            raise NotABundleError(message, path=str(found)) from error

    @classmethod
    def of(cls, content: bytes, path: Path) -> CompiledFile:
        """Read the bytes of a file in the binary format.

        Args:
            content: All of it.
            path: Where it is from, named in messages.

        Raises:
            NotABundleError: When it is something else.
            CorruptBundleError: When it is truncated or flipped.
        """
        if not begins_like_one(content):
            raise _another_kind(path, content)
        if zlib.crc32(memoryview(content)[_CHECKSUM:]) != int.from_bytes(content[:_CHECKSUM]):
            raise _damaged(path, "its checksum is wrong, so it is truncated or changed")
        scanner = Scanner(content, _CHECKSUM)
        try:
            is_aot, torch_key = scanner.piece() == AOT_HEADER, scanner.piece()
            key = "" if is_aot else scanner.text()
            body = scanner.piece()
            artifacts = () if is_aot else tuple(read_artifacts(body))
        except (CorruptBundleError, NotABundleError) as error:
            raise _damaged(path, str(error)) from error
        if not scanner.is_at_end:
            raise _damaged(path, "something follows its end")
        mark = torch_key.decode("utf-8", "replace") if torch_key else mark_in(artifacts)
        return cls(path, "binary", is_aot, torch_key, mark, key, artifacts, body if is_aot else b"")

    @property
    def name(self) -> str:
        """The name of the file or folder."""
        return self.path.name

    def binary(self, torch_key: bytes | None = None) -> bytes:
        """Return it in the binary format.

        Args:
            torch_key: The key to write instead of the one that it has.
        """
        header = AOT_HEADER if self.is_aot else CACHE_HEADER
        key = () if self.is_aot else (b64encode(self.key.encode()),)
        body = self.function if self.is_aot else write_artifacts(self.artifacts)
        pieces = (header, self.torch_key if torch_key is None else torch_key, *key, body)
        framed = b"".join(len(each).to_bytes(_LENGTH) + each for each in pieces)
        return zlib.crc32(framed).to_bytes(_CHECKSUM) + framed

    def recording(self) -> Recording:
        """Return what it holds as rows: the artifact itself, what torch put into it, graphs and generated code."""
        from megacache.bundle.compiled_rows import rows_of

        recording, _ = rows_of(self)
        return recording


def is_compiled(path: Path) -> bool:
    """Say whether something looks like what `CompiledArtifact.save` wrote; only its beginning is read."""
    if path.is_dir():
        return _is_one_artifact(path)
    try:
        return begins_like_one(beginning(path))
    except BundleError:
        return False


def _is_one_artifact(path: Path) -> bool:
    """Say whether a folder has one AOT key and no entries of Dynamo's; with more it is a cache directory of torch's."""
    folder = path / _AOT_FOLDER
    return folder.is_dir() and not (path / "dynamo").exists() and sum(each.is_dir() for each in folder.iterdir()) == 1


def begins_like_one(content: bytes) -> bool:
    """Say whether bytes begin as one of the two binary formats does, though they may end too early."""
    start = content[_CHECKSUM:]
    return len(content) > _CHECKSUM + _LENGTH and any(
        (len(each).to_bytes(_LENGTH) + each).startswith(start[: _LENGTH + len(each)])
        for each in (CACHE_HEADER, AOT_HEADER)
    )


def mark_of(torch_key: bytes) -> str:
    """Return torch's key as inductor's key components have it: as text, so that some bytes are lost."""
    return torch_key.decode("utf-8", "replace")


def writer_of(mark: str) -> str:
    """Say which torch has this mark, as far as it is known: `torch 2.13.0+cpu`, or `another build of torch`."""
    marks = {mark_of(bytes.fromhex(key)): version for key, version in _KNOWN_KEYS.items()}
    return f"torch {marks[mark]}" if mark in marks else "another build of torch"


def mark_in(artifacts: tuple[TorchArtifact, ...]) -> str:
    """Return the mark of the torch that compiled some artifacts, from inductor's key components; empty without."""
    for artifact in artifacts:
        for line in _texts(artifact.content):
            if line.startswith("[") and f"] {_VERSION_LINE}" in line[:100]:
                return line.partition(_VERSION_LINE)[2]
    return ""


def graphs_in(pickled: bytes) -> list[PickledObject]:
    """Return every compiled graph in a pickle, as placeholders.

    Raises:
        UnreadablePickleError: When the pickle cannot be read as data.
    """
    found = (each for each in walk(read_pickle(pickled).value) if isinstance(each, PickledObject))
    return [each for each in found if each.name.endswith(".CompiledFxGraph")]


def _texts(pickled: bytes) -> Iterator[str]:
    try:
        yield from (each for each in walk(read_pickle(pickled).value) if isinstance(each, str))
    except CorruptBundleError:  # torch will say so when it loads it; here it only tells nothing
        return


def _unpacked(path: Path) -> CompiledFile:
    folder = path / _AOT_FOLDER
    if not folder.is_dir():
        message = f"{path} is a folder without {_AOT_FOLDER}/, so CompiledArtifact.save did not write it: name one"
        raise NotABundleError(message, path=str(path))
    keys = sorted(each.name for each in folder.iterdir())
    if len(keys) != 1:
        raise _damaged(path, f"{_AOT_FOLDER}/ has {len(keys)} entries, and torch writes one")
    places = [("inductor", each) for each in sorted((path / _FX_FOLDER).glob("*/*/*"))]
    places += [("aot_autograd", each) for each in sorted((folder / keys[0]).glob("*"))]
    if any(each.is_symlink() or not each.is_file() for _, each in places):
        raise _damaged(path, "it holds what is no plain file")
    artifacts = tuple(TorchArtifact(kind, each.parent.name, each.read_bytes()) for kind, each in places)
    if not any(each.artifact_type == "aot_autograd" for each in artifacts):
        raise _damaged(path, f"{_AOT_FOLDER}/{keys[0][:12]} is empty")
    return CompiledFile(path, "unpacked", False, b"", mark_in(artifacts), keys[0], artifacts, b"")


def _another_kind(path: Path, content: bytes) -> NotABundleError:
    message = f"{path} is no file that CompiledArtifact.save wrote{_header_told(content)}: name one"
    return NotABundleError(message, path=str(path))


def _header_told(content: bytes) -> str:
    """Tell the header of a file that is framed as torch's are, but begins with another word."""
    size = int.from_bytes(content[_CHECKSUM : _CHECKSUM + _LENGTH])
    word = content[_CHECKSUM + _LENGTH : _CHECKSUM + _LENGTH + size]
    return f", its header is {word.decode()!r}" if 0 < size == len(word) <= 64 and word.isalnum() else ""


def _damaged(path: Path, problem: str) -> CorruptBundleError:
    message = f"{path} is damaged: {problem}; take another copy of it, or compile and save it again"
    return CorruptBundleError(message, path=str(path), problems=(problem,))
