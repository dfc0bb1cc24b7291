"""The command, when something is wrong: what is refused, what the message says, and the exit code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import run, run_json
from typer.testing import CliRunner

from megacache.bundle import Bundle
from megacache.cli import app
from samples import COLD, small_recording

pytestmark = pytest.mark.usefixtures("config")

HOUSE = Path(__file__).parents[1]


def damage(path: Path) -> Path:
    """Flip a byte of the first pack's zstd frame, which nobody sees before the contents are read."""
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 16] ^= 0xFF
    path.write_bytes(content)
    return path


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


# -- what is named -----------------------------------------------------------------------------------------------------


COMMANDS = [
    ("ls", "FILE"),
    ("show", "FILE", "0/0"),
    ("tree", "FILE"),
    ("verify", "FILE"),
    ("html", "FILE"),
    ("diff", "FILE", "BUNDLE"),
    ("diff", "BUNDLE", "FILE"),
    ("prune", "FILE", "--unused"),
    ("compact", "FILE"),
    ("repair", "FILE", "OUT"),
    ("merge", "OUT", "FILE"),
    ("merge", "FILE", "BUNDLE"),
    ("import", "FILE", "OUT"),
    ("import", "BUNDLE", "-o", "FILE"),
    ("export", "FILE", "-o", "OUT"),
    ("sign", "BUNDLE", "--key", "FILE"),
    ("verify", "BUNDLE", "--signed", "--key", "FILE"),
    ("trust", "FILE"),
]


def filled(arguments: tuple[str, ...], **paths: Path) -> list[str]:
    return [str(paths.get(each, each)) for each in arguments]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_pipe_is_refused_and_not_waited_for(bundle, tmp_path, arguments):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = filled(arguments, FILE=pipe, BUNDLE=bundle, OUT=tmp_path / "out.megacache")
    assert f"megacache: {pipe} is a pipe, not a file: " in run(*command, expect=2).stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_unreadable_file_is_left_to_whoever_reads_it(bundle, tmp_path, arguments, monkeypatch):
    """Typer asks `os.access`, and would answer in words of its own."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    command = filled(arguments, FILE=bundle, BUNDLE=bundle, OUT=tmp_path / "out.megacache")
    said = CliRunner().invoke(app, command, catch_exceptions=False).stderr
    assert "not readable" not in said
    assert "Usage:" not in said


def test_an_export_may_go_into_a_device(bundle):
    run("export", bundle, "-o", "/dev/null")


def test_verify_of_a_cut_file_speaks_json(bundle):
    os.truncate(bundle, bundle.stat().st_size // 2)
    result = run("verify", bundle, "--json", expect=1)
    document = json.loads(result.stdout)
    assert (document["path"], document["is_ok"]) == (str(bundle), False)
    assert document["problems"]
    assert document["size_bytes"] == bundle.stat().st_size
    assert result.stderr.startswith("megacache: ")


@pytest.mark.parametrize("command", ["ls", "tree", "show", "export"])
def test_whoever_meets_damage_ends_with_1(bundle, tmp_path, command):
    os.truncate(bundle, bundle.stat().st_size // 2)
    more = {"show": ["0/0"], "export": ["-o", tmp_path / "x"]}.get(command, [])
    assert "megacache: " in run(command, bundle, *more, expect=1).stderr


def test_import_names_the_file_and_what_to_do(bundle, tmp_path):
    into, file, notes = tmp_path / "z.megacache", tmp_path / "cut.bin", tmp_path / "notes.txt"
    run("export", bundle, "-o", file)
    os.truncate(file, file.stat().st_size - 5)
    notes.write_text("these are notes, and long enough to be no container")
    said = run("import", file, into, expect=1).stderr
    assert said.startswith(f"megacache: {file}: ")
    assert "save them again" in said
    assert f"megacache merge {into} {bundle}" in run("import", bundle, into, expect=2).stderr
    assert "name what torch.compiler.save_cache_artifacts()" in run("import", notes, into, expect=2).stderr
    assert not into.exists()


def test_a_folder_is_no_bundle_and_a_next_step_is_named(tmp_path):
    assert "is a directory, not a bundle: name a *.megacache file" in run("verify", tmp_path, expect=2).stderr


def test_export_refuses_a_key_that_nothing_has(bundle, tmp_path):
    file = tmp_path / "torch.bin"
    assert "has the key nope: " in run("export", bundle, "-o", file, "--key", "nope", expect=2).stderr
    key = next(each["cache_key"] for each in run_json("ls", bundle)["artifacts"] if each["artifact_type"] == "inductor")
    assert f"has the key {key}" in run("export", bundle, "-o", file, "--key", key, "--type", "pgo", expect=2).stderr
    assert not file.exists()
    run("export", bundle, "-o", file, "--key", key)


# -- what is printed ---------------------------------------------------------------------------------------------------


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, check=False, cwd=HOUSE
    )


@pytest.mark.parametrize("command", ["ls BUNDLE", "ls BUNDLE --json", "--version"])
def test_a_full_disk_for_the_output_is_one_message(bundle, command):
    done = shell(f"{sys.executable} -m megacache {command.replace('BUNDLE', str(bundle))} > /dev/full")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("megacache: cannot print: No space left on device; ")


def test_a_reader_that_has_enough_is_no_error(bundle):
    done = shell(f"for _ in 1 2 3; do {sys.executable} -m megacache ls {bundle} --json | head -1; done")
    assert (done.stdout, done.stderr) == ("{\n" * 3, "")


def test_a_closed_output_is_no_error(bundle):
    done = shell(f"{sys.executable} -m megacache ls {bundle} >&-")
    assert (done.returncode, done.stderr) == (0, "")
