"""Gate: what every way of loading goes through before torch gets anything, or anything is run.

Layer: trust. To load a cache is to run its code. So a file is loaded when it is the user's own, when a key that the
user trusts signed it, or when the caller says so. To open, list, verify, export and diff one is free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from megacache.bundle import Bundle
from megacache.bundle.connection import translated
from megacache.bundle.open_file import OpenFile, can_list
from megacache.bundle.signatures import Trust
from megacache.errors import BundleError, KeyFileError, UntrustedError
from megacache.recording import Recording
from megacache.trust import signing
from megacache.trust.doubts import doubts
from megacache.trust.keys import KIND, PublicKey
from megacache.trust.trusted_keys import trusted_keys

__all__ = ["Examined", "Trust", "check_bytes", "check_file", "examined", "trusted", "untrusted"]

_NOT_READ = (
    "what was read is not the file that is there: a killed writer left it half written, and you may not put the last "
    "save back, so a copy was read; or somebody put another file in its place meanwhile"
)

_BYTES = ("bytes do not tell whose they are",)


@dataclass(frozen=True, slots=True)
class Examined:
    """A bundle that is open, its rows, and what speaks against loading it: nothing when there is no reason."""

    bundle: Bundle
    recording: Recording
    reasons: tuple[str, ...]


@contextmanager
def examined(path: str | os.PathLike[str], trust: Trust = None, *, told: tuple[str, ...] = ()) -> Iterator[Examined]:
    """Open a bundle and say what speaks against loading it.

    Args:
        path: The bundle.
        trust: Whom the caller trusts.
        told: What the caller knows against the file beside what it tells of itself.

    Yields:
        The bundle. The rows that were checked are those that it has: load no others.

    Raises:
        KeyFileError: When what `trust` names is no public key.
        BundleError: When the bundle cannot be read, or another file is in its place by then; see `errors`.
    """
    file = Path(path)
    keys = _named(trust)
    before = _identity(file)
    with Bundle.open(file) as bundle:
        recording = bundle.recording()
        with translated(file):
            reasons = () if trust is True else _reasons(file, recording, keys, told)
        if _identity(file) != before:
            message = f"{file} was replaced by another file while it was opened: load it again"
            raise BundleError(message, path=str(file))
        yield Examined(bundle, recording, reasons)


@contextmanager
def trusted(path: str | os.PathLike[str], trust: Trust = None) -> Iterator[Recording]:
    """Open a bundle that may be loaded.

    Args:
        path: The bundle.
        trust: Whom the caller trusts.

    Yields:
        Its rows.

    Raises:
        UntrustedError: When something speaks against it.
        KeyFileError: When what `trust` names is no public key.
        BundleError: When the bundle cannot be read; see `errors`.
    """
    with examined(path, trust) as found:
        if found.reasons:
            raise untrusted(path, found.reasons, trust)
        yield found.recording


def check_file(path: Path, trust: Trust = None) -> None:
    """Check that something else than a bundle may be loaded: a file or folder of torch's, which nobody can sign.

    Args:
        path: Where it is.
        trust: Whom the caller trusts; a key signed nothing here.

    Raises:
        UntrustedError: When something speaks against it.
        KeyFileError: When what `trust` names is no public key.
        BundleError: When it cannot be looked at.
    """
    if trust is True:
        return
    with translated(path):
        reasons = doubts(path)
    if _named(trust) is not None:
        reasons = (*reasons, "it is no bundle, so nobody can have signed it")
    if reasons:
        raise untrusted(path, reasons, trust)


def check_bytes(what: str, trust: Trust = None) -> None:
    """Check that bytes may be loaded: of them nothing can be told, so the caller has to say so.

    Args:
        what: What they are said to be, named in the message.
        trust: Whom the caller trusts.

    Raises:
        UntrustedError: When the caller does not say so.
    """
    if trust is not True:
        raise UntrustedError(
            f"{what} are not loaded, since loading a cache runs its code, and {_BYTES[0]}: "
            "load them with trust=True if you know who made them",
            reasons=_BYTES,
        )


def untrusted(path: str | os.PathLike[str], reasons: tuple[str, ...], trust: Trust = None) -> UntrustedError:
    """Return the error that says why a file is not loaded, and what to do.

    Args:
        path: The file.
        reasons: At least one sentence.
        trust: Whom the caller trusted.
    """
    if _is_by_name(trust):
        advice = "have it signed by a key that you name, or load it with trust=True if you know who made it"
    else:
        advice = (
            "load it with trust=True (--trust in a magic) if you know who made it; or have it signed "
            "(`megacache sign`) by a key that you list (`megacache trust`); "
            "or take a copy with `cp`, once you know where it came from"
        )
    message = f"{path} is not loaded, since loading a cache runs its code: {'; '.join(reasons)}. What to do: {advice}"
    return UntrustedError(message, path=os.fspath(path), reasons=reasons)


def _reasons(
    path: Path, recording: Recording, named: tuple[PublicKey, ...] | None, told: tuple[str, ...]
) -> tuple[str, ...]:
    if named is not None:
        return signing.objections(signing.check(path, recording, named))
    found = (*told, *_doubts(path))
    if not found:
        return ()
    try:
        objections = signing.objections(signing.check(path, recording, trusted_keys()))
    except KeyFileError as error:
        objections = (str(error),)
    return (*found, *objections) if objections else ()


def _doubts(path: Path) -> tuple[str, ...]:
    """Say what speaks against the file that SQLite has open, and not against what is at its path by now.

    Somebody may have put one in its place and back again. It is not noticed of a file that this process has open once
    more, as in a session of its own; where the system does not list what is open, the path has to do.
    """
    if not can_list() or not hasattr(os, "geteuid"):
        return doubts(path)
    try:
        return OpenFile(path).ask(partial(doubts, path))
    except FileNotFoundError:
        return (_NOT_READ, *doubts(path))


def _named(trust: Trust) -> tuple[PublicKey, ...] | None:
    """Return the keys that a caller names, or None."""
    if trust is None or isinstance(trust, bool):
        return None
    several = (trust,) if isinstance(trust, str | os.PathLike) else tuple(trust)
    return tuple(_key(each) for each in several)


def _key(named: str | os.PathLike[str]) -> PublicKey:
    is_text = isinstance(named, str) and named.startswith(f"{KIND} ")
    return PublicKey.parse(str(named), "the text of a key") if is_text else PublicKey.read(named)


def _is_by_name(trust: Trust) -> bool:
    return trust is not None and not isinstance(trust, bool)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file is at a path now; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None  # opening it says why
    return status.st_dev, status.st_ino
