"""The commands about keys: keygen makes one, sign signs a bundle, trust lists whose signatures count.

Layer: faces. `verify --signed` is beside `verify`.
"""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from megacache.cli.app import AsJson, BundlePath, app, print_json, print_lines
from megacache.cli.paths import source, source_option, target_option
from megacache.errors import CorruptBundleError, UsageError

KeyOutput = Annotated[
    Path,
    target_option("--output", "-o", metavar="NAME", help_text="The private key's file; the public one is NAME.pub."),
]
Comment = Annotated[
    str | None,
    typer.Option(
        "--comment", metavar="TEXT", help="Whose key it is, for people; by default user@host.", show_default=False
    ),
]
Passphrase = Annotated[bool, typer.Option("--passphrase", help="Ask for a passphrase to encrypt the private key with.")]
PrivateKeyPath = Annotated[
    Path, source_option("--key", metavar="NAME", help_text="The private key, as keygen wrote it.")
]
Signer = Annotated[
    str | None,
    typer.Option(
        "--signer", metavar="TEXT", help="Who signs, for people; by default the key's comment.", show_default=False
    ),
]
TrustedKey = Annotated[
    str | None,
    source("[NAME.pub]", "A public key; to remove one also its fingerprint."),
]
Remove = Annotated[bool, typer.Option("--remove", help="Trust this key no longer.")]


@app.command()
def keygen(
    output: KeyOutput = Path("megacache-key"),
    comment: Comment = None,
    passphrase: Passphrase = False,
    as_json: AsJson = False,
) -> None:
    """Make a pair of keys to sign bundles with.

    NAME is secret; NAME.pub is what others trust.
    """
    from megacache.trust.keys import PrivateKey

    key = PrivateKey.generate(f"{_user()}@{socket.gethostname()}" if comment is None else comment)
    secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    key.write(output, secret)
    public = f"{output}.pub"
    if as_json:
        print_json({"path": output, "public_path": public, "fingerprint": key.public.fingerprint})
    else:
        print_lines(f"wrote {output}, which nobody else may read, and {public}: {key.public}")


@app.command()
def sign(bundle: BundlePath, key: PrivateKeyPath, signer: Signer = None, as_json: AsJson = False) -> None:
    """Sign all that a bundle holds now.

    Who trusts the key loads it, until somebody changes it. A damaged bundle is refused.
    """
    from megacache.trust.keys import PrivateKey
    from megacache.trust.signing import sign as signed_by

    _refuse_damaged(bundle)  # before anybody types a passphrase in vain
    needs_passphrase = PrivateKey.is_encrypted(key)
    secret = typer.prompt(f"Passphrase of {key}", hide_input=True, err=True) if needs_passphrase else None
    private = PrivateKey.read(key, secret)
    made = signed_by(bundle, private, signer)
    if as_json:
        document = {"path": bundle, "fingerprint": private.public.fingerprint}
        print_json(document | {name: getattr(made, name) for name in ("signer", "signed_us", "rows_sha256")})
    else:
        print_lines(f"signed {bundle} as {made.signer or 'nobody'} with {private.public.fingerprint}")


@app.command()
def trust(key: TrustedKey = None, remove: Remove = False, as_json: AsJson = False) -> None:
    """Trust what a key signs; without a key, list those you trust."""
    from megacache.trust.trusted_keys import list_path, trusted_keys

    if key is not None:
        said = _removed(key) if remove else _added(key)
    elif remove:
        raise UsageError("which key? name its file or its fingerprint: megacache trust --remove NAME.pub")
    else:
        said = ""
    listed = trusted_keys()
    if as_json:
        keys = [{"fingerprint": each.fingerprint, "comment": each.comment, "line": each.line} for each in listed]
        print_json({"path": list_path(), "keys": keys})
    elif said:
        print_lines(said)
    else:
        print_lines(*(map(str, listed) if listed else [f"{list_path()} lists no key: add one with its NAME.pub"]))


def _refuse_damaged(bundle: Path) -> None:
    """Raise if a bundle is not whole: a signature vouches for contents, and says nothing of those that are lost."""
    from megacache.bundle import Bundle

    with Bundle.open(bundle) as opened:
        report = opened.verify()
    if not report.is_ok:
        raise CorruptBundleError(f"nothing was signed: {report}", path=str(bundle), problems=report.problems)


def _user() -> str:
    """Return what the user is called; one whom the system does not list, as in a container, by the number."""
    from megacache.trust.doubts import user

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the one before Python 3.13, the other since
        return user(os.geteuid())


def _added(name: str) -> str:
    from megacache.trust.keys import PublicKey
    from megacache.trust.trusted_keys import add

    key = PublicKey.read(name)
    return f"what this key signs is loaded from now on: {key}" if add(key) else f"trusted already: {key}"


def _removed(name: str) -> str:
    from megacache.trust.keys import PublicKey
    from megacache.trust.trusted_keys import remove, trusted_keys

    key = next((each for each in trusted_keys() if each.fingerprint == name), None) or PublicKey.read(name)
    return f"trusted no longer: {key}" if remove(key) else f"it was not trusted: {key}"
