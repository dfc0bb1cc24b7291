"""The commands about trust: keygen, sign, trust, verify --signed; and what merge and import say of what they took."""

import getpass
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest
from command import run, run_json

from megacache.bundle import Bundle
from megacache.trust.trusted_keys import trusted_keys
from samples import WARM, small_recording

pytestmark = pytest.mark.usefixtures("config")


@pytest.fixture
def bundle(tmp_path) -> Path:
    path = tmp_path / "small.megacache"
    with Bundle.create(path) as created:
        created.append(*small_recording())
    return path


@pytest.fixture
def key(tmp_path) -> Path:
    run("keygen", "--output", tmp_path / "team", "--comment", "the team")
    return tmp_path / "team"


def test_keygen_writes_two_files(tmp_path):
    made = run_json("keygen", "-o", tmp_path / "mine")
    assert made["path"] == str(tmp_path / "mine")
    assert made["public_path"] == str(tmp_path / "mine.pub")
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o600
    kind, _, comment = (tmp_path / "mine.pub").read_text().strip().split(" ")
    assert kind == "megacache-ed25519"
    assert "@" in comment


def test_keygen_replaces_nothing(key):
    before = key.read_bytes()
    assert "a key is never replaced" in run("keygen", "-o", key, expect=2).stderr
    assert key.read_bytes() == before


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found"), OSError("No username set")])
def test_keygen_names_a_user_whom_the_system_does_not_list_by_the_number(tmp_path, monkeypatch, error):
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    run("keygen", "-o", tmp_path / "mine")
    assert f" user 3999999999@{socket.gethostname()}" in (tmp_path / "mine.pub").read_text()


def test_a_passphrase_is_asked_for_twice_and_again_to_sign(tmp_path, bundle):
    run("keygen", "-o", tmp_path / "mine", "--passphrase", typed="correct horse\ncorrect horse\n")
    assert "cannot be decrypted" in run("sign", bundle, "--key", tmp_path / "mine", typed="wrong\n", expect=2).stderr
    assert "signed" in run("sign", bundle, "--key", tmp_path / "mine", typed="correct horse\n").stdout


def test_sign_and_verify(bundle, key):
    assert "nobody signed it" in run("verify", bundle, "--signed", "--key", f"{key}.pub", expect=1).stdout
    assert run_json("sign", bundle, "--key", key)["signer"] == "the team"
    said = run("verify", bundle, "--signed", "--key", f"{key}.pub").stdout
    assert f"{bundle} is whole" in said
    assert "it was signed by the team (SHA256:" in said


def test_verify_counts_only_keys_that_are_named_or_listed(bundle, key, tmp_path):
    run("sign", bundle, "--key", key, "--signer", "Ada")
    assert "a key that is not listed: Ada" in run("verify", bundle, "--signed", expect=1).stdout
    run("keygen", "-o", tmp_path / "other")
    run("verify", bundle, "--signed", "--key", tmp_path / "other.pub", expect=1)
    run("verify", bundle, "--signed", "--key", tmp_path / "other.pub", "--key", f"{key}.pub")
    run("trust", f"{key}.pub")
    run("verify", bundle, "--signed")


def test_verify_finds_what_was_changed_since(bundle, key):
    run("sign", bundle, "--key", key)
    run("prune", bundle, "--session", WARM)
    found = run_json("verify", bundle, "--signed", "--key", f"{key}.pub", expect=1)
    assert (found["is_ok"], found["is_signed"]) == (True, False)
    assert [each["state"] for each in found["signatures"]] == ["changed"]
    assert found["objections"][0].startswith("it was changed since the team (SHA256:")


def test_verify_of_a_damaged_bundle_is_a_finding_whoever_signed_it(bundle, key):
    run("sign", bundle, "--key", key)
    with bundle.open("r+b") as file:
        file.seek(bundle.stat().st_size // 2)
        file.write(bytes(2000))
    assert run("verify", bundle, "--signed", "--key", f"{key}.pub", expect=1).stdout.startswith(f"{bundle} is damaged")


def test_a_key_without_signed_is_a_usage_error(bundle, key):
    assert "give both" in run("verify", bundle, "--key", f"{key}.pub", expect=2).stderr


def test_a_private_key_that_others_may_read_signs_nothing(bundle, key):
    before = bundle.read_bytes()
    key.chmod(0o640)
    assert "is not used, since others than you can read it" in run("sign", bundle, "--key", key, expect=2).stderr
    assert bundle.read_bytes() == before


def test_trust_lists_adds_and_removes(key, config):
    assert "lists no key: add one" in run("trust").stdout
    assert run("trust", f"{key}.pub").stdout.startswith("what this key signs is loaded from now on: SHA256:")
    assert run("trust", f"{key}.pub").stdout.startswith("trusted already: SHA256:")
    (listed,) = run_json("trust")["keys"]
    assert listed["comment"] == "the team"
    assert run("trust").stdout == f"{listed['fingerprint']} the team\n"
    assert [each.line for each in trusted_keys()] == [listed["line"]]
    assert run("trust", "--remove", listed["fingerprint"]).stdout.startswith("trusted no longer: ")
    assert run("trust", "--remove", f"{key}.pub").stdout.startswith("it was not trusted: ")
    assert trusted_keys() == ()


def test_trust_says_what_is_wrong(key):
    assert "which key?" in run("trust", "--remove", expect=2).stderr
    assert "holds no public key of megacache" in run("trust", key, expect=2).stderr
    assert "cannot be read" in run("trust", "nowhere.pub", expect=2).stderr


def test_merge_and_import_say_whose_what_they_took_may_be(bundle, tmp_path, attributes_folder):
    own = run("merge", tmp_path / "own.megacache", bundle)
    assert own.stderr == ""
    bundle = shutil.move(bundle, attributes_folder / "small.megacache")
    os.setxattr(bundle, "user.xdg.origin.url", b"https://example.org/small.megacache")
    said = run("merge", tmp_path / "union.megacache", bundle).stderr
    assert said.startswith(f"megacache: of {bundle}, it was downloaded from https://example.org/small.megacache: what ")
    run("export", bundle, "--output", tmp_path / "cache.bin")
    (tmp_path / "cache.bin").chmod(0o666)
    said = run("import", tmp_path / "cache.bin", tmp_path / "made.megacache").stderr
    assert said.startswith(f"megacache: of {tmp_path / 'cache.bin'}, everyone may write it: what ")
