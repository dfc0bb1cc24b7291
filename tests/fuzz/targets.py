"""Targets: what must hold of any bytes that are read as a pickle, as torch's container, or as a bundle.

Each is a function of bytes that raises where something does not hold: another exception than ours, a wrong answer, an
import, a write, more than five seconds. Nothing here needs the fuzzer, so that its findings are tests of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from fuzz.memory import folder_in_memory
from fuzz.oracle import ImportsError, ReachesOutError, are_alike, loaded_alone
from fuzz.watch import watching
from reliability.digests import digests_of

from megacache.bundle import Bundle
from megacache.bundle.exchange import imported
from megacache.bundle.inert_pickle import Pickled, read_pickle
from megacache.bundle.placeholders import shown, walk
from megacache.bundle.torch_artifacts.entries import read_entry
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.bundle.verify import VerifyReport
from megacache.errors import MegacacheError
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.summary import About
from megacache.model import ARTIFACT_TYPES
from megacache.recording import Recording

Found = TypeVar("Found")

# Python finds its codecs when they are first asked for, which is no reader's doing.
for _text in (b"Va\n.", b"S'a'\n."):
    read_pickle(_text)

_folder = folder_in_memory()


def check_pickle(content: bytes) -> None:
    """Read bytes as a pickle, and as each of torch's artifacts."""
    with watching():
        pickled = _or_ours(lambda: read_pickle(content))
        if pickled is not None:
            assert len(shown(pickled.value)) <= 201
            for _ in walk(pickled.value):
                pass
        for artifact_type in ARTIFACT_TYPES:
            read_entry(TorchArtifact(artifact_type, "key", content))
    if pickled is not None:
        _check_against_python(content, pickled)


def check_container(data: bytes) -> None:
    """Import bytes as torch's container, and write what was read again."""
    with watching():
        artifacts = _or_ours(lambda: read_artifacts(data))
        found = _or_ours(lambda: imported(data, "0"))
    assert (artifacts is None) == (found is None)
    if artifacts is None or found is None:
        return
    recording, contents = found
    assert [each.content for each in artifacts] == [contents[each.content_sha256] for each in recording.artifacts]
    assert all(sha256(content).hexdigest() == digest for digest, content in contents.items())
    again = read_artifacts(write_artifacts(artifacts))
    assert sorted(again, key=_order) == sorted(artifacts, key=_order)
    path = Path(_folder.name) / "imported.megacache"
    try:
        with Bundle.from_torch(data, path) as bundle, watching():
            assert bundle.verify().is_ok
            _check_faces(bundle.recording())
    finally:
        path.unlink(missing_ok=True)


def check_bundle(data: bytes) -> None:
    """Open bytes as a bundle, and do with it all that reads."""
    path = Path(_folder.name) / "fuzzed.megacache"
    path.write_bytes(data)
    with watching():
        bundle = _or_ours(lambda: Bundle.open(path))
    if bundle is not None:
        with bundle:
            with watching(may_copy=True):
                report = _or_ours(bundle.verify)
            with watching():
                _check_open(bundle, report)
    _check_repair(path)
    assert path.read_bytes() == data, "reading changed the file"
    assert os.listdir(_folder.name) == [path.name], "reading left a file"  # noqa: PTH208  names are what counts
    path.unlink()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "pickle": check_pickle,
    "container": check_container,
    "bundle": check_bundle,
}
"""Each target by its name."""


def _check_open(bundle: Bundle, report: VerifyReport | None) -> None:
    recording = _or_ours(bundle.recording)
    is_ok = report is not None and report.is_ok
    if recording is None:
        assert not is_ok, "verify calls a bundle whole whose rows cannot be read"
        return
    lost = set()
    for digest in digests_of(recording):
        content = _or_ours(lambda: bundle.read(digest))  # noqa: B023  called at once
        assert content is None or sha256(content).hexdigest() == digest
        if content is None:
            lost.add(digest)
    assert not (is_ok and lost), "verify calls a bundle whole that has lost contents"
    container = _or_ours(bundle.to_torch)
    if container is not None:
        torchs = [each for each in recording.artifacts if each.artifact_type in ARTIFACT_TYPES]
        assert len(read_artifacts(container)) == len(torchs)
    bundle.cache_info()
    _check_faces(recording)


def _check_repair(path: Path) -> None:
    """Repair a bundle: all that comes of it can be read, or there is nothing."""
    into = Path(_folder.name) / "repaired.megacache"
    try:
        with watching(may_copy=True):
            report = _or_ours(lambda: Bundle.repair(path, into))
        assert (report is not None) == into.exists()
        if report is not None:
            with Bundle.open(into) as repaired:
                recording = repaired.recording()
                for digest in digests_of(recording):
                    assert sha256(repaired.read(digest)).hexdigest() == digest
    finally:
        into.unlink(missing_ok=True)


def _check_faces(recording: Recording) -> None:
    """Show the recording in a terminal and in the explorer, as far as it can be."""
    snapshot = Snapshot(recording, About(title="fuzzed"))
    tree = _or_ours(lambda: snapshot.tree)
    if tree is not None:
        _or_ours(lambda: str(tree).encode())
        for grouping in ("functions", "stacks"):
            _or_ours(lambda: snapshot.wire(grouping))  # noqa: B023  called at once


def _or_ours(action: Callable[[], Found]) -> Found | None:
    """Do something, and return None where it raises an error of ours, which says what, where and what to do."""
    try:
        return action()
    except MegacacheError as error:
        if not str(error):
            raise AssertionError(f"{type(error).__name__} says nothing") from error
        return None


def _check_against_python(content: bytes, pickled: Pickled) -> None:
    """Compare with Python's own unpickler, where the pickle reaches for nothing outside of itself."""
    try:
        loaded = loaded_alone(content)
    except ImportsError as error:
        if not pickled.callables:
            raise AssertionError("what Python would import is not told") from error
        return
    except ReachesOutError:
        return
    except Exception:  # noqa: BLE001  Of damaged bytes Python raises whatever its code comes upon.
        return
    assert not pickled.callables, "what Python does not import is told"
    assert are_alike(pickled.value, loaded), "what is read is not what Python loads"


def _order(artifact: TorchArtifact) -> str:
    return artifact.artifact_type
