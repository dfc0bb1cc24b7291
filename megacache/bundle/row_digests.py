"""Row digests: the number by which a row proves that it is what was written.

Layer: bundle.

Contents prove themselves by their SHA-256. A row that lost one bit would be worse than a lost one: the right content
under a wrong key, or on a system that it was not made for. So each row carries a digest of its table's name and its
values, which every reader checks and every writer sets.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256 as hash_of
from typing import TYPE_CHECKING, Any

from megacache.errors import CorruptBundleError

if TYPE_CHECKING:
    from megacache.bundle.rows import Table

COLUMN = "row_digest"
"""The last column of each table of rows, from format version 2 on."""

FIRST_VERSION = 2
"""The first format version whose rows prove themselves."""

_SIZE_BYTES = 8
_SHOWN_ROWS = 5
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def row_digest(table: str, *values: Any) -> int | None:
    """Return the digest of one row.

    Args:
        table: The table's name.
        values: Its values as SQLite stores them, in the order of the columns, without the digest.

    Returns:
        The first 8 bytes of the SHA-256 of a JSON array of both, as a signed big-endian number; None where a value is
        of a type that no column has.
    """
    try:
        return text_digest(_encode((table, *values)).encode())
    except (TypeError, UnicodeEncodeError):
        return None


def text_digest(text: bytes) -> int:
    """Return the digest of a row that is JSON already.

    Args:
        text: The JSON array, in UTF-8.
    """
    return int.from_bytes(hash_of(text).digest()[:_SIZE_BYTES], "big", signed=True)


def register(connection: sqlite3.Connection) -> None:
    """Teach a connection the two functions that the statements of this file and of `rows` call.

    Args:
        connection: Any; before its first statement.

    Raises:
        sqlite3.Error: When it is closed or busy.
    """
    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    connection.create_function("text_digest", 1, text_digest, deterministic=True)


def has_digests(connection: sqlite3.Connection) -> bool:
    """Say whether the rows of a bundle prove themselves.

    Args:
        connection: A bundle's, in a transaction: another process may upgrade the file before the next one.

    Raises:
        sqlite3.Error: When the file cannot be read.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version) >= FIRST_VERSION


def fill(connection: sqlite3.Connection, table: Table) -> None:
    """Set the digest of every row of a table to that of its values.

    Args:
        connection: A bundle's, in a write transaction.
        table: The table.

    Raises:
        sqlite3.Error: When the bundle cannot be written.
    """
    connection.execute(f'UPDATE "{table.name}" SET {COLUMN} = {table.digest()}')  # noqa: S608  # Our names.


def check(connection: sqlite3.Connection, table: Table, path: str) -> None:
    """Check every row of one table; of format version 1, whose rows prove nothing, none.

    Args:
        connection: A bundle's, in a transaction.
        table: The table.
        path: The bundle, named in messages.

    Raises:
        CorruptBundleError: When rows are not what was written; names the table and their keys.
        sqlite3.Error: When the file cannot be read.
    """
    if not has_digests(connection) or _are_proven(connection, table):
        return
    found = [*damaged(connection, table)]
    if found:
        raise error_of(table, found, path)


def damaged(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """Find the rows that are not what was written.

    Args:
        connection: A bundle's of format version 2, in a transaction.
        table: The table.

    Yields:
        Their values as stored, without the digest; a text that is no UTF-8 shows where it is none.

    Raises:
        sqlite3.Error: When the file cannot be read.
    """
    with _tolerant(connection):
        found = connection.execute(f'SELECT {table.listed}, {COLUMN} FROM "{table.name}"').fetchall()  # noqa: S608
    yield from (
        tuple(values) for *values, digest in found if digest is None or row_digest(table.name, *values) != digest
    )


def error_of(table: Table, found: Sequence[tuple[Any, ...]], path: str) -> CorruptBundleError:
    """Return the error that says which rows are not what was written.

    Args:
        table: Their table.
        found: Their values as stored, at least one.
        path: The bundle, named in the message.
    """
    keys = (", ".join(str(value) for value in row[: len(table.key)]) for row in found)
    problems = tuple(f"row {key} of {table.name} is not what was written" for key in keys)
    more = f" and {len(problems) - _SHOWN_ROWS} more" if len(problems) > _SHOWN_ROWS else ""
    message = f"{path} is damaged: {'; '.join(problems[:_SHOWN_ROWS])}{more}"
    advice = "take another copy of it, or run `megacache repair`"
    return CorruptBundleError(f"{message}; {advice}", path=path, problems=problems)


def _are_proven(connection: sqlite3.Connection, table: Table) -> bool:
    """Say whether SQLite finds no row that fails, which takes a third of the time that `damaged` takes.

    SQLite's JSON need not be that of `row_digest` in every release of SQLite. So its word counts only when it finds
    nothing; and where it can make no JSON of a row, that one is looked at.
    """
    text = f"CAST(json_array('{table.name}', {table.listed}) AS BLOB)"
    statement = f'SELECT 1 FROM "{table.name}" WHERE {COLUMN} IS NOT text_digest({text}) LIMIT 1'  # noqa: S608
    try:
        return connection.execute(statement).fetchone() is None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return False


@contextmanager
def _tolerant(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts that are no UTF-8, too: they are shown, and never equal to what was written."""
    usual = connection.text_factory
    connection.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
    try:
        yield
    finally:
        connection.text_factory = usual
