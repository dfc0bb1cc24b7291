"""Schema: make the tables of an empty bundle or an older one, and check that a file has what its version promises.

Layer: bundle.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from megacache.bundle import row_digests, rows
from megacache.bundle.rows import TABLES
from megacache.errors import CorruptBundleError, NotABundleError, UnsupportedVersionError
from megacache.recording import no_content

APPLICATION_ID = 0x6D676361
"""`mgca`, in SQLite's header: what tells a bundle from any other SQLite file."""

FORMAT_VERSION = 2
"""The version that we write, in SQLite's header as `user_version`."""

_FIRST_COLUMNS: dict[str, tuple[str, ...]] = {
    **{table.name: tuple(column.name for column in table.columns) for table in TABLES},
    "blob": ("sha256", "size_bytes"),
    "blob_part": ("sha256", "part", "pack_id", "offset", "size_bytes"),
    "pack": ("pack_id", "raw_size_bytes", "sha256", "frame"),
}
_COLUMNS: dict[str, tuple[str, ...]] = {
    **_FIRST_COLUMNS,
    **{table.name: (*_FIRST_COLUMNS[table.name], row_digests.COLUMN) for table in TABLES},
    "signature": ("public_key", "signer", "signed_us", "rows_sha256", "signature"),
}
"""What a bundle has; of version 1 it is `_FIRST_COLUMNS`."""

Schema = tuple[Any, ...]
_sound_schemas: set[Schema] = set()
"""Versions with the texts of schemas that have all they should. To ask SQLite for every column takes longer than the
rest of opening a bundle, and nearly all bundles have the same text."""

_MOST_REMEMBERED = 8


def create(connection: sqlite3.Connection) -> None:
    """Make the tables and mark the file as ours, inside the caller's transaction.

    Args:
        connection: An empty file's, in a write transaction.

    Raises:
        sqlite3.Error: When the file cannot be written.
    """
    for statement in _statements():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Make a bundle of version 1 one of version 2, inside the caller's transaction; leave one of version 2 alone.

    Rows of version 1 prove nothing. Their digests would seal whatever is wrong with them, so a file that is visibly
    damaged is left as it is.

    Args:
        connection: A bundle's that passed `check`, in a write transaction.
        path: The file, named in messages.

    Raises:
        CorruptBundleError: When SQLite or a row's types tell that it is damaged; then nothing was changed.
        sqlite3.Error: When the file cannot be written.
    """
    if row_digests.has_digests(connection):
        return
    check_structure(connection, path)
    rows.read(connection, no_content, str(path))
    for table in TABLES:
        connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {row_digests.COLUMN} INTEGER')
        row_digests.fill(connection, table)
    connection.execute(next(each for each in _statements() if "CREATE TABLE signature" in each))
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def check(connection: sqlite3.Connection, path: Path) -> int:
    """Check, without reading any row, that a file is a bundle which this version can read.

    Args:
        connection: The file's, in a transaction.
        path: The file, named in messages.

    Returns:
        Its format version.

    Raises:
        NotABundleError: When it is another kind of file.
        UnsupportedVersionError: When a newer megacache wrote it.
        CorruptBundleError: When it is truncated, lacks a table or column, or holds what no bundle has.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise NotABundleError(f"{path} is not a megacache bundle: name a *.megacache file", path=str(path))
    if version > FORMAT_VERSION:
        message = f"{path} has format version {version}, this megacache reads up to {FORMAT_VERSION}: upgrade megacache"
        raise UnsupportedVersionError(message, path=str(path), version=version)
    problems = _problems(connection, version) if version >= 1 else (f"it says format version {version}",)
    if problems:
        message = f"{path} is damaged: {'; '.join(problems)}; take another copy of it, or run `megacache repair`"
        raise CorruptBundleError(message, path=str(path), problems=problems)
    return int(version)


def check_structure(connection: sqlite3.Connection, path: Path, *, with_indexes: bool = False) -> None:
    """Have SQLite look through the whole file.

    Args:
        connection: The file's, in a transaction.
        path: The file, named in messages.
        with_indexes: Compare each index with its table, too.

    Raises:
        CorruptBundleError: When it finds damage.
        sqlite3.Error: When the file cannot be read.
    """
    (finding,) = connection.execute(f"PRAGMA {'integrity' if with_indexes else 'quick'}_check(1)").fetchone()
    if finding != "ok":
        message = f"{path} is damaged ({finding}): take another copy of it, or run `megacache repair`"
        raise CorruptBundleError(message, path=str(path), problems=(str(finding),))


def _statements() -> list[str]:
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).split(";")


def _problems(connection: sqlite3.Connection, version: int) -> tuple[str, ...]:
    """Say what the schema lacks and what it should not have; the size tells a file that lost its end."""
    # As bytes: the name of a directory need not be UTF-8.
    (file,) = connection.execute("SELECT CAST(file AS BLOB) FROM pragma_database_list").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    (page_count,) = connection.execute("PRAGMA page_count").fetchone()
    if Path(os.fsdecode(file)).stat().st_size < page_size * page_count:
        return (f"it ends before its {page_size * page_count} bytes",)
    (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal_mode == "wal":
        return ("it is in WAL mode, which no bundle is",)
    schema = (version, *connection.execute("SELECT type, name, rootpage > 0, CAST(sql AS BLOB) FROM sqlite_schema"))
    if schema in _sound_schemas:
        return ()
    problems = (*_strange(schema[1:]), *_lacking(connection, version))
    if not problems:
        _remember(schema)
    return problems


def _remember(schema: Schema) -> None:
    if len(_sound_schemas) == _MOST_REMEMBERED:
        _sound_schemas.clear()
    _sound_schemas.add(schema)


def _strange(entries: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    for kind, name, has_page, _ in entries:
        if kind not in ("table", "index"):
            yield f"it has a {kind} {name!r}"
        elif kind == "table" and not has_page:
            yield f"it has a virtual table {name!r}"


def _lacking(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    found = connection.execute(
        "SELECT entry.name, column.name FROM sqlite_schema AS entry, pragma_table_info(entry.name) AS column "
        "WHERE entry.type = 'table'"
    )
    columns: dict[str, set[str]] = {}
    for table, column in found:
        columns.setdefault(table, set()).add(column)
    expected = _COLUMNS if version >= row_digests.FIRST_VERSION else _FIRST_COLUMNS
    for table, names in expected.items():
        if table not in columns:
            yield f"table {table!r} is missing"
        else:
            yield from (f"column {table}.{name} is missing" for name in names if name not in columns[table])
