"""The command: what each prints, its JSON, its exit code; and how quick it is without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import run, run_json

from megacache.bundle import Bundle
from megacache.recording import Recording
from samples import COLD, large_recording, small_recording

LOGS = Path(__file__).parent / "traces" / "torch-2.13.0"

HOUSE = Path(__file__).parents[1]


def run_process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, in which importing torch raises."""
    command = [sys.executable, "-m", "megacache", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HOUSE), **environment},
    )


@pytest.fixture
def recording() -> Recording:
    return small_recording()[0]


@pytest.fixture
def bundle(tmp_path) -> Path:
    path = tmp_path / "small.megacache"
    recording, contents = small_recording()
    with Bundle.create(path) as created:
        created.append(recording, contents)
    return path


@pytest.fixture(scope="module")
def large_bundle(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.megacache"
    recording, contents = large_recording(10_000)
    with Bundle.create(path) as created:
        created.append(recording, contents)
    return path


@pytest.fixture(scope="module")
def no_torch(tmp_path_factory) -> str:
    """A directory whose torch raises; put it first on the path."""
    directory = tmp_path_factory.mktemp("no-torch")
    (directory / "torch.py").write_text("raise ImportError('this process must not import torch')\n")
    return f"{directory}{os.pathsep}{HOUSE}"


# -- ls ----------------------------------------------------------------------------------------------------------------


def test_ls_lists_sessions_and_artifacts(bundle, recording):
    lines = run("ls", bundle).stdout.splitlines()
    assert lines[0] == "2 sessions"
    assert [line.split()[0] for line in lines[1:3]] == ["encoder", "encoder,"]
    assert lines[3].startswith(f"{len(recording.artifacts)} artifacts, ")
    for artifact, line in zip(recording.artifacts, lines[4:], strict=True):
        assert artifact.artifact_type in line
        assert artifact.cache_key[:12] in line


def test_ls_json_has_the_fields_of_the_model(bundle, recording):
    document = run_json("ls", bundle)
    assert list(document) == ["path", "format_version", "size_bytes", "sessions", "artifacts"]
    assert [each["session_id"] for each in document["sessions"]] == [each.session_id for each in recording.sessions]
    assert {"artifact_type", "cache_key", "content_sha256", "state", "compile_ids"} <= set(document["artifacts"][0])
    assert len(document["artifacts"]) == len(recording.artifacts)


def test_ls_says_the_state_of_the_last_use(bundle, recording):
    listed = {each["cache_key"]: each for each in run_json("ls", bundle)["artifacts"]}
    for use in recording.artifact_uses:
        if use.cache_key in listed and use.state is not None:
            last = [each for each in recording.artifact_uses if each.cache_key == use.cache_key and each.state][-1]
            assert listed[use.cache_key]["state"] == last.state
            assert use.compile_id is None or use.compile_id in listed[use.cache_key]["compile_ids"]


def test_ls_of_an_empty_bundle(tmp_path):
    Bundle.create(tmp_path / "empty.megacache").close()
    assert run("ls", tmp_path / "empty.megacache").stdout.splitlines() == ["0 sessions", "0 artifacts, 0 B"]


@pytest.mark.alone
def test_ls_of_10_000_artifacts_is_quick_and_needs_no_torch(large_bundle, no_torch):
    seconds = []
    for _ in range(5):
        started = sum(os.times()[2:4])
        done = run_process("ls", large_bundle, PYTHONPATH=no_torch)
        seconds.append(sum(os.times()[2:4]) - started)  # of the command alone, whatever else the machine does
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 10_000 + 3
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "arguments", [["ls"], ["tree"], ["verify"], ["show", "0/0"], ["html"]], ids=lambda each: each[0]
)
def test_reading_works_where_torch_cannot_be_imported(bundle, no_torch, arguments):
    command, *more = arguments
    done = run_process(command, bundle, *more, PYTHONPATH=no_torch)
    assert (done.returncode, done.stderr) == (0, "")


def test_listing_imports_nothing_heavy(bundle):
    code = (
        "import sys; from megacache.cli import app\n"
        f"app(['ls', {str(bundle)!r}], standalone_mode=False)\n"
        "print([name for name in ('torch', 'pandas', 'plotly', 'IPython', 'rich', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE)
    assert done.stdout.splitlines()[-1] == "[]"


# -- show --------------------------------------------------------------------------------------------------------------


def test_show_an_artifact_by_the_start_of_its_key(bundle, recording):
    artifact = next(each for each in recording.artifacts if each.artifact_type == "inductor")
    (card,) = run_json("show", bundle, artifact.cache_key)
    assert card["kind"] == "artifact"
    assert card["content_sha256"] == artifact.content_sha256
    assert card["uses"]
    text = run("show", bundle, artifact.cache_key[:10]).stdout
    assert artifact.cache_key in text
    assert "key components: " in text


def test_show_a_compile_by_its_id(bundle, recording):
    recompile = next(each for each in recording.compiles if each.is_recompile)
    cards = run_json("show", bundle, recompile.compile_id)
    assert {card["compile_id"] for card in cards} == {recompile.compile_id}
    reasons = [each.guard for each in recording.recompile_reasons if each.compile_id == recompile.compile_id]
    assert [each["guard"] for each in cards[0]["recompile_reasons"]] == reasons
    text = run("show", bundle, recompile.compile_id).stdout
    for heading in ("codes", "guards", "graph breaks", "recompile reasons", "backend entries", "dimensions", "uses"):
        assert f"\n{heading}: " in text


def test_show_prints_every_kind_of_row(bundle, recording):
    for name in {each.compile_id for each in recording.compiles} | {each.qualname for each in recording.codes}:
        lines = run("show", bundle, name).stdout.splitlines()
        assert lines
        assert max(map(len, lines)) <= 160


def test_show_a_function_by_its_name(bundle, recording):
    code = next(each for each in recording.codes if each.parent_code_id is None)
    (card,) = run_json("show", bundle, code.qualname)
    assert (card["kind"], card["code_id"]) == ("code", code.code_id)
    assert len(card["compiles"]) == sum(each.code_id == code.code_id for each in recording.compiles)


def test_show_refuses_an_unknown_name(bundle):
    result = run("show", bundle, "no-such-thing", expect=2)
    assert "nothing is called 'no-such-thing'" in result.stderr


def test_show_refuses_a_start_of_several_keys(bundle, recording):
    letters = [each.cache_key[0] for each in recording.artifacts]
    shared = max(set(letters), key=letters.count)
    assert letters.count(shared) > 1
    assert "give more characters" in run("show", bundle, shared, expect=2).stderr


# -- tree, verify, html, diff ------------------------------------------------------------------------------------------


def test_tree_is_that_of_the_bundle(bundle):
    with Bundle.open(bundle) as opened:
        assert run("tree", bundle).stdout == f"{opened.tree()}\n"


def test_tree_json_has_nodes(bundle):
    root = run_json("tree", bundle)
    assert root["kind"] == "recording"
    assert [each["kind"] for each in root["children"][:2]] == ["session", "session"]


def test_verify_finds_nothing_in_a_good_bundle(bundle):
    assert run("verify", bundle).stdout
    assert run_json("verify", bundle)["problems"] == []


def test_verify_finds_a_flipped_byte(bundle):
    content = bytearray(bundle.read_bytes())
    frame = content.index(b"\x28\xb5\x2f\xfd")  # where the first pack's zstd frame begins
    content[frame + 16] ^= 0xFF
    bundle.write_bytes(content)
    document = run_json("verify", bundle, expect=1)
    assert document["problems"]
    assert run("verify", bundle, expect=1).stdout


def test_html_writes_one_page(bundle, tmp_path):
    page = tmp_path / "page.html"
    assert str(page) in run("html", bundle, "-o", page).stdout
    assert 'id="megacache-tree"' in page.read_text()
    beside = bundle.with_suffix(".html")
    assert run_json("html", bundle) == {"path": str(beside), "size_bytes": beside.stat().st_size}


@pytest.mark.parametrize("option", ["--keep-home", "--keep-environment"])
def test_html_keeps_in_what_it_is_told_to(bundle, recording, monkeypatch, option):
    written = []
    monkeypatch.setattr("megacache.explorer.page.write", lambda *arguments: written.append(arguments) or 1)
    run("html", bundle, option)
    ((_, _, discretion),) = written
    assert (discretion.keeps_home, discretion.keeps_environment) == (option == "--keep-home", option != "--keep-home")


def test_html_without_a_front_end_says_how_to_build_it(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr("megacache.explorer.front_end.STATIC", tmp_path / "nowhere")
    result = run("html", bundle, expect=2)
    assert "make front-end" in result.stderr
    assert not bundle.with_suffix(".html").exists()


def test_html_names_a_place_that_cannot_be_written(bundle, tmp_path):
    result = run("html", bundle, "--output", tmp_path / "missing" / "page.html", expect=2)
    assert "cannot write" in result.stderr


def test_diff_of_equal_bundles_is_no_finding(bundle, tmp_path):
    same = tmp_path / "same.megacache"
    same.write_bytes(bundle.read_bytes())
    assert "only in small.megacache: no artifact" in run("diff", bundle, same).stdout
    assert run_json("diff", bundle, same)["has_findings"] is False


def test_diff_of_other_bundles_is_a_finding(bundle, tmp_path):
    Bundle.create(tmp_path / "empty.megacache").close()
    assert run_json("diff", bundle, tmp_path / "empty.megacache", expect=1)["only_old"]


# -- merge, prune, compact, import, export -----------------------------------------------------------------------------


def test_merge_unites(bundle, tmp_path, recording):
    target = tmp_path / "both.megacache"
    run("merge", target, bundle)
    report = run_json("merge", target, bundle)
    assert report["new_artifact_count"] == 0
    assert report["artifact_count"] == len(recording.artifacts)


def test_export_and_import_are_inverse(bundle, tmp_path, recording):
    file, again = tmp_path / "torch.bin", tmp_path / "again.megacache"
    assert run_json("export", bundle, "-o", file)["path"] == str(file)
    run("import", file, "-o", again)
    keys = {(each.artifact_type, each.cache_key) for each in recording.artifacts}
    with Bundle.open(again) as opened:
        assert {(each.artifact_type, each.cache_key) for each in opened.recording().artifacts} <= keys
        assert opened.recording().artifacts


def test_export_of_one_type(bundle, tmp_path):
    file, again = tmp_path / "torch.bin", tmp_path / "again.megacache"
    run("export", bundle, "-o", file, "--type", "inductor")
    run("import", file, "-o", again)
    assert {each["artifact_type"] for each in run_json("ls", again)["artifacts"]} == {"inductor"}


def test_export_refuses_an_unknown_type(bundle, tmp_path):
    assert (
        "kernels is no artifact type"
        in run("export", bundle, "-o", tmp_path / "x", "--type", "kernels", expect=2).stderr
    )


def test_import_refuses_another_file(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("these are notes, and long enough to be no container")
    assert run("import", file, "-o", tmp_path / "x.megacache", expect=2).stderr.startswith("megacache: ")
    assert "cannot read" in run("import", tmp_path / "none", "-o", tmp_path / "x.megacache", expect=2).stderr


def test_import_of_logs_needs_no_torch_and_is_seen_by_every_command(tmp_path, no_torch):
    into = tmp_path / "traced.megacache"
    done = run_process("import", LOGS, into, PYTHONPATH=no_torch)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {into}: 2 new sessions of 2 logs, 8 compiles, ")
    for command in (("ls", into), ("tree", into), ("show", into, "broken"), ("verify", into)):
        assert run_process(*command, PYTHONPATH=no_torch).returncode == 0
    assert "graph break Failed to trace builtin operator" in run("tree", into).stdout


def test_import_tells_logs_from_artifacts_by_content(bundle, tmp_path):
    log, file, into = tmp_path / "torch.bin", tmp_path / "x.log", tmp_path / "both.megacache"
    log.write_bytes(next(LOGS.glob("*rank_1*")).read_bytes()[:-20])
    run("export", bundle, "-o", file)
    report = run_json("import", log, into)
    assert (report["new_session_count"], report["cut_log_count"]) == (1, 1)
    assert run_json("import", file, "-o", into)["artifact_count"] > 0
    assert len(run_json("ls", into)["sessions"]) == 2


def test_import_says_what_is_wrong_with_its_arguments(bundle, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("these are notes, and long enough to be no container")
    for arguments, message in (
        ((LOGS,), "name the bundle too"),
        ((LOGS, notes, bundle), f"{notes} is none"),
        ((LOGS, notes), "not a megacache bundle"),
        ((notes, bundle), "neither torch's cache artifacts nor a log"),
        ((tmp_path, bundle), "no log in"),
    ):
        assert message in run("import", *arguments, expect=2).stderr


def test_repair_copies_a_whole_bundle(bundle, recording):
    into = bundle.with_name("repaired.megacache")
    assert f"{bundle} is whole: {into} is a copy" in run("repair", bundle, into).stdout
    with Bundle.open(into) as opened:
        assert opened.recording().artifacts == recording.artifacts
    assert "exists already" in run("repair", bundle, into, expect=2).stderr


def test_repair_saves_what_is_whole_of_a_bundle_that_cannot_be_opened(bundle, recording):
    into = bundle.with_name("repaired.megacache")
    bundle.write_bytes(bytes(1024) + bundle.read_bytes()[1024:])
    run("ls", bundle, expect=2)
    document = run_json("repair", bundle, into, expect=1)
    assert document["is_whole"] is False
    assert document["saved_rows"]["artifact"] == len(recording.artifacts)
    assert document["lost_artifacts"] == document["lost_documents"] == []
    assert len(run_json("ls", into)["artifacts"]) == len(recording.artifacts)


def test_repair_names_what_is_lost(bundle, recording):
    into = bundle.with_name("repaired.megacache")
    content = bytearray(bundle.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd")] ^= 0xFF
    bundle.write_bytes(content)
    text = run("repair", bundle, into, expect=1).stdout
    assert f"{into} has what is whole, 0 artifacts of 2 sessions; {len(recording.artifacts)} artifacts and " in text
    for artifact in recording.artifacts:
        assert f"lost: {artifact.artifact_type} {artifact.cache_key[:8]}" in text


def test_compact_keeps_everything(bundle):
    before = run_json("ls", bundle)["artifacts"]
    run("compact", bundle)
    assert run_json("ls", bundle)["artifacts"] == before
    assert run_json("compact", bundle)["path"] == str(bundle)


def test_prune_removes_one_session(bundle):
    run("prune", bundle, "--session", COLD)
    assert COLD not in {each["session_id"] for each in run_json("ls", bundle)["sessions"]}


def test_prune_removes_what_served_nobody_and_what_does_not_fit(bundle):
    whole = len(run_json("ls", bundle)["artifacts"])
    unused = run_json("prune", bundle, "--unused", "--dry-run")
    assert 0 < len(unused["artifacts"]) < whole
    assert len(run_json("ls", bundle)["artifacts"]) == whole
    run("prune", bundle, "--max-size", "0.0 kB")
    assert run_json("ls", bundle)["artifacts"] == []


@pytest.mark.parametrize("size", ["many", "5 parsecs", "-1", ""])
def test_prune_names_a_size_that_is_none(bundle, size):
    assert "write it as 500MB" in run("prune", bundle, "--max-size", size, expect=2).stderr


def test_prune_needs_to_be_told_what(bundle):
    assert "--session" in run("prune", bundle, expect=2).stderr


# -- exit codes and errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["ls", "tree", "verify", "html"])
def test_no_such_file_is_wrong_input(command, tmp_path):
    done = run_process(command, tmp_path / "missing.megacache")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("megacache: ")
    assert "missing.megacache" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_file_is_wrong_input(tmp_path):
    file = tmp_path / "notes.megacache"
    file.write_text("these are notes")
    done = run_process("ls", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_damaged_bundle_is_a_finding(bundle):
    size = bundle.stat().st_size
    os.truncate(bundle, size // 2)
    done = run_process("ls", bundle)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_a_wrong_option_is_a_usage_error(bundle):
    done = run_process("ls", bundle, "--colour")
    assert done.returncode == 2
    assert "--colour" in done.stderr


def test_the_version_is_printed():
    from megacache import __version__

    assert run("--version").stdout == f"megacache {__version__}\n"
