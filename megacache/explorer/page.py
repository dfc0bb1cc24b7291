"""Page: the explorer as one HTML file, which needs no kernel and no network.

Trees and parts lie in it compressed, as base64, so that nothing that was captured can end a script element. Parts are
sorted by name and cut into shards; the page unpacks a shard when a part of it is asked for.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import cast

from megacache.bundle import plain_file
from megacache.errors import ArtifactNotFoundError
from megacache.explorer import wire
from megacache.explorer.discretion import Discretion
from megacache.explorer.front_end import built, styles
from megacache.explorer.parts import Parts
from megacache.explorer.shapes import TextPart
from megacache.explorer.snapshot import GROUPINGS, Snapshot
from megacache.explorer.sources import source_of
from megacache.recording import Recorded

SHARD_BYTES = 256_000
"""How much JSON a shard holds, about; a single larger part has a shard of its own."""

TEXT_LIMIT_BYTES = 200_000
"""What the page holds of one text."""

PAGE_TEXT_LIMIT_BYTES = 20_000_000
"""What the page holds of all texts, so that it stays a file that can be mailed."""

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def export_html(
    recorded: Recorded, path: str | os.PathLike[str], *, keeps_home: bool = False, keeps_environment: bool = False
) -> int:
    """Write a page and return its size in bytes; see `Recorded.export_html`."""
    # Its own rows, not the source's: a process that captured nothing is shown empty, but makes no page.
    snapshot = Snapshot(recorded.recording(), source_of(recorded).about)
    return write(path, snapshot, Discretion(keeps_home=keeps_home, keeps_environment=keeps_environment))


def write(path: str | os.PathLike[str], snapshot: Snapshot, discretion: Discretion) -> int:
    """Write a page into a file and return its size in bytes; see `page`."""
    content = page(snapshot, discretion)
    plain_file.write(Path(path), content)
    return len(content)


def page(snapshot: Snapshot, discretion: Discretion, progress: Callable[[int, int], None] | None = None) -> bytes:
    """Return the whole page.

    Args:
        snapshot: What it shows; the bundle it belongs to and whether it captures are left out.
        discretion: What is not told.
        progress: Told how many parts are done.

    Raises:
        FrontEndError: When the front end was not built.
        BundleError: When a content of the recording is damaged.
    """
    script = built("page.js").read_text(encoding="utf-8")
    title = escape(discretion.text(snapshot.about.title))
    with snapshot.recording.held():
        elements = (
            *(_tree(snapshot, discretion, grouping) for grouping in GROUPINGS),
            *(_shard(first, shard) for first, shard in _shards(_parts(snapshot, discretion, progress))),
        )
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title} · megacache</title><style>{_closed(styles(), 'style')}</style></head>",
            f'<body><div id="megacache"></div>{"".join(elements)}',
            f'<script type="module">{_closed(script, "script")}</script></body></html>\n',
        )
    ).encode()


def _tree(snapshot: Snapshot, discretion: Discretion, grouping: str) -> str:
    head = discretion.applied(snapshot.head)
    head |= {"bundle": None, "isLive": False}
    content = wire.encode(snapshot.lines(grouping), head, discretion.text)
    return f'<script type="text/plain" id="megacache-tree" data-grouping="{grouping}">{_base64(content)}</script>'


def _parts(
    snapshot: Snapshot, discretion: Discretion, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[str, str]]:
    """Yield the name and the JSON of every part, by name; a part whose content is not at hand is left out."""
    parts = Parts(snapshot.index, snapshot.function_lines, snapshot.stack_lines, TEXT_LIMIT_BYTES)
    names = sorted(parts.names(), key=_as_javascript_sorts)
    left_bytes = PAGE_TEXT_LIMIT_BYTES
    for done, (kind, name) in enumerate(names):
        if progress is not None:
            progress(done, len(names))
        try:
            part = parts.part(kind, name)
        except ArtifactNotFoundError:
            continue
        if kind == "text":
            part = _within(cast("TextPart", part), left_bytes)
            left_bytes -= _size(part)
        yield f"{kind}:{name}", json.dumps(discretion.applied(part), separators=(",", ":"), ensure_ascii=False)


def _as_javascript_sorts(name: tuple[str, str]) -> bytes:
    """Return what names are compared by: the page finds a shard by the order that JavaScript gives to texts."""
    return ":".join(name).encode("utf-16-be", "surrogatepass")


def _within(part: TextPart, left_bytes: int) -> TextPart:
    """Return a text, or how long it is where the page has no room left for it."""
    size_bytes = _size(part)
    if size_bytes <= left_bytes:
        return part
    return TextPart(text="", language=part["language"], leftOutBytes=part["leftOutBytes"] + size_bytes)


def _size(part: TextPart) -> int:
    return len(part["text"].encode("utf-8", "replace"))


def _shards(parts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield shards, each with the name of its first part."""
    members: list[str] = []
    first, size = "", 0
    for name, content in parts:
        if members and size + len(content) > SHARD_BYTES:
            yield first, "{" + ",".join(members) + "}"
            members, size = [], 0
        first = first if members else name
        members.append(f"{json.dumps(name)}:{content}")
        size += len(content)
    if members:
        yield first, "{" + ",".join(members) + "}"


def _shard(first: str, content: str) -> str:
    packed = _base64(gzip.compress(content.encode("utf-8", "replace"), compresslevel=6, mtime=0))
    name = escape(first, quote=True)
    return f'<script type="text/plain" class="megacache-shard" data-first="{name}">{packed}</script>'


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")


def _closed(source: str, element: str) -> str:
    """Return our own script or style, in which nothing ends the element that holds it."""
    return re.sub(rf"<(?=/{element}|!--)", r"\\x3c" if element == "script" else r"\\3c ", source, flags=re.IGNORECASE)
