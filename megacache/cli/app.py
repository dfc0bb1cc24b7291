"""The typer application: how commands are found, how they print, and how they end.

Layer: faces.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from megacache import __version__
from megacache.bundle import plain_file
from megacache.cli.paths import source
from megacache.errors import CorruptBundleError, MegacacheError, UsageError

FINDING = 1
WRONG_INPUT = 2

# As one meets them: to look, to check, to carry, to trust, and last what gives space back or removes.
ORDER = (
    *("ls", "show", "tree", "html", "diff", "verify", "repair", "merge", "import", "export"),
    *("keygen", "sign", "trust", "compact", "prune"),
)


class Commands(TyperGroup):
    """The commands as one group, which turns each error of ours into one message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands as the help shows them.

        Args:
            ctx: The context that typer made from the command line.
        """
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run one command.

        Args:
            ctx: The context that typer made from the command line.

        Returns:
            What the command returned.

        Raises:
            typer.Exit: With 1 for a damaged bundle, with 2 for every other error of ours.
        """
        with errors_told():
            return super().invoke(ctx)

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Read the options before the command, of which `--version` prints.

        Args:
            *arguments: What typer gives.
            **more: The same.

        Returns:
            The context.

        Raises:
            typer.Exit: As `invoke` does.
        """
        with errors_told():
            return super().make_context(*arguments, **more)


@contextmanager
def errors_told() -> Iterator[None]:
    """Print an error of ours as one message on stderr.

    Yields:
        Nothing.

    Raises:
        typer.Exit: With 1 for a damaged bundle, with 2 for every other error of ours.
    """
    try:
        yield
    except MegacacheError as error:
        typer.echo(f"megacache: {error}", err=True)
        is_finding = isinstance(error, CorruptBundleError)
        raise typer.Exit(FINDING if is_finding else WRONG_INPUT) from error


# Rich would cost as much to import as everything else together.
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BundlePath = Annotated[Path, source("BUNDLE", "A bundle file, *.megacache.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def print_version(is_asked_for: bool) -> None:
    """Print the version and end.

    Args:
        is_asked_for: Whether `--version` was given.

    Raises:
        typer.Exit: When it was.
    """
    if is_asked_for:
        print_lines(f"megacache {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
]


@app.callback()
def megacache(version: Version = False) -> None:
    """See, check and carry the caches of torch.compile that a bundle holds."""


def main() -> None:
    """Run the `megacache` command and exit with its code."""
    app(prog_name="megacache")


def print_lines(*lines: str) -> None:
    """Print lines in one write, which 10,000 of them need to be quick.

    Args:
        *lines: Lines without their line ends.

    Raises:
        BrokenPipeError: When nobody reads any more.
        UsageError: When they cannot be written.
    """
    if sys.stdout is None:  # closed by whoever wants to read nothing, as `print` takes it
        return
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()  # here, where what goes wrong can still be told
    except BrokenPipeError:
        raise  # the reader has enough, and typer ends without a word
    except OSError as error:
        _discard_output()
        raise UsageError(f"cannot print: {error.strerror}; send the output elsewhere, or free some room") from error


def _discard_output() -> None:
    """Point the standard output nowhere, or Python would fail once more when it ends, and say so."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_json(document: object) -> None:
    """Print one JSON document; rows become objects with the field names of the model.

    Args:
        document: Anything made of rows, mappings, sequences, paths and plain values.
    """
    print_lines(json.dumps(document, indent=2, ensure_ascii=False, default=plain))


def print_report(report: object, *, as_json: bool) -> None:
    """Print a report of the bundle room: its own line for people, or its fields.

    Args:
        report: A report.
        as_json: Whether to print JSON.
    """
    if as_json:
        print_json(report)
    else:
        print_lines(str(report))


def plain(value: object) -> object:
    """Return a row, mapping, path or collection as what JSON knows.

    Args:
        value: What `json` could not encode by itself.

    Returns:
        A dict, list or string.

    Raises:
        TypeError: When the value is none of these.
    """
    if is_dataclass(value):
        return fields_of(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def fields_of(row: Any) -> dict[str, object]:
    """Return a row's fields by name, as they are.

    Args:
        row: One row of the model.

    Returns:
        The values in the model's order.
    """
    return {field.name: getattr(row, field.name) for field in fields(row)}


def write_file(path: Path, content: bytes) -> None:
    """Write what the user asked for to the place that the user named.

    Args:
        path: The file to write; an existing one is replaced.
        content: The whole content.

    Raises:
        BundleNotWritableError: When the place cannot be written, or a bundle would be lost.
    """
    plain_file.write(path, content)


def read_file(path: Path) -> bytes:
    """Read a file that the user named.

    Args:
        path: The file to read.

    Returns:
        Its whole content.

    Raises:
        UsageError: When it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from error
