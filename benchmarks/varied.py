"""Varied: real artifacts of torch's, many times over, each copy in other words.

A benchmark of 200 MB needs the artifacts of hundreds of graphs, which take an hour to compile. So a few are compiled,
and copied: in each copy every word and every number of the texts is another one of the same length, the same wherever
it stands, as it is when another graph is compiled. What stays is what artifacts of different graphs have in common: the
structure of the pickles, and what a graph repeats of itself. So a copy compresses no better than what was compiled.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts

LONG_TEXT = 40
"""Shorter texts are names by which a pickle finds its classes, and stay."""

_HEADER_SIZE_BYTES = {"SHORT_BINUNICODE": 2, "BINUNICODE": 5, "BINUNICODE8": 9}
"""What precedes a text in a pickle: the opcode and the length. Source: `pickletools`, Python 3.11."""

_WORD = re.compile(rb"[A-Za-z0-9]+")
_DIGITS = re.compile(rb"[0-9]+")
_HEXADECIMAL = b"0123456789abcdef"
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


def compile_some(file: Path) -> None:
    """Compile the five graphs and the sentence encoder, and write torch's own container of what torch recorded."""
    import torch
    from five_graphs import five_graphs, five_graphs_calls

    from encoder import encoded_batches, load_encoder

    compiled = torch.compile(five_graphs)
    model, tokenizer = load_encoder()
    encoder = torch.compile(model)
    with torch.inference_mode():
        for arguments in five_graphs_calls():
            compiled(*arguments)
        for _, tensors in encoded_batches(tokenizer):
            encoder(**dict(tensors))
    saved = torch.compiler.save_cache_artifacts()
    if saved is None:
        raise RuntimeError("torch saved nothing")
    file.write_bytes(saved[0])


def multiply(source: Path, file: Path, size_bytes: int) -> None:
    """Write a container of as many varied copies as a size asks for.

    Args:
        source: Torch's own container.
        file: Where to write another one.
        size_bytes: The least that its contents are together.
    """
    file.write_bytes(write_artifacts(_copies(read_artifacts(source.read_bytes()), size_bytes)))


def random_like(source: Path, file: Path) -> None:
    """Write a container of as many bytes that nothing compresses, in as many contents: the worst case.

    Args:
        source: Torch's own container.
        file: Where to write another one.
    """
    random = Random(0)  # noqa: S311  no secret
    file.write_bytes(
        # Of this type torch unpickles no content when it is given to its caches.
        write_artifacts(
            TorchArtifact("aot_autograd", each.cache_key, random.randbytes(len(each.content)))
            for each in read_artifacts(source.read_bytes())
        )
    )


def _copies(originals: list[TorchArtifact], size_bytes: int) -> Iterator[TorchArtifact]:
    places = [list(_long_texts(each.content)) for each in originals]
    number = made_bytes = 0
    while made_bytes < size_bytes:
        words = _Words(number)
        for original, texts in zip(originals, places, strict=True):
            content = bytearray(original.content)
            for start, end in texts:
                content[start:end] = words.varied(original.content[start:end])
            made_bytes += len(content)
            key = sha256(f"{number} {original.cache_key}".encode()).hexdigest()
            yield TorchArtifact(original.artifact_type, f"{original.cache_key[:1]}{key[:51]}", bytes(content))
        number += 1


def _long_texts(content: bytes) -> Iterator[tuple[int, int]]:
    for opcode, argument, position in pickletools.genops(content):
        if isinstance(argument, str) and len(argument) >= LONG_TEXT and position is not None:
            start = position + _HEADER_SIZE_BYTES[opcode.name]
            yield start, start + len(argument.encode("utf-8", "surrogatepass"))


class _Words:
    """The words of one copy.

    Args:
        number: The copy's.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._known: dict[bytes, bytes] = {}

    def varied(self, text: bytes) -> bytes:
        """Return a text with every word and number another one of the same length."""
        return _WORD.sub(self._other, text)

    def _other(self, found: re.Match[bytes]) -> bytes:
        word = found.group()
        if word not in self._known:
            self._known[word] = self._made(word)
        return self._known[word]

    def _made(self, word: bytes) -> bytes:
        random = Random(b"%d %s" % (self._number, word))  # noqa: S311  no secret
        if len(word) >= LONG_TEXT:
            return bytes(random.choices(_BASE32 if word.strip(_HEXADECIMAL) else _HEXADECIMAL, k=len(word)))
        if len(word) > 3:
            word = bytes(each if each in b"0123456789" else random.choice(_BASE32[:26]) for each in word)
        return _DIGITS.sub(lambda found: _number_like(found.group(), random), word)


def _number_like(digits: bytes, random: Random) -> bytes:
    """Return another number of as many digits; those of one digit stay, for they tell ranks and kinds."""
    if len(digits) == 1:
        return digits
    return b"%d" % random.randrange(10 ** (len(digits) - 1), 10 ** len(digits))
