"""The commands that write: merge, repair and compact bundles, import from torch and export to its own container.

Layer: faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from megacache.cli.app import (
    FINDING,
    AsJson,
    BundlePath,
    app,
    print_json,
    print_lines,
    print_report,
    read_file,
    write_file,
)
from megacache.cli.paths import source, source_option, target_option
from megacache.errors import CorruptBundleError, NotABundleError, UsageError
from megacache.views.units import count, format_bytes

Target = Annotated[
    Path,
    source("INTO", "The bundle that grows; it is made if it is not there."),
]
NewBundle = Annotated[Path, source("OUT", "The new bundle; nothing may be there yet.")]
Sources = Annotated[list[Path], source("FROM...", "Bundles to take from.")]
Foreign = Annotated[
    list[Path],
    source(
        "FROM... [BUNDLE]",
        "A file of save_cache_artifacts(), logs of TORCH_TRACE, or compiled artifacts; then the bundle.",
    ),
]
OutputOrLast = Annotated[
    Path | None,
    source_option("--output", "-o", metavar="BUNDLE", help_text="The bundle, instead of the last argument."),
]
Output = Annotated[
    Path,
    target_option(
        "--output", "-o", metavar="FILE", help_text="The file to write; one that is there is replaced, but no bundle."
    ),
]


@app.command()
def merge(into: Target, sources: Sources, as_json: AsJson = False) -> None:
    """Add all that other bundles hold; nothing is replaced or lost."""
    from megacache.bundle import merge as unite

    print_report(unite(sources, into), as_json=as_json)
    print_doubts(sources, into)


@app.command()
def repair(bundle: BundlePath, into: NewBundle, as_json: AsJson = False) -> None:
    """Write a new bundle of all that is whole in a damaged one.

    Exit with 1 if it was damaged; it is not changed.
    """
    from megacache.bundle import Bundle

    report = Bundle.repair(bundle, into)
    print_report(report, as_json=as_json)
    print_doubts([bundle], into)
    if not report.is_whole:
        raise typer.Exit(FINDING)


@app.command()
def compact(bundle: BundlePath, as_json: AsJson = False) -> None:
    """Give unused space back; nothing is lost.

    Small packs are written anew as large ones.
    """
    from megacache.bundle import Bundle

    with Bundle.open(bundle) as opened:
        report = opened.compact()
    print_report(report, as_json=as_json)


@app.command(name="import")
def import_(files: Foreign, output: OutputOrLast = None, as_json: AsJson = False) -> None:
    """Make a bundle of what torch wrote; runs no pickle.

    Torch's cache artifacts, its cache directory, its trace logs, or compiled artifacts.
    """
    from megacache.bundle import Bundle, SaveReport
    from megacache.bundle.cache_dir import import_cache_dir, is_cache_dir
    from megacache.bundle.compiled_file import CompiledFile, is_compiled
    from megacache.bundle.compiled_rows import rows_of
    from megacache.traces import import_trace, is_trace

    *sources, bundle = files if output is None else [*files, output]
    if not sources:
        raise UsageError(f"where to? name the bundle too: megacache import {bundle} OUT.megacache")
    others = [each for each in sources if not is_trace(each)]
    if all(map(is_compiled, sources)):  # first, since any folder may hold logs
        with Bundle.open_or_create(bundle) as made:
            report = SaveReport.of([made.append(*rows_of(CompiledFile.open(each))) for each in sources])
        print_report(report, as_json=as_json)
    elif len(sources) == 1 and is_cache_dir(sources[0]):
        print_report(import_cache_dir(sources[0], bundle), as_json=as_json)
    elif not others:
        print_report(import_trace(sources, bundle), as_json=as_json)
    elif len(sources) == 1:
        import_artifacts(sources[0], bundle, as_json=as_json)
    else:
        named = ", ".join(map(str, others))
        raise UsageError(
            f"only logs of TORCH_TRACE and compiled artifacts may be several, and {named} is none: import it by itself"
        )
    print_doubts(sources, bundle)


@app.command()
def export(
    bundle: BundlePath,
    output: Output,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this artifact type; may be given several times."),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY", help="Only this whole cache key; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a file for plain torch.compiler.load_cache_artifacts()."""
    from megacache.bundle import Bundle

    with Bundle.open(bundle) as opened:
        content = opened.to_torch(types=types, keys=keys)
    write_file(output, content)
    if as_json:
        print_json({"path": output, "size_bytes": len(content)})
    else:
        print_lines(f"wrote {output}: {format_bytes(len(content))}")


def print_doubts(sources: list[Path], into: Path) -> None:
    """Say on stderr which sources may be somebody else's, since what is taken from them becomes the user's own.

    Args:
        sources: What was taken from.
        into: The bundle that has it now.

    Raises:
        BundleError: When a source cannot be looked at any more.
    """
    from megacache.bundle.connection import translated
    from megacache.trust.doubts import doubts

    for each in sources:
        with translated(each):
            found = doubts(each)
        if found:
            why = "; ".join(found)
            typer.echo(f"megacache: of {each}, {why}: what {into} has from it is loaded as your own now", err=True)


def import_artifacts(file: Path, output: Path, *, as_json: bool) -> None:
    """Make a bundle of torch's cache artifacts.

    Args:
        file: What the user named.
        output: The bundle.
        as_json: Whether to print JSON.

    Raises:
        UsageError: When the file is something else.
        CorruptBundleError: When it is damaged.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    from megacache.bundle import Bundle
    from megacache.bundle.file_kind import is_database

    if is_database(file):
        raise UsageError(f"{file} is a bundle already: add it with megacache merge {output} {file}")
    try:
        made = Bundle.from_torch(read_file(file), output)
    except NotABundleError as error:
        if error.path:  # it is the bundle that is none
            raise
        message = (
            f"{file} is neither torch's cache artifacts nor a log of TORCH_TRACE: name what "
            "torch.compiler.save_cache_artifacts(), CompiledArtifact.save or TORCH_TRACE wrote"
        )
        raise UsageError(message) from error
    except CorruptBundleError as error:
        if error.path:
            raise
        raise CorruptBundleError(f"{file}: {error}", path=str(file), problems=error.problems) from error
    with made:
        artifact_count, size_bytes = len(made.recording().artifacts), made.size_bytes
    if as_json:
        print_json({"path": output, "artifact_count": artifact_count, "size_bytes": size_bytes})
    else:
        print_lines(f"wrote {output}: {count(artifact_count, 'artifact')}, {format_bytes(size_bytes)}")
