"""The commands that read a bundle: ls, show, tree, verify, html, diff.

Layer: faces. All but verify and diff also read what torch itself keeps on disk: its cache directory, and the file or
folder of `CompiledArtifact.save`.
None of them writes to the bundle, runs a pickle or imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from megacache.cli.app import (
    FINDING,
    AsJson,
    BundlePath,
    app,
    fields_of,
    print_json,
    print_lines,
    print_report,
)
from megacache.cli.paths import source, source_option, target_option
from megacache.errors import CorruptBundleError, UsageError

if TYPE_CHECKING:
    from megacache.bundle.cache_dir import CacheDir
    from megacache.bundle.compiled_file import CompiledFile
    from megacache.bundle.listing import Listing
    from megacache.recording import Recorded

OtherPath = Annotated[Path, source("OTHER", "The bundle to compare with.")]
Name = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A compile id (0/0), a function's name, or the first characters of a cache key.",
        show_default=False,
    ),
]
Page = Annotated[
    Path | None,
    target_option(
        "--output",
        "-o",
        metavar="PAGE",
        help_text="The page to write; by default the bundle's name with .html. One that is there is replaced.",
    ),
]
KeepHome = Annotated[bool, typer.Option("--keep-home", help="Leave home directories as they are, instead of ~.")]
KeepEnvironment = Annotated[
    bool, typer.Option("--keep-environment", help="Leave in what texts say of environment variables.")
]

Signed = Annotated[
    bool, typer.Option("--signed", help="Ask also for a signature over just these rows, by a key that you trust.")
]
Keys = Annotated[
    list[Path] | None,
    source_option(
        "--key", metavar="NAME.pub", help_text="A key to trust instead of your list; may be given several times."
    ),
]


def torchs_own(path: Path) -> CompiledFile | CacheDir | None:
    """Read what torch's `CompiledArtifact.save` wrote, or its cache directory.

    Args:
        path: What the user named.

    Returns:
        It, or None where there is something else, or nothing.

    Raises:
        BundleError: When it is damaged; see `errors`.
    """
    from megacache.bundle.file_kind import is_database

    if is_database(path):
        return None
    from megacache.bundle.compiled_file import CompiledFile, is_compiled

    if is_compiled(path):  # first, since it may be a folder with a cache of its own
        return CompiledFile.open(path)
    from megacache.bundle.cache_dir import is_cache_dir, open_cache_dir

    return open_cache_dir(path) if is_cache_dir(path) else None


@contextmanager
def recorded_in(path: Path) -> Iterator[Recorded]:
    """Open a bundle, or what torch itself keeps on disk.

    Args:
        path: What the user named.

    Yields:
        Its recording.

    Raises:
        BundleError: When it is neither, or cannot be read; see `errors`.
    """
    from megacache.bundle import Bundle

    found = torchs_own(path)
    if found is not None:
        yield found
    else:
        with Bundle.open(path) as opened:
            yield opened


def listing_of(found: CompiledFile | CacheDir, path: Path) -> Listing:
    """List what torch itself keeps; apart, since it takes a tenth of a second to import what reads that.

    Args:
        found: What the user named.
        path: Where it is.

    Raises:
        BundleError: When it is damaged; see `errors`.
    """
    from megacache.bundle.cache_dir import CacheDir
    from megacache.bundle.listing import list_recording

    if isinstance(found, CacheDir):
        outline = found.outline()
        return list_recording(path, outline, size_bytes=sum(each.size_bytes for each in outline.artifacts))
    return list_recording(path, found.recording(), size_bytes=len(found.binary()))


@app.command()
def ls(bundle: BundlePath, as_json: AsJson = False) -> None:
    """List sessions and artifacts: type, key, bytes, state, compiles."""
    from megacache.bundle.listing import list_bundle
    from megacache.cli.listing import listing_lines

    found = torchs_own(bundle)
    listing = list_bundle(bundle) if found is None else listing_of(found, bundle)
    if as_json:
        sessions = [each._asdict() for each in listing.sessions]
        artifacts = [each._asdict() for each in listing.artifacts]
        print_json({**fields_of(listing), "sessions": sessions, "artifacts": artifacts})
    else:
        print_lines(*listing_lines(listing))


@app.command()
def show(bundle: BundlePath, name: Name, as_json: AsJson = False) -> None:
    """Show one artifact, compile or function, and what belongs to it."""
    from megacache.cli.cards import card_lines
    from megacache.cli.lookup import find

    with recorded_in(bundle) as opened:
        cards = find(opened.recording(), name)
    if as_json:
        print_json([{"kind": card.kind, **fields_of(card.row), **card.related} for card in cards])
    else:
        print_lines(*(line for card in cards for line in card_lines(card)))


@app.command()
def tree(bundle: BundlePath, as_json: AsJson = False) -> None:
    """Show functions, graph breaks, recompiles, artifacts as a tree.

    It has the resume functions and the backend entries, too.
    """
    with recorded_in(bundle) as opened:
        grown = opened.tree()
    if as_json:
        print_json(grown.root)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(grown)
    else:
        print_lines(str(grown))


@app.command()
def verify(bundle: BundlePath, signed: Signed = False, keys: Keys = None, as_json: AsJson = False) -> None:
    """Check each row and content by its hash; exit with 1 on damage."""
    from megacache.bundle import Bundle

    if keys and not signed:
        raise UsageError("--key says whose signature --signed asks for: give both")
    try:
        with Bundle.open(bundle) as opened:
            report = opened.verify()
    except CorruptBundleError as error:
        if as_json:  # a script finds the same keys, however damaged the file is
            problems = error.problems or (str(error),)
            print_json({"path": bundle, "is_ok": False, "problems": problems, "size_bytes": bundle.stat().st_size})
        raise
    if not signed:
        print_report(report, as_json=as_json)
        is_ok = report.is_ok
    else:
        from megacache.trust.keys import PublicKey
        from megacache.trust.signing import signed_report
        from megacache.trust.trusted_keys import trusted_keys

        found = signed_report(bundle, [PublicKey.read(each) for each in keys] if keys else trusted_keys())
        if as_json:
            print_json({**fields_of(report), **fields_of(found)})
        else:
            print_lines(str(report), str(found))
        is_ok = report.is_ok and found.is_signed
    if not is_ok:
        raise typer.Exit(FINDING)


@app.command()
def html(
    bundle: BundlePath,
    output: Page = None,
    keep_home: KeepHome = False,
    keep_environment: KeepEnvironment = False,
    as_json: AsJson = False,
) -> None:
    """Write the explorer: one HTML page, with no kernel or network."""
    page = output or bundle.with_suffix(".html")
    with recorded_in(bundle) as opened:
        size_bytes = opened.export_html(page, keeps_home=keep_home, keeps_environment=keep_environment)
    if as_json:
        print_json({"path": page, "size_bytes": size_bytes})
    else:
        print_lines(f"wrote {page}")


@app.command()
def diff(bundle: BundlePath, other: OtherPath, as_json: AsJson = False) -> None:
    """Compare two bundles; exit with 1 if they differ.

    It tells artifacts, system and config that differ, and why keys do.
    """
    from megacache.bundle.compare import diff as compare

    found = compare(bundle, other)
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(str(found))
    if found.has_findings:
        raise typer.Exit(FINDING)
