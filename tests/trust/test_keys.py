"""Keys: files that only their owner reads, never replaced; and what they sign."""

import os
import re
import stat
import subprocess
import sys
from base64 import b64encode

import pytest

from megacache.errors import KeyFileError
from megacache.trust.keys import PrivateKey, PublicKey

RFC_8032_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
RFC_8032_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
RFC_8032_SIGNATURE = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b"
)
"""The first test of RFC 8032, section 7.1: the signature of the empty message."""

ED448 = """\
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
print(Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
"""


@pytest.fixture
def written(key, tmp_path):
    key.write(tmp_path / "team")
    return tmp_path / "team"


def test_a_key_signs_as_ed25519_does():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_8032_SEED)))
    assert key.sign(b"").hex() == RFC_8032_SIGNATURE
    assert PublicKey.parse(key.public.line, "here").has_signed(b"", bytes.fromhex(RFC_8032_SIGNATURE))


def test_only_the_key_itself_and_the_very_message_count(key):
    signature = key.sign(b"message")
    assert key.public.has_signed(b"message", signature)
    assert not key.public.has_signed(b"massage", signature)
    assert not key.public.has_signed(b"message", signature[:-1])
    assert not key.public.has_signed(b"message", b"")
    assert not PrivateKey.generate().public.has_signed(b"message", signature)


def test_both_halves_are_read_as_they_were_written(key, written):
    assert PrivateKey.read(written).public == key.public == PublicKey.read(f"{written}.pub")
    assert PrivateKey.read(written).public.comment == "Ada of the team"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_reads_the_private_half_whatever_the_umask(key, tmp_path, mask):
    before = os.umask(mask)
    try:
        key.write(tmp_path / "team")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("team", "team.pub")]
    assert modes == [0o600, 0o644]


@pytest.mark.parametrize("there", ["team", "team.pub"])
def test_nothing_is_ever_replaced(key, tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(KeyFileError, match="is there already, and a key is never replaced"):
        key.write(tmp_path / "team")
    assert [each.name for each in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_private_half_that_others_may_read_is_not_used(written, mode):
    written.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o}.*chmod 600"):
        PrivateKey.read(written)


def test_a_private_half_of_somebody_else_is_not_used(written, give_away):
    give_away(written)
    with pytest.raises(KeyFileError, match="others than you can read it"):
        PrivateKey.read(written)


def test_a_passphrase_is_asked_for_and_checked(key, tmp_path):
    key.write(tmp_path / "team", "correct horse")
    assert PrivateKey.is_encrypted(tmp_path / "team")
    assert PrivateKey.read(tmp_path / "team", "correct horse").public == key.public
    with pytest.raises(KeyFileError, match="is encrypted: give its passphrase"):
        PrivateKey.read(tmp_path / "team")
    with pytest.raises(KeyFileError, match="cannot be decrypted: check the passphrase"):
        PrivateKey.read(tmp_path / "team", "battery staple")


def test_a_passphrase_for_a_key_that_has_none_is_refused(written):
    assert not PrivateKey.is_encrypted(written)
    with pytest.raises(KeyFileError, match="is not encrypted: give no passphrase"):
        PrivateKey.read(written, "correct horse")


def test_an_empty_passphrase_is_told_from_a_key_that_has_none(key, written, tmp_path):
    key.write(tmp_path / "closed", "correct horse")
    with pytest.raises(KeyFileError, match="is encrypted: give its passphrase"):
        PrivateKey.read(tmp_path / "closed", "")
    with pytest.raises(KeyFileError, match="is not encrypted: give no passphrase"):
        PrivateKey.read(written, "")


@pytest.mark.parametrize(
    ("passphrase", "reason"),
    [
        ("", "is empty: choose one"),
        ("a" * 1024, "is longer than 1,023 bytes: choose a shorter one"),
        ("\N{GREEK SMALL LETTER ALPHA}" * 512, "is longer than 1,023 bytes"),
        ("\udcff", "is no text: choose another one"),
    ],
)
def test_a_passphrase_that_encrypts_nothing_is_refused_before_anything_is_written(key, tmp_path, passphrase, reason):
    with pytest.raises(KeyFileError, match=reason):
        key.write(tmp_path / "team", passphrase)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_passphrase_serves(key, tmp_path):
    key.write(tmp_path / "team", "a" * 1023)
    assert PrivateKey.read(tmp_path / "team", "a" * 1023).public == key.public


@pytest.mark.parametrize("content", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_another_file_is_no_private_key(tmp_path, content):
    file = tmp_path / "team"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(KeyFileError, match=r"holds no private key"):
        PrivateKey.read(file)


def test_a_key_of_another_kind_is_none_of_ours(tmp_path):
    file = tmp_path / "team"
    file.touch(mode=0o600)
    file.write_text(subprocess.run([sys.executable, "-c", ED448], check=True, capture_output=True, text=True).stdout)
    with pytest.raises(KeyFileError, match="another kind than ed25519"):
        PrivateKey.read(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for read in (PrivateKey.read, PublicKey.read):
        with pytest.raises(KeyFileError, match=f"{re.escape(str(tmp_path))}.*cannot be read: No such file"):
            read(tmp_path / "nowhere")


def test_the_comment_of_another_key_is_not_taken(written):
    (written.parent / "team.pub").write_text(PrivateKey.generate("Eve").public.line)
    assert PrivateKey.read(written).public.comment == ""


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ada",
        "megacache-ed25519",
        "megacache-ed25519 AAAA ada",
        "megacache-ed25519 not-base-64! ada",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_another_line_is_no_public_key(line):
    with pytest.raises(KeyFileError, match="here holds no public key of megacache"):
        PublicKey.parse(line, "here")


def test_a_comment_cannot_write_on_a_terminal():
    public = PrivateKey.generate("Ada\x1b[2J\nmegacache-ed25519 forged").public
    assert public.comment == "Ada [2J megacache-ed25519 forged"
    assert PublicKey.parse(f"{public.line}\x07", "here").comment == public.comment


def test_a_fingerprint_has_the_form_of_those_of_ssh():
    text = PublicKey.parse(f"megacache-ed25519 {b64encode(bytes.fromhex(RFC_8032_PUBLIC)).decode()}", "here")
    assert text.fingerprint == "SHA256:If4x36FUomFia/hUBG/SJxt77UtqvkWqWId+9H+XIbk"
    assert str(text) == text.fingerprint
