"""Keys: ed25519 keys as files, and what they sign.

Layer: trust. A public key is one line, as ssh's are: `megacache-ed25519`, 32 bytes in base64, and a comment. A private
key is PKCS#8 in PEM, which other tools read, too.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from megacache.errors import KeyFileError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

KIND = "megacache-ed25519"
"""The first word of a public key's line."""

SUFFIX = ".pub"
"""What the name of the public key's file adds to that of the private one."""

_SIZE_BYTES = 32
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
"""How PEM begins a key in PKCS#8 that is encrypted (RFC 7468, section 11)."""

_MARK = b"ENCRYPTED"
"""What stands in PEM of any kind that is encrypted, also in an older form than PKCS#8 (RFC 1421, section 4.6.1.1)."""

_LONGEST_BYTES = 10_000
_LONGEST_PASSPHRASE_BYTES = 1023
"""The longest that `cryptography` encrypts with."""

_LONGEST_NAME = 200
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key; two are equal when their bytes are.

    Attributes:
        text: Its 32 bytes in base64.
        comment: Whose it is, as its line says.
    """

    text: str
    comment: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        """Return the fingerprint and the comment, for people."""
        return f"{self.fingerprint} {self.comment}".rstrip()

    @classmethod
    def parse(cls, line: str, where: str) -> Self:
        """Read the line of a public key.

        Args:
            line: The line.
            where: Where it is from, named in messages.

        Raises:
            KeyFileError: When it is none.
        """
        kind, _, rest = line.strip().partition(" ")
        text, _, comment = rest.strip().partition(" ")
        try:
            is_key = kind == KIND and len(b64decode(text, validate=True)) == _SIZE_BYTES
        except ValueError:
            is_key = False
        if not is_key:
            message = (
                f"{where} holds no public key of megacache: name the file that `megacache keygen` called *{SUFFIX}"
            )
            raise KeyFileError(message, path=where)
        return cls(b64encode(b64decode(text)).decode(), on_one_line(comment))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a public key's file.

        Args:
            path: What `megacache keygen` wrote with the suffix `.pub`.

        Raises:
            KeyFileError: When it cannot be read, or holds no public key.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(_LONGEST_BYTES)
        except OSError as error:
            message = f"the public key {path} cannot be read: {error.strerror}; check the path"
            raise KeyFileError(message, path=os.fspath(path)) from error
        return cls.parse(content.decode("utf-8", "replace"), os.fspath(path))

    @property
    def line(self) -> str:
        """The line of its file, without the line's end."""
        return f"{KIND} {self.text} {self.comment}".rstrip()

    @property
    def fingerprint(self) -> str:
        """Its digest, in the form that ssh gives to fingerprints: short enough to be compared by people."""
        return f"SHA256:{b64encode(sha256(b64decode(self.text)).digest()).decode().rstrip('=')}"

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether the private half of this key signed a message.

        Args:
            message: What was signed.
            signature: What is said to be its signature.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(b64decode(self.text)).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A private key, which signs."""

    def __init__(self, key: Ed25519PrivateKey, comment: str = "") -> None:
        self._key = key
        self.public = PublicKey(b64encode(key.public_key().public_bytes_raw()).decode(), on_one_line(comment))

    @classmethod
    def generate(cls, comment: str = "") -> Self:
        """Make a new key.

        Args:
            comment: Whose it is, for people.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate(), comment)

    @classmethod
    def read(cls, path: str | os.PathLike[str], passphrase: str | None = None) -> Self:
        """Read a private key's file, and the comment from the public one beside it.

        Args:
            path: What `megacache keygen` wrote.
            passphrase: What it is encrypted with, or None.

        Raises:
            KeyFileError: When it cannot be read or is no such key, when others may read it, or when the passphrase is
                missing or wrong.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        content = _secret(Path(path))
        try:
            key = load_pem_private_key(content, passphrase.encode() if passphrase is not None else None)
        except TypeError as error:
            is_missing = not passphrase and _MARK in content
            reason = "is encrypted: give its passphrase" if is_missing else "is not encrypted: give no passphrase"
            raise KeyFileError(f"the private key {path} {reason}", path=os.fspath(path)) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            told = "holds no private key" if passphrase is None else "cannot be decrypted: check the passphrase; or it"
            message = f"{path} {told}{'' if passphrase is None else ' is no private key'}: name what keygen wrote"
            raise KeyFileError(message, path=os.fspath(path)) from error
        if not isinstance(key, Ed25519PrivateKey):
            message = f"{path} holds a private key of another kind than ed25519: name what `megacache keygen` wrote"
            raise KeyFileError(message, path=os.fspath(path))
        found = cls(key)
        beside = Path(f"{os.fspath(path)}{SUFFIX}")
        if beside.exists():
            public = PublicKey.read(beside)
            found.public = public if public == found.public else found.public
        return found

    @staticmethod
    def is_encrypted(path: str | os.PathLike[str]) -> bool:
        """Say whether a passphrase is needed to read a private key's file.

        Args:
            path: What `megacache keygen` wrote.

        Raises:
            KeyFileError: When it cannot be read, or others may read it.
        """
        return _secret(Path(path)).startswith(_ENCRYPTED)

    def sign(self, message: bytes) -> bytes:
        """Sign a message.

        Args:
            message: All of it.

        Returns:
            The signature, 64 bytes.
        """
        return self._key.sign(message)

    def write(self, path: str | os.PathLike[str], passphrase: str | None = None) -> None:
        """Write both halves of the key, the private one readable by its owner alone; nothing is ever replaced.

        Args:
            path: The file of the private half; the public one has `.pub` after it.
            passphrase: What to encrypt the private half with, or None.

        Raises:
            KeyFileError: When one of the files is there already, or cannot be written, or when nothing can be encrypted
                with the passphrase; then nothing was written.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

        private, public = Path(path), Path(f"{os.fspath(path)}{SUFFIX}")
        content = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase, private))
        _write_new(public, f"{self.public.line}\n".encode(), 0o644)
        try:
            _write_new(private, content, 0o600)
        except KeyFileError:
            public.unlink()  # ours, of a moment ago
            raise


def _encryption(passphrase: str | None, path: Path) -> KeySerializationEncryption:
    """Return how a private key is encrypted; surrogates are what a terminal made of bytes that are no text."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption

    if passphrase is None:
        return NoEncryption()
    try:
        told = passphrase.encode()
    except UnicodeEncodeError:
        reason, advice = "is no text", "choose another one"
    else:
        if 0 < len(told) <= _LONGEST_PASSPHRASE_BYTES:
            return BestAvailableEncryption(told)
        reason = f"is longer than {_LONGEST_PASSPHRASE_BYTES:,} bytes" if told else "is empty"
        advice = "choose a shorter one" if told else "choose one, or give None to leave the key as it is"
    message = f"the private key {path} was not written, since its passphrase {reason}: {advice}"
    raise KeyFileError(message, path=str(path))


def _secret(path: Path) -> bytes:
    """Read a file that nobody else may read; the file that is looked at is the one that is read."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LONGEST_BYTES)
    except OSError as error:
        message = f"the private key {path} cannot be read: {error.strerror}; check the path"
        raise KeyFileError(message, path=str(path)) from error
    if hasattr(os, "geteuid") and (status.st_mode & _OTHERS or status.st_uid != os.geteuid()):
        whose = f"its owner is user {status.st_uid}, its mode {stat.S_IMODE(status.st_mode):04o}"
        raise KeyFileError(
            f"the private key {path} is not used, since others than you can read it ({whose}): "
            f"make a new one, or `chmod 600 {path}` if you are sure that nobody did",
            path=str(path),
        )
    return content


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123  A descriptor.
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        message = f"{path} is there already, and a key is never replaced: choose another name"
        raise KeyFileError(message, path=str(path)) from error
    except OSError as error:
        message = f"the key {path} cannot be written: {error.strerror}; choose another place"
        raise KeyFileError(message, path=str(path)) from error


def on_one_line(name: str) -> str:
    """Keep of a comment or name what can be printed on one line.

    Args:
        name: It may come from anywhere.
    """
    return "".join(each if each.isprintable() else " " for each in name[:_LONGEST_NAME]).strip()
