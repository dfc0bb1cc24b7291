"""Mutations: changes that keep enough of the form of an input to get past its checksums.

Byte for byte nothing would: torch's container has a checksum, a bundle has digests of contents and pages of SQLite's.
"""

from __future__ import annotations

import json
import pickletools
from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from fuzz.memory import folder_in_memory
from reliability.digests import digests_of

from megacache.bundle import Bundle
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.errors import MegacacheError
from megacache.model import ARTIFACT_TYPES
from megacache.recording import Recording

Bytes = Callable[[bytes], bytes]
"""Changes some bytes as the fuzzer likes to."""

Mutation = Callable[[bytes, Random, Bytes], bytes]

PAGE_SIZES = (512, 1024, 2048, 4096)
_LONGEST_PIECES = 20_000

STRANGE_TEXTS = (
    "",
    "\0",
    "é",
    "{}",
    "[[1]]",
    '{"columns": {"x": [1]}}',
    "x" * 5000,
    "0/0",
    "[bold]x[/]",
    "../..",
)
STRANGE_NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, -(2**63))

_folder = folder_in_memory()


def mutated_pickle(content: bytes, random: Random, change: Bytes) -> bytes:
    """Change bytes anywhere, or move, copy and drop whole opcodes."""
    if random.random() < 0.4:
        return change(content)
    pieces = _opcodes(content)
    if len(pieces) < 2:
        return change(content)
    for _ in range(random.randint(1, 4)):
        at, other = random.randrange(len(pieces)), random.randrange(len(pieces))
        length = random.choice((1, 1, 2, 5, 20))
        kind = random.randrange(5)
        if kind == 0:
            del pieces[at : at + length]
        elif kind == 1:
            pieces[at:at] = pieces[other : other + length]
        elif kind == 2:
            pieces[at : at + length] = pieces[other : other + length]
        elif kind == 3:
            pieces[at] = change(pieces[at])
        else:
            pieces.insert(at, random.choice(_OPCODES))
        if not pieces:
            break
    return b"".join(pieces)


def mutated_container(data: bytes, random: Random, change: Bytes) -> bytes:
    """Change the contents and names of artifacts, or bytes between, and mend the checksum."""
    way = random.random()
    try:
        artifacts = read_artifacts(data) if way < 0.75 else []
    except MegacacheError:
        artifacts = []
    if artifacts:
        at = random.randrange(len(artifacts))
        artifacts[at] = _mutated_artifact(artifacts[at], random, change)
        if random.random() < 0.1:
            artifacts.insert(random.randrange(len(artifacts) + 1), random.choice(artifacts))
        return write_artifacts(artifacts)
    if way > 0.95:
        return change(data)
    body = change(data[4:])
    return crc32(body).to_bytes(4) + body


def mutated_bundle(data: bytes, random: Random, change: Bytes) -> bytes:
    """Change a page, or read the bundle, change a row or a content, and write it as an honest writer would."""
    if random.random() < 0.5:
        return _mutated_page(data, random)
    path = Path(_folder.name) / "mutated.megacache"
    path.write_bytes(data)
    try:
        with Bundle.open(path) as bundle:
            recording = bundle.recording()
            contents = {digest: bundle.read(digest) for digest in digests_of(recording)}
        path.unlink()
        if random.random() < 0.5:
            recording, contents = _mutated_content(recording, contents, random, change)
        else:
            recording = _mutated_row(recording, random)
        with Bundle.create(path) as bundle:
            bundle.append(recording, contents)
        return path.read_bytes()
    except MegacacheError:
        return _mutated_page(data, random)
    finally:
        path.unlink(missing_ok=True)


MUTATIONS: dict[str, Mutation] = {
    "pickle": mutated_pickle,
    "container": mutated_container,
    "bundle": mutated_bundle,
}
"""The mutation of each target."""


_OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


def _opcodes(content: bytes) -> list[bytes]:
    """Cut a pickle into its opcodes; what cannot be cut is one piece."""
    starts: list[int] = []
    try:
        for _, _, position in pickletools.genops(content):
            starts.append(position or 0)
            if len(starts) > _LONGEST_PIECES:
                break
    except Exception:  # noqa: BLE001, S110  A damaged pickle is cut as far as it goes; whatever stops Python stops here.
        pass
    ends = [*starts[1:], len(content)]
    return [content[start:end] for start, end in zip(starts, ends, strict=True)] if starts else [content]


def _mutated_artifact(artifact: TorchArtifact, random: Random, change: Bytes) -> TorchArtifact:
    if random.random() < 0.1:
        return replace(artifact, artifact_type=random.choice((*ARTIFACT_TYPES, "kernel", "")))
    if random.random() < 0.1:
        return replace(artifact, cache_key=random.choice(STRANGE_TEXTS).encode("utf-8", "replace").decode())
    return replace(artifact, content=mutated_pickle(artifact.content, random, change))


def _mutated_page(data: bytes, random: Random) -> bytes:
    """Change bytes of one page where they are, put another page in its place, or cut the file."""
    size = random.choice(PAGE_SIZES)
    changed = bytearray(data)
    if len(changed) <= size:
        return bytes(changed[: random.randrange(len(changed) + 1)])
    count = len(changed) // size
    start = random.randrange(count) * size
    for _ in range(random.randint(1, 3)):
        kind = random.randrange(6)
        at = start + (random.randrange(size) if kind > 1 else random.randrange(40))
        if kind == 5:
            other = random.randrange(count) * size
            changed[start : start + size] = changed[other : other + size]
        elif kind == 4:
            del changed[random.randrange(len(changed)) :]
            break
        elif kind == 3:
            changed[at : at + 4] = random.randrange(count + 2).to_bytes(4)
        elif at < len(changed):
            changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256), changed[at] ^ 1))
    return bytes(changed)


def _mutated_row(recording: Recording, random: Random) -> Recording:
    """Give one field of one row another value: a strange one, or that of another row."""
    names = [each.name for each in fields(recording) if isinstance(getattr(recording, each.name), tuple)]
    names = [name for name in names if getattr(recording, name)]
    if not names:
        return recording
    name = random.choice(names)
    rows = list(getattr(recording, name))
    at = random.randrange(len(rows))
    field = random.choice(fields(rows[at]))
    rows[at] = replace(rows[at], **{field.name: _other_value(getattr(rows[at], field.name), rows, field.name, random)})
    return replace(recording, **{name: tuple(rows)})


def _other_value(value: Any, rows: list[Any], name: str, random: Random) -> Any:
    if random.random() < 0.4:
        return getattr(random.choice(rows), name)
    if isinstance(value, tuple):
        return tuple(random.choices(STRANGE_TEXTS, k=random.randrange(4)))
    if isinstance(value, int):
        return random.choice(STRANGE_NUMBERS)
    return random.choice(STRANGE_TEXTS) if isinstance(value, str) else value


def _mutated_content(
    recording: Recording, contents: dict[str, bytes], random: Random, change: Bytes
) -> tuple[Recording, dict[str, bytes]]:
    """Give one document another content: bytes changed anyhow, or one value of its JSON."""
    if not recording.documents:
        return recording, contents
    documents = list(recording.documents)
    at = random.randrange(len(documents))
    old = contents[documents[at].content_sha256]
    new = _mutated_json(old, random) if random.random() < 0.7 else change(old)
    digest = sha256(new).hexdigest()
    documents[at] = replace(documents[at], content_sha256=digest, size_bytes=len(new))
    return replace(recording, documents=tuple(documents)), {**contents, digest: new}


def _mutated_json(content: bytes, random: Random) -> bytes:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return content[: random.randrange(len(content) + 1)]
    place, within = whole, None
    keys: list[Any] = []
    while isinstance(place, (dict, list)) and place and (within is None or random.random() < 0.8):
        within = place
        keys = [random.choice(list(place) if isinstance(place, dict) else range(len(place)))]
        place = place[keys[0]]
    if within is not None:
        within[keys[0]] = random.choice((None, "x", "0/0", "\ud800", -1, 10**30, 1.5, True, [], {}, [[]], {"a": 1}))
        if isinstance(within, dict) and random.random() < 0.1:
            within.pop(keys[0])
    return json.dumps(whole).encode()
