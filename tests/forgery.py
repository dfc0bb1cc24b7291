"""Forgery: rows that somebody changed on purpose, behind a bundle's back, and that prove themselves all the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from megacache.bundle import row_digests
from megacache.bundle.rows import TABLES


def forge(path: str | Path, *statements: str) -> None:
    """Change a bundle by some statements, and give each row the digest of what it says then."""
    connection = sqlite3.connect(path, isolation_level=None)
    row_digests.register(connection)
    connection.execute("BEGIN")
    for statement in statements:
        connection.execute(statement)
    for table in TABLES:
        row_digests.fill(connection, table)
    connection.execute("COMMIT")
    connection.close()


def forge_value(path: str | Path, table: str, statement: str) -> None:
    """Change a table as a damaged page does: to values of any type, and none."""
    lax = "replace(replace(replace(sql, 'STRICT, WITHOUT ROWID', 'WITHOUT ROWID'), 'STRICT', ''), 'NOT NULL', '')"
    _execute(path, f"UPDATE sqlite_schema SET sql = {lax} WHERE name = '{table}'")
    _execute(path, statement)


def forge_behind_index(path: str | Path, index: str, statement: str) -> None:
    """Change a table and leave an index as it was."""
    connection = sqlite3.connect(path)
    entry = connection.execute("SELECT * FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    connection.close()
    _execute(path, f"DELETE FROM sqlite_schema WHERE name = '{index}'")
    _execute(path, statement)
    _execute(path, "INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)


def _execute(path: str | Path, statement: str, values: tuple[object, ...] = ()) -> None:
    """Change a file on a connection of its own: SQLite reads a schema once."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(statement, values)
    connection.close()
