"""The command, when something is wrong: what is refused, what the message says, and the exit code."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from megacache.bundle import Bundle
from megacache.cli import app
from samples import COLD, small_recording

HOUSE = Path(__file__).parents[1]


def run(*arguments: object, expect: int = 0):
    """Run one command in this process and return what it printed."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result


def run_json(*arguments: object, expect: int = 0):
    return json.loads(run(*arguments, "--json", expect=expect).stdout)


def damage(path: Path) -> Path:
    """Flip a byte of the first pack's zstd frame, which nobody sees before the contents are read."""
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 16] ^= 0xFF
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def bundle(tmp_path) -> Path:
    path = tmp_path / "small.megacache"
    with Bundle.create(path) as created:
        created.append(*small_recording())
    return path


@pytest.fixture
def damaged(bundle) -> Path:
    return damage(Path(shutil.copy(bundle, bundle.with_name("flipped.megacache"))))


# -- prune -------------------------------------------------------------------------------------------------------------


def test_prune_says_which_size_it_means(bundle):
    assert "of artifacts, before compression" in " ".join(run("prune", "--help").stdout.split())
    (row,) = (line for line in (HOUSE / "README.md").read_text().splitlines() if line.startswith("| `megacache prune"))
    assert "of artifacts, before compression" in row
    said = run("prune", bundle, "--max-size", "1kB", "--dry-run").stdout
    assert " of artifacts, before compression, would stay" in said
    report = run_json("prune", bundle, "--max-size", "1kB")
    sizes = {each["content_sha256"]: each["size_bytes"] for each in run_json("ls", bundle)["artifacts"]}
    assert report["kept_size_bytes"] == sum(sizes.values()) <= 1000


@pytest.mark.parametrize("days", ["-3", "-0.001", "nan", "inf", "-inf", "1e300", "1e9"])
def test_prune_refuses_what_is_no_number_of_days(bundle, days):
    before = bundle.read_bytes()
    assert "is no number of days: give one from 0 to" in run("prune", bundle, "--older-than", days, expect=2).stderr
    assert bundle.read_bytes() == before


def test_prune_takes_no_days_and_many(bundle):
    assert run_json("prune", bundle, "--older-than", "20000", "--dry-run")["sessions"] == []
    sessions = run_json("prune", bundle, "--older-than", "0", "--dry-run")["sessions"]
    assert COLD in {each["session_id"] for each in sessions}


# -- sign and merge ----------------------------------------------------------------------------------------------------


def test_sign_refuses_a_damaged_bundle(damaged, tmp_path):
    run("keygen", "-o", tmp_path / "team")
    before = damaged.read_bytes()
    said = run("sign", damaged, "--key", tmp_path / "team", expect=1).stderr
    assert said.startswith(f"megacache: nothing was signed: {damaged} is damaged")
    assert "  lost: " in said
    assert "megacache repair" in said
    assert damaged.read_bytes() == before


def test_a_merge_that_adds_nothing_leaves_no_new_bundle(damaged, tmp_path):
    run("merge", tmp_path / "new.megacache", damaged, expect=1)
    assert not (tmp_path / "new.megacache").exists()
    Bundle.create(tmp_path / "old.megacache").close()
    run("merge", tmp_path / "old.megacache", damaged, expect=1)
    assert (tmp_path / "old.megacache").exists()


def test_a_merge_that_fails_names_what_is_in_already(bundle, damaged, tmp_path):
    run("prune", bundle, "--session", COLD)  # so that the other one has more to add
    into = tmp_path / "part.megacache"
    said = run("merge", into, bundle, damaged, expect=1).stderr
    assert f"; {into} has all of {bundle} already, and nothing else was added" in said
    assert run_json("ls", into)["artifacts"] == run_json("ls", bundle)["artifacts"]
