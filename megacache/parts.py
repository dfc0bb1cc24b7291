"""Parts: sessions of single calls, such as of `standalone_compile`, each a part of the session that is open.

Layer: above process, below the faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from megacache.process import process
from megacache.sessions import Session


@contextmanager
def part(what: str, name: str | None = None) -> Iterator[Session]:
    """Let what happens meanwhile be a session of its own and a part of the one that is open.

    Where nothing is listened to, torch is left as it was afterwards.

    Args:
        what: What happens, such as `standalone_compile`.
        name: Of what; None where it has no name.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    was_on = process.is_on
    process.enable()
    session = Session(process, f"{what} {name}" if name else what)
    process.open[-1].parts.append(session)
    session.begin()
    try:
        yield session
    except BaseException as error:
        session.end(error)
        raise
    finally:
        session.end()
        if not was_on:
            process.disable()
