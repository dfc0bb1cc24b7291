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
