"""The command's looks: its help, the columns of `ls`, and what `show`, `verify` and errors call things."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from command import run
from typer.main import get_command
from typer.testing import CliRunner

import megacache
from megacache.bundle import Bundle
from megacache.cli import app
from megacache.model import COMPILED_ARTIFACT
from megacache.recording import Recording
from megacache.views.names import short_key
from samples import small_recording

README = (Path(megacache.__file__).parents[1] / "README.md").read_text()
COMMANDS = get_command(app).commands


def saved(path: Path, recording: Recording, contents: dict[str, bytes]) -> Path:
    with Bundle.create(path) as created:
        created.append(recording, contents)
    return path


@pytest.fixture
def bundle(tmp_path) -> Path:
    return saved(tmp_path / "small.megacache", *small_recording())


# -- help --------------------------------------------------------------------------------------------------------------


def test_help_and_readme_list_every_command_in_one_order():
    listed = re.findall(r"^  (\w+)  ", run("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    rows = re.findall(r"^\| `megacache (\w+)", README, re.MULTILINE)
    assert set(listed) == set(COMMANDS)
    assert listed == list(dict.fromkeys(rows))
    assert (listed[0], listed[-1]) == ("ls", "prune")  # first what looks, last what destroys


def test_help_cuts_no_summary(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert "..." not in run("--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_names_values_and_not_their_types(name):
    options = run(name, "--help").stdout.partition("Options:")[2]
    assert not re.search(r"<[\w\[\]]+>", options)


@pytest.mark.parametrize("name", ["export", "html"])
def test_help_says_that_a_file_is_replaced(name):
    assert "that is there is replaced" in " ".join(run(name, "--help").stdout.split())


# -- columns and labels ------------------------------------------------------------------------------------------------


def test_ls_keeps_its_columns(tmp_path):
    recording, contents = small_recording()
    first, *others = recording.artifacts
    named = replace(first, artifact_type=COMPILED_ARTIFACT, cache_key="a_model_that_was_compiled_alone")
    sessions = [replace(each, name="a session with a long name" + i * "x") for i, each in enumerate(recording.sessions)]
    changed = replace(recording, artifacts=(named, *others), sessions=tuple(sessions))
    lines = run("ls", saved(tmp_path / "a.megacache", changed, contents)).stdout.splitlines()
    sizes = {re.search(r" [kM]?B  ", line).end() for line in lines if re.search(r"[kM ]B  (hit|miss|-)", line)}
    assert len(sizes) == 1
    assert len({re.search(r"\d{4}-\d\d-\d\d ", line).start() for line in lines[1:3]}) == 1


def test_show_has_labels_that_agree_with_their_values(bundle):
    text = run("show", bundle, "0/0").stdout
    assert not re.search(r"^  \w+_us ", text, re.MULTILINE)
    assert re.search(r"^  duration +[\d.]+ \w+", text, re.MULTILINE)
    assert re.search(r"^  started +\d{4}-\d\d-\d\d ", text, re.MULTILINE)


# -- one name for one artifact -----------------------------------------------------------------------------------------


def test_verify_calls_artifacts_as_ls_does(bundle):
    keys = [each.cache_key for each in small_recording()[0].artifacts]
    content = bytearray(bundle.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd")] ^= 0xFF
    bundle.write_bytes(content)
    text = run("verify", bundle, expect=1).stdout
    listed = re.findall(r"^  lost: \w+ (\S+)$", text, re.MULTILINE)
    assert {short_key(key) for key in keys} <= set(listed)
    assert not any(key in text for key in keys if len(short_key(key)) < len(key))


def test_a_start_of_several_names_shows_what_begins_so(bundle):
    recording = small_recording()[0]
    for letter in "0123456789abcdef":
        result = CliRunner().invoke(app, ["show", str(bundle), letter])
        if "give more characters" in result.stderr:
            named = result.stderr.partition(": ")[2].partition(": ")[2].partition(";")[0].split(", ")
            assert all(re.search(rf"(^|content ){letter}", each) for each in named)
            assert any(each.startswith(tuple(short_key(it.cache_key) for it in recording.artifacts)) for each in named)
            break
    else:
        pytest.fail("no letter begins several names")
