"""Rows: the dataclasses of `model` as rows of SQL, and back, each table by the same few functions.

Layer: bundle.

Lists and mappings are JSON text, and NULL when empty, so that one rule keeps a later save from replacing anything by
less: NULL never overwrites a value.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import repeat
from operator import attrgetter
from typing import Any

from megacache.bundle import row_digests
from megacache.errors import CorruptBundleError
from megacache.model import (
    Artifact,
    ArtifactUse,
    BackendEntry,
    Code,
    Compile,
    Dimension,
    Document,
    GraphBreak,
    RecompileReason,
    SessionInfo,
    SystemInfo,
)
from megacache.recording import Recording


@dataclass(frozen=True)
class Column:
    """One field of a row class and its column. `kind` is `TEXT`, `INTEGER`, `LIST` or `MAPPING`."""

    name: str
    kind: str
    is_optional: bool

    def encode(self, value: Any) -> Any:
        """Return a field's value as SQLite stores it."""
        if value is None or self.kind == "INTEGER":
            return value
        text = value if self.kind == "TEXT" else _json(value)
        # UTF-8 has no lone surrogates, which a name of a file may hold.
        return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode("utf-8")

    def decode(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return a column's values as fields.

        Args:
            values: The whole column, as SQLite gave it.

        Returns:
            The fields, in the same order.

        Raises:
            ValueError: When a value is of another type than the column's.
        """
        is_json = self.kind in ("LIST", "MAPPING")
        expected = int if self.kind == "INTEGER" else str
        found = set(map(type, values)) - {expected}
        if self.is_optional or is_json:
            found.discard(type(None))
        if found:
            raise ValueError(f"{' and '.join(sorted(each.__name__ for each in found))} instead of {expected.__name__}")
        if not is_json:
            return values
        # Of many rows most are alike, such as the stack of every compile of one call.
        decoded = {text: _DECODERS[self.kind](text) for text in set(values)}
        return [decoded[text] for text in values]


@dataclass(frozen=True)
class Table:
    """One row class and its table.

    `rows_name` is the attribute of `Recording`; `key` the primary key; `order` the SQL after `FROM table` that sorts
    the rows into the order in which things happened.
    """

    name: str
    rows_name: str
    row_class: type[Any]
    key: tuple[str, ...]
    order: str
    is_kept_as_it_is: bool = False

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the fields."""
        return tuple(_column(each.name, str(each.type)) for each in fields(self.row_class))

    @cached_property
    def listed(self) -> str:
        """The columns as SQL lists them, without the digest."""
        return ", ".join(f'"{self.name}"."{column.name}"' for column in self.columns)

    @cached_property
    def select(self) -> str:
        """The statement that reads every row, in order."""
        return f'SELECT {self.listed} FROM "{self.name}" {self.order}'  # noqa: S608  # All names are ours.

    @cached_property
    def insert(self) -> str:
        """The statement that adds a row; of a row that is there already, it updates what the new one knows."""
        return self._upsert("coalesce(excluded.{0}, {0})")

    @cached_property
    def fill(self) -> str:
        """The statement that adds a row; of a row that is there already, it fills in what is not known yet."""
        return self._upsert("coalesce({0}, excluded.{0})")

    @cached_property
    def find_false(self) -> str:
        """The statement that finds a row which is not what was written, by the columns of the key."""
        keys = " AND ".join(f'"{column.name}" = ?{n}' for n, column in self._numbered if column.name in self.key)
        whole = f"coalesce({row_digests.COLUMN} = {self.digest()}, 0)"
        return f'SELECT {self.listed} FROM "{self.name}" WHERE {keys} AND NOT {whole}'  # noqa: S608  # All names are ours.

    def digest(self, values: Iterable[str] = ()) -> str:
        """Return the SQL that gives the digest of a row.

        Args:
            values: The SQL of each of its values; those of a row of the table when left out.
        """
        listed = ", ".join(values) or ", ".join(f'"{column.name}"' for column in self.columns)
        return f"row_digest('{self.name}', {listed})"

    @property
    def _numbered(self) -> Iterable[tuple[int, Column]]:
        return enumerate(self.columns, 1)

    def _upsert(self, rule: str) -> str:
        names = [f'"{column.name}"' for column in self.columns]
        marks = [f"?{n}" for n, _ in self._numbered]
        into = f'INSERT INTO "{self.name}" ({", ".join(names)}, {row_digests.COLUMN})'
        statement = f"{into} VALUES ({', '.join(marks)}, {self.digest(marks)}) ON CONFLICT DO "
        if self.is_kept_as_it_is:
            return statement + "NOTHING"
        changing = [f'"{column.name}"' for column in self.columns if column.name not in self.key]
        values = {name: rule.format(name) for name in changing}
        if self.name == "session" and values['"status"'].startswith("coalesce(excluded"):
            values['"status"'] = "CASE excluded.status WHEN 'open' THEN status ELSE excluded.status END"
        digest = self.digest(values.get(name, name) for name in names)
        updates = ", ".join(f"{name} = {value}" for name, value in {**values, row_digests.COLUMN: digest}.items())
        # An equal row is left alone, so that its page is not written again.
        return f"{statement}UPDATE SET {updates} WHERE ({', '.join(values.values())}) IS NOT ({', '.join(changing)})"


def write(connection: sqlite3.Connection, recording: Recording, path: str, *, is_newer: bool = True) -> int:
    """Add or update every row of a recording.

    Args:
        connection: A bundle's, in a write transaction.
        recording: The rows.
        path: The bundle, named in messages.
        is_newer: Whether the recording's values replace those in the bundle; otherwise they only fill gaps. NULL never
            replaces a value.

    Returns:
        How many artifacts were new.

    Raises:
        CorruptBundleError: When a row that is there already is not what was written. What it says must not get into the
            new one, and to delete it could destroy others, since SQLite would follow it to the pages that it names.
        sqlite3.Error: When they cannot be written.
    """
    new_artifact_count = 0
    for table in TABLES:
        rows: tuple[Any, ...] = getattr(recording, table.rows_name)
        encoded = [*zip(*(_encoded(column, rows) for column in table.columns), strict=True)]
        _check_old(connection, table, encoded, path)
        cursor = connection.executemany(table.insert if is_newer else table.fill, encoded)
        if table.row_class is Artifact:
            new_artifact_count = max(cursor.rowcount, 0)
    return new_artifact_count


def read(connection: sqlite3.Connection, content: Callable[[str], bytes], path: str) -> Recording:
    """Read every row.

    Args:
        connection: A bundle's, in a transaction.
        content: Reads one content by its digest, for `Recording.read`.
        path: The bundle, named in messages.

    Returns:
        The recording.

    Raises:
        CorruptBundleError: When a value is not of its column's type, or a row is not what was written.
        sqlite3.Error: When the file cannot be read.
    """
    rows: dict[str, Any] = {table.rows_name: read_table(connection, table, path) for table in TABLES}
    return Recording(**rows, read=content)


def read_table(connection: sqlite3.Connection, table: Table, path: str) -> tuple[Any, ...]:
    """Read every row of one table.

    Args:
        connection: A bundle's, in a transaction.
        table: The table.
        path: The bundle, named in messages.

    Returns:
        The rows, in the table's order.

    Raises:
        CorruptBundleError: When a value is not of its column's type, or a row is not what was written.
        sqlite3.Error: When the file cannot be read.
    """
    row_digests.check(connection, table, path)
    found = connection.execute(table.select).fetchall()
    decoded = [
        _decoded(table, column, values, path)
        for column, values in zip(table.columns, zip(*found, strict=True), strict=bool(found))
    ]
    rows = tuple(map(object.__new__, repeat(table.row_class, len(found))))
    for column, values in zip(table.columns, decoded, strict=bool(found)):
        # One slot of all rows at a time: 10,000 rows come to be in a fifth of the time that their constructor takes.
        deque(map(getattr(table.row_class, column.name).__set__, rows, values), maxlen=0)
    return rows


def check(connection: sqlite3.Connection, path: str) -> None:
    """Check that every row of every table is what was written.

    Args:
        connection: A bundle's, in a transaction.
        path: The bundle, named in messages.

    Raises:
        CorruptBundleError: When one is not.
        sqlite3.Error: When the file cannot be read.
    """
    for table in TABLES:
        row_digests.check(connection, table, path)


def delete(connection: sqlite3.Connection, table: Table, old: Iterable[Any], kept: Iterable[Any]) -> None:
    """Delete the rows of one table that are not kept.

    Args:
        connection: A bundle's, in a write transaction.
        table: The table.
        old: All of its rows.
        kept: Those that stay.

    Raises:
        sqlite3.Error: When the bundle cannot be written.
    """
    key_of = attrgetter(*table.key)
    gone = {key_of(row) for row in old} - {key_of(row) for row in kept}
    condition = " AND ".join(f'"{name}" = ?' for name in table.key)
    statement = f'DELETE FROM "{table.name}" WHERE {condition}'  # noqa: S608  # All names are ours.
    connection.executemany(statement, (key if len(table.key) > 1 else (key,) for key in gone))


def _check_old(connection: sqlite3.Connection, table: Table, encoded: Iterable[tuple[Any, ...]], path: str) -> None:
    """Refuse to write over a row that is not what was written."""
    if connection.execute(f'SELECT 1 FROM "{table.name}" LIMIT 1').fetchone() is None:  # noqa: S608  # Our name.
        return
    for row in encoded:
        false = connection.execute(table.find_false, row[: len(table.key)]).fetchone()
        if false is not None:
            raise row_digests.error_of(table, [false], path)


def _encoded(column: Column, rows: Iterable[Any]) -> list[Any]:
    return [column.encode(getattr(row, column.name)) for row in rows]


def _decoded(table: Table, column: Column, values: Sequence[Any], path: str) -> Sequence[Any]:
    try:
        return column.decode(values)
    except (ValueError, RecursionError) as error:
        problem = f"column {table.name}.{column.name} holds {error}"
        message = f"{path} is damaged: {problem}; take another copy of it, or run `megacache repair`"
        raise CorruptBundleError(message, path=path, problems=(problem,)) from error


def _json(value: Mapping[str, str] | Sequence[str]) -> str | None:
    plain = dict(value) if isinstance(value, Mapping) else list(value)
    return json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False) if plain else None


def _list(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    value = json.loads(text)
    if type(value) is not list or not all(type(each) is str for each in value):
        raise ValueError("JSON that is no list of strings")
    _check_surrogates(text, value)
    return tuple(value)


def _mapping(text: str | None) -> Mapping[str, str]:
    if text is None:
        return {}
    value = json.loads(text)
    if type(value) is not dict or not all(type(each) is str for each in value.values()):
        raise ValueError("JSON that is no mapping of strings")
    _check_surrogates(text, (*value, *value.values()))
    return value


def _check_surrogates(text: str, told: Iterable[str]) -> None:
    """Refuse strings that are no text: JSON can hold half a pair of surrogates, by an escape alone."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        " ".join(told).encode()
    except UnicodeEncodeError:
        raise ValueError("JSON with a lone surrogate") from None


_DECODERS: dict[str, Callable[[str | None], object]] = {"LIST": _list, "MAPPING": _mapping}


def _column(name: str, annotation: str) -> Column:
    base = annotation.removesuffix(" | None").partition("[")[0]
    kind = {"str": "TEXT", "State": "TEXT", "int": "INTEGER", "tuple": "LIST", "Mapping": "MAPPING"}[base]
    return Column(name, kind, is_optional=annotation.endswith("| None"))


_OF_COMPILE = "LEFT JOIN compile AS its USING (run_id, compile_id) ORDER BY its.started_us, run_id, compile_id"
_OF_SESSION = "LEFT JOIN session AS its USING (session_id) ORDER BY its.started_us, session_id, ordinal"

TABLES = (
    Table(
        "system_info",
        "systems",
        SystemInfo,
        ("system_id",),
        "LEFT JOIN (SELECT system_id, min(started_us) AS first_us FROM session GROUP BY system_id) USING (system_id) "
        "ORDER BY first_us IS NULL, first_us, system_id",
    ),
    Table("session", "sessions", SessionInfo, ("session_id",), "ORDER BY started_us, session_id"),
    Table(
        "code",
        "codes",
        Code,
        ("code_id",),
        "LEFT JOIN (SELECT code_id, min(started_us) AS first_us FROM compile GROUP BY code_id) USING (code_id) "
        "ORDER BY first_us IS NULL, first_us, code_id",
    ),
    Table("compile", "compiles", Compile, ("run_id", "compile_id"), "ORDER BY started_us, run_id, compile_id"),
    Table(
        "graph_break",
        "graph_breaks",
        GraphBreak,
        ("run_id", "compile_id", "attempt", "ordinal"),
        f"{_OF_COMPILE}, attempt, ordinal",
    ),
    Table(
        "recompile_reason",
        "recompile_reasons",
        RecompileReason,
        ("run_id", "compile_id", "ordinal"),
        f"{_OF_COMPILE}, ordinal",
    ),
    Table("dimension", "dimensions", Dimension, ("run_id", "compile_id", "ordinal"), f"{_OF_COMPILE}, ordinal"),
    Table(
        "backend_entry",
        "backend_entries",
        BackendEntry,
        ("run_id", "backend_id", "kind"),
        "ORDER BY started_us IS NULL, started_us, run_id, backend_id, kind = 'backward', kind",
    ),
    Table(
        "artifact",
        "artifacts",
        Artifact,
        ("artifact_type", "cache_key", "content_sha256"),
        "ORDER BY added_us, artifact_type, cache_key, content_sha256",
        is_kept_as_it_is=True,
    ),
    Table("artifact_use", "artifact_uses", ArtifactUse, ("session_id", "ordinal"), _OF_SESSION),
    Table("document", "documents", Document, ("session_id", "ordinal"), _OF_SESSION),
)
"""Every table of rows, in the order in which FORMAT.md tells them."""
