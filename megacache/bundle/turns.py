"""Turns: when a process may write, where many want to.

Layer: bundle.

SQLite has no queue. Whoever finds the file locked sleeps and asks again, each time after a longer while, up to a tenth
of a second; whoever comes anew asks at once. So those who wait fall ever further behind: of eight processes that saved
all the time, one saved 98 times in six seconds and three saved once. Here everybody asks again after a time of the same
length, by chance, so that whoever waits has the same chance as all others whenever the lock is free.

Source: `sqliteDefaultBusyCallback` of main.c, SQLite 3.40.1.
"""

from __future__ import annotations

import random
import sqlite3
import time

from megacache.bundle.sqlite_errors import code_of

_LONGEST_PAUSE_S = 0.01
"""Between two looks at the lock; a small save takes about as long."""


def begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Begin a transaction that holds the write lock, as soon as it is free.

    Args:
        connection: Without a transaction. Its later statements wait for readers as long as this one waits for writers.
        wait_s: How long to wait for the others, in seconds.

    Raises:
        sqlite3.Error: When the lock was not free for so long, or the file cannot be locked at all.
    """
    end = time.monotonic() + wait_s
    connection.execute("PRAGMA busy_timeout = 0")
    while not _has_begun(connection, is_last=time.monotonic() >= end):
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311  No secret.
    connection.execute(f"PRAGMA busy_timeout = {wait_s * 1000:.0f}")


def _has_begun(connection: sqlite3.Connection, *, is_last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last or not code_of(error).startswith("SQLITE_BUSY"):
            raise
        return False
    return True
