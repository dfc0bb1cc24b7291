"""Signatures: who vouches for a bundle's rows, and thereby for the contents that they name by their digests.

Layer: bundle. It keeps and returns signatures; `megacache/trust` makes and checks them. FORMAT.md says what is signed.

What is digested are the rows as they were read, the very ones that are loaded, and not what another query finds: a file
that was made to harm may have an index that answers another one otherwise.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

from megacache.bundle import rows
from megacache.bundle.connection import Reader, writing
from megacache.bundle.row_digests import FIRST_VERSION
from megacache.errors import CorruptBundleError
from megacache.recording import Recording, no_content

Trust = bool | str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None
"""Whom a caller trusts.

None, or False: files of the user's own, and those that a key on the user's list signed. True: this file, whoever made
it. A public key, or several, each as its text or the path of its `.pub`: only what one of them signed, whoever owns it.
"""

_CHUNK_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature over all rows of a bundle; nothing in it is proven before it is checked.

    Attributes:
        public_key: The key, 32 bytes in base64.
        signer: Who signed, for people.
        signed_us: When, in microseconds since the Unix epoch.
        rows_sha256: The digest of the rows as they were then.
        signature: 64 bytes of ed25519.
    """

    public_key: str
    signer: str
    signed_us: int
    rows_sha256: str
    signature: bytes


def rows_sha256(recording: Recording) -> str:
    """Return the digest of all rows of a bundle, in hexadecimal.

    Where packs begin and which of them holds what is not in it, so that compacting a bundle leaves it as it is.

    Args:
        recording: All rows, as they were read.
    """
    digest = sha256()
    lines: list[str] = []
    for line in _lines(recording):
        lines.append(line)
        if len(lines) == _CHUNK_ROWS:
            digest.update("".join(lines).encode())
            lines.clear()
    digest.update("".join(lines).encode())
    return digest.hexdigest()


def signatures(path: Path) -> tuple[Signature, ...]:
    """Return what is said to be signatures of a bundle, in the order of their keys.

    Args:
        path: The bundle.

    Raises:
        CorruptBundleError: When one has a value of another type.
        BundleError: When the file cannot be read; see `errors`.
    """
    reader = Reader(path)
    try:
        with reader.snapshot() as connection:
            if reader.format_version < FIRST_VERSION:  # which brought signatures, too
                return ()
            found = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM signature ORDER BY public_key").fetchall()  # noqa: S608
    finally:
        reader.close()
    for row in found:
        if tuple(map(type, row)) != tuple(_COLUMNS.values()):
            problem = "a row of signature holds a value of another type than its column's"
            message = f"{path} is damaged: {problem}; take another copy of it, or run `megacache repair`"
            raise CorruptBundleError(message, path=str(path), problems=(problem,))
    return tuple(Signature(**dict(zip(_COLUMNS, row, strict=True))) for row in found)


def add(path: Path, sign: Callable[[str], Signature]) -> Signature:
    """Sign a bundle, in one transaction; a signature by the same key is replaced.

    Args:
        path: The bundle; one of an older version becomes one of this version.
        sign: Makes the signature of the digest of the rows.

    Returns:
        The signature.

    Raises:
        CorruptBundleError: When a row is damaged; then nothing was changed.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    with writing(path) as connection:
        made = sign(rows_sha256(rows.read(connection, no_content, str(path))))
        _put(connection, [made])
    return made


def carry(found: Collection[Signature], into: Path) -> None:
    """Give a bundle the signatures of another one, in one transaction; they are good where both hold the same rows.

    Args:
        found: What `signatures` returned of the other one.
        into: The bundle.

    Raises:
        BundleError: When the bundle cannot be written; see `errors`.
    """
    if found:
        with writing(into) as connection:
            _put(connection, found)


_COLUMNS = {"public_key": str, "signer": str, "signed_us": int, "rows_sha256": str, "signature": bytes}


def _put(connection: sqlite3.Connection, made: Iterable[Signature]) -> None:
    marks = ", ".join("?" * len(_COLUMNS))
    statement = f"INSERT OR REPLACE INTO signature ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608  Our names.
    connection.executemany(statement, [tuple(getattr(each, name) for name in _COLUMNS) for each in made])


def _lines(recording: Recording) -> Iterator[str]:
    """Write each row as one line of canonical JSON, table by table, in the order of the keys.

    What is None or empty is left out: a column that a later version adds changes no row that does not use it.
    """
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
    for table in rows.TABLES:
        names = [column.name for column in table.columns]
        for row in sorted(getattr(recording, table.rows_name), key=attrgetter(*table.key)):
            told = {name: value for name in names if (value := getattr(row, name)) not in _NOTHING}
            yield f"{encode([table.name, told])}\n"


_NOTHING: tuple[object, ...] = (None, (), {})
