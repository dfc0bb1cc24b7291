"""Kernel content: what a bundle keeps of one compiled CPU library; a line that describes it, then its bytes.

Layer: compiler, but needs no torch. Reading a header executes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from megacache.errors import CorruptBundleError

FORMAT = 1
"""The version of this layout, which every header carries."""

_LONGEST_HEADER = 64 * 1024


def encode(header: Mapping[str, Any], library: bytes) -> bytes:
    """Return the content of one kernel.

    Args:
        header: What is known of the library, as plain JSON values. The format and the library's own size and digest
            are added.
        library: The bytes of the shared library.
    """
    complete = {
        **header,
        "format": FORMAT,
        "library_sha256": sha256(library).hexdigest(),
        "library_size_bytes": len(library),
    }
    return json.dumps(complete, sort_keys=True).encode() + b"\n" + library


def header_of(content: bytes) -> dict[str, Any]:
    """Return what the first line says; the library's bytes are not looked at.

    Raises:
        CorruptBundleError: When the content does not begin with a header of this format.
    """
    line, end, _ = content[:_LONGEST_HEADER].partition(b"\n")
    if not end:
        raise _corrupt("it has no header line")
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _corrupt("its header is not JSON") from error
    if not isinstance(header, dict):
        raise _corrupt("its header is not a JSON object")
    if header.get("format") != FORMAT:
        raise _corrupt(f"its format is {header.get('format')!r}, this megacache reads {FORMAT}")
    return header


def library_of(content: bytes) -> bytes:
    """Return the shared library, proven by its size and digest.

    Raises:
        CorruptBundleError: When the header is damaged, or the library is not the one that it describes.
    """
    header = header_of(content)
    library = content[content.index(b"\n") + 1 :]
    if len(library) != header.get("library_size_bytes"):
        raise _corrupt(f"its library has {len(library)} bytes, not {header.get('library_size_bytes')}")
    if sha256(library).hexdigest() != header.get("library_sha256"):
        raise _corrupt("its library does not have its hash")
    return library


def _corrupt(problem: str) -> CorruptBundleError:
    return CorruptBundleError(
        f"this is no intact kernel: {problem}; torch compiles it again, and the next save keeps the new one",
        problems=(problem,),
    )
