"""Signing: sign a bundle, and say which keys signed the rows that it holds now.

Layer: trust.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from megacache.bundle import Bundle, signatures
from megacache.bundle.signatures import Signature, rows_sha256
from megacache.errors import CorruptBundleError, KeyFileError
from megacache.recording import Recording
from megacache.trust.keys import KIND, PrivateKey, PublicKey, on_one_line

_PREFIX = b"megacache bundle signature, version 1\n"
"""What every signed message begins with, so that no signature serves for another purpose."""


_LATEST_US = 253_402_300_799_000_000
"""The end of the year 9999, the last that can be written as a date."""

_MOST_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSignature:
    """A signature and what became of it.

    Attributes:
        signer: Who signed, as the signature says.
        signed_us: When, as it says, in microseconds since the Unix epoch.
        fingerprint: Of the key.
        state: `good`; `changed`, when rows are others than those that were signed; `forged`, when the key did not sign
            this; `unlisted`, when the key is none of those that are trusted, and nothing was checked.
    """

    signer: str
    signed_us: int
    fingerprint: str
    state: str

    def __str__(self) -> str:
        """Return one sentence for people."""
        day = time.strftime("%Y-%m-%d", time.gmtime(max(0, min(self.signed_us, _LATEST_US)) / 1_000_000))
        by = f"{self.signer or 'somebody'} ({self.fingerprint})"
        return {
            "good": f"it was signed by {by} on {day}",
            "changed": f"it was changed since {by} signed it on {day}",
            "forged": f"its signature by {by} is not genuine",
            "unlisted": f"it is signed by a key that is not listed: {by}",
        }[self.state]


def sign(path: str | os.PathLike[str], key: PrivateKey, signer: str | None = None) -> Signature:
    """Sign all rows of a bundle, and so every content that loading uses; a signature by the same key is replaced.

    Look first at what you sign: whoever lists your key runs it.

    Args:
        path: The bundle.
        key: The key.
        signer: Who signs, for people; None means the key's comment.

    Returns:
        The signature, which is in the bundle now.

    Raises:
        CorruptBundleError: When a row is damaged.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    name = on_one_line(key.public.comment if signer is None else signer)

    def signed(digest: str) -> Signature:
        now_us = time.time_ns() // 1000
        message = _message(key.public.text, name, now_us, digest)
        return Signature(
            public_key=key.public.text,
            signer=name,
            signed_us=now_us,
            rows_sha256=digest,
            signature=key.sign(message),
        )

    return signatures.add(Path(path), signed)


def check(path: Path, recording: Recording, keys: Collection[PublicKey]) -> tuple[CheckedSignature, ...]:
    """Check every signature of a bundle by a key that is trusted.

    Args:
        path: The bundle.
        recording: All of its rows, as they were read: those that are to be loaded.
        keys: The keys that are trusted.

    Returns:
        What became of each signature, in the order of their keys.

    Raises:
        CorruptBundleError: When a row is damaged.
        BundleError: When the file cannot be read; see `errors`.
    """
    found = signatures.signatures(path)
    listed = {each.text for each in keys}
    now = rows_sha256(recording) if any(each.public_key in listed for each in found) else ""
    return tuple(_checked(each, listed, now) for each in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReport:
    """Whether a key that is trusted signed just what a bundle holds.

    Attributes:
        is_signed: Whether one did.
        objections: Why not; none when one did.
        signatures: What became of each signature.
    """

    is_signed: bool
    objections: tuple[str, ...]
    signatures: tuple[CheckedSignature, ...]

    def __str__(self) -> str:
        """Return a line for each good signature, or for each objection."""
        told = [str(each) for each in self.signatures if each.state == "good"] if self.is_signed else self.objections
        return "\n".join(f"  {each}" for each in told)


def signed_report(path: Path, keys: Collection[PublicKey]) -> SignedReport:
    """Check the signatures of a bundle against its rows as they are now; contents are checked by `Bundle.verify`.

    Args:
        path: The bundle.
        keys: The keys that are trusted.

    Returns:
        What was found; damaged rows are an objection.

    Raises:
        BundleError: When the file cannot be read at all; see `errors`.
    """
    try:
        with Bundle.open(path) as bundle:
            checked = check(path, bundle.recording(), keys)
    except CorruptBundleError as error:
        return SignedReport(is_signed=False, objections=(str(error),), signatures=())
    against = objections(checked)
    return SignedReport(is_signed=not against, objections=against, signatures=checked)


def objections(checked: Sequence[CheckedSignature]) -> tuple[str, ...]:
    """Say why no signature vouches for a bundle.

    Args:
        checked: What `check` returned.

    Returns:
        Nothing when one of them is good; otherwise a sentence for each, or that there is none.
    """
    if any(each.state == "good" for each in checked):
        return ()
    if not checked:
        return ("nobody signed it",)
    # What a listed key signed tells the most.
    told = [str(each) for each in sorted(checked, key=lambda each: each.state == "unlisted")]
    more = len(told) - _MOST_TOLD
    return (*told[:_MOST_TOLD], f"{more:,} more signatures do not vouch for it, either") if more > 0 else tuple(told)


def _checked(signature: Signature, listed: Collection[str], now: str) -> CheckedSignature:
    message = _message(signature.public_key, signature.signer, signature.signed_us, signature.rows_sha256)
    if signature.public_key not in listed:
        state = "unlisted"
    elif not PublicKey(signature.public_key).has_signed(message, signature.signature):
        state = "forged"
    else:
        state = "good" if signature.rows_sha256 == now else "changed"
    return CheckedSignature(
        signer=on_one_line(signature.signer),
        signed_us=signature.signed_us,
        fingerprint=_fingerprint(signature.public_key),
        state=state,
    )


def _fingerprint(public_key: str) -> str:
    """Return the fingerprint of what is said to be a key."""
    try:
        return PublicKey.parse(f"{KIND} {public_key}", "a signature").fingerprint
    except KeyFileError:
        return "no key"


def _message(public_key: str, signer: str, signed_us: int, digest: str) -> bytes:
    facts = {"public_key": public_key, "rows_sha256": digest, "signed_us": signed_us, "signer": signer}
    return _PREFIX + json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
