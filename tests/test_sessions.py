"""Tests of `megacache.sessions`: the main job, from a real compile to a warm start, and the whole tree."""

from __future__ import annotations

import json

import pytest

from forgery import forge
from megacache.bundle import Bundle
from megacache.errors import IncompatibleError, SessionError
from megacache.model import ARTIFACT_TYPES

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def facts(programs):
    """What the program `every_kind` saw: one cold compile serves all tests of this file."""
    programs.run("every_kind", "every.megacache", "facts.json")
    return json.loads((programs.folder / "facts.json").read_text())


@pytest.fixture(scope="module")
def bundle(facts, programs):
    with Bundle.open(programs.folder / "every.megacache") as bundle:
        yield bundle


@pytest.fixture(scope="module")
def recording(bundle):
    return bundle.recording()


def rows_of(rows, compile_id):
    return [row for row in rows if row.compile_id == compile_id]


def named(recording, qualname):
    (code,) = [code for code in recording.codes if code.qualname == qualname]
    return code


def compiles_of(recording, code):
    return [each.compile_id for each in recording.compiles if each.code_id == code.code_id]


def test_artifacts_are_as_many_as_torch_counts(facts, bundle):
    table = bundle.tables.artifacts
    assert table.groupby("artifact_type").size().to_dict() == facts["counts"]
    assert len(table) == sum(facts["counts"].values()) == facts["rows"]


def test_nothing_went_wrong_inside_megacache(facts):
    assert facts["faults"] == []


def test_function_has_its_compiles(recording):
    broken = named(recording, "broken")
    assert broken.module == "__main__"
    assert broken.source.startswith("def broken(x, n):")
    assert compiles_of(recording, broken) == ["0/0", "0/1", "0/2"]
    assert [each.is_recompile for each in recording.compiles[:1]] == [False]


def test_resume_function_hangs_on_its_parent_and_line(recording):
    broken = named(recording, "broken")
    (resume,) = [code for code in recording.codes if code.parent_code_id]
    (line,) = {each.line for each in recording.graph_breaks if each.compile_id == "0/0"}
    assert resume.parent_code_id == broken.code_id
    assert resume.resume_line == line
    assert compiles_of(recording, resume) == ["1/0", "1/1"]


def test_graph_break_has_reason_place_and_hints(recording):
    (found,) = rows_of(recording.graph_breaks, "0/0")
    assert found.attempt == 0
    assert found.gb_type == "Failed to trace builtin operator"
    assert "print" in found.source_line
    assert found.filename.endswith("every_kind.py")
    assert found.user_stack[-1].endswith("broken")
    assert found.hints


def test_restart_after_a_graph_break_is_an_attempt(recording):
    first = next(each for each in recording.compiles if each.compile_id == "0/0")
    assert first.attempt_count == 2
    assert first.restart_reasons == ("Failed to trace builtin operator",)


def test_recompile_for_the_shape(recording):
    (reason,) = rows_of(recording.recompile_reasons, "0/1")
    assert reason.failed_compile_id == "0/0"
    assert reason.guard == "tensor 'x' size mismatch at index 0. expected 8, actual 9"
    (dimension,) = rows_of(recording.dimensions, "0/1")
    assert (dimension.hint, dimension.source) == ("9", "L['x'].size()[0]")
    assert dimension.symbol.startswith("s")
    assert dimension.range


def test_recompile_for_the_value(recording):
    reasons = rows_of(recording.recompile_reasons, "0/2")
    assert [each.failed_compile_id for each in reasons] == ["0/1", "0/0"]
    assert reasons[0].guard == "n == 1"
    assert reasons[0].source_line == "y = helper(x) * n"


def test_guards_are_kept_and_counted(recording):
    guards = rows_of(recording.guards, "0/0")
    kept = [guard for guard in guards if not guard.is_dropped]
    assert {"TENSOR_MATCH", "GLOBAL_STATE"} <= {guard.guard_type for guard in kept}
    (tensor,) = [guard for guard in kept if guard.guard_type == "TENSOR_MATCH"]
    assert tensor.source == "L['x']"
    assert tensor.source_line == "return torch.sin(x)"


def test_dropped_guards_say_who_dropped_them(recording):
    (compile_id,) = compiles_of(recording, named(recording, "filtered"))
    guards = rows_of(recording.guards, compile_id)
    dropped = [guard for guard in guards if guard.is_dropped]
    assert [(guard.guard_type, guard.drop_reason) for guard in dropped] == [("TENSOR_MATCH", "guard_filter_fn")]
    assert "TENSOR_MATCH" not in {guard.guard_type for guard in guards if not guard.is_dropped}


def test_backend_entries_are_forward_backward_and_inference(recording):
    kinds = {each: [entry.kind for entry in rows_of(recording.backend_entries, each)] for each in ("0/0", "1/0", "0/2")}
    assert kinds == {each: ["forward", "backward"] for each in ("0/0", "1/0", "0/2")}
    (compile_id,) = compiles_of(recording, named(recording, "filtered"))
    assert [entry.kind for entry in rows_of(recording.backend_entries, compile_id)] == ["inference"]
    assert all(entry.backend_id.startswith("__compiled_fn_") for entry in recording.backend_entries if entry.compile_id)


def test_forward_and_backward_have_their_artifacts(recording):
    uses = [use for use in rows_of(recording.artifact_uses, "0/0") if use.artifact_type == "inductor"]
    assert sorted(use.kind for use in uses) == ["backward", "forward"]
    assert len({use.cache_key for use in uses}) == 2
    assert {use.state for use in uses} == {"miss"}
    assert all(use.content_sha256 and use.components_sha256 and use.time_taken_us for use in uses)
    (aot,) = [use for use in rows_of(recording.artifact_uses, "0/0") if use.artifact_type == "aot_autograd"]
    assert (aot.state, aot.detail) == ("miss", "full_miss")


def test_key_components_are_kept_for_both_layers(bundle):
    table = bundle.tables.key_components
    assert {"aot_autograd", "inductor"} <= set(table["artifact_type"])
    assert table["name"].str.startswith("inductor_config[").sum() > 100


def test_documents_of_every_stage(recording):
    names = {document.name for document in rows_of(recording.documents, "0/0")}
    stages = {
        "dynamo_graph",
        "joint_graph",
        "forward_graph",
        "backward_graph",
        "post_grad_graph",
        "output_code",
        "guards",
    }
    assert stages <= names
    codes = {each.kind: each for each in rows_of(recording.documents, "0/0") if each.name == "output_code"}
    assert sorted(codes) == ["backward", "forward"]
    assert "AOT ID" in recording.text(codes["forward"])


def test_times_of_a_compile_are_told_by_phase(recording):
    first = next(each for each in recording.compiles if each.compile_id == "0/0")
    assert 0 < first.tracing_us < first.duration_us
    assert 0 < first.compiler_us <= first.codegen_us <= first.inductor_us <= first.aot_us <= first.backend_us
    backward = next(each for each in rows_of(recording.backend_entries, "0/0") if each.kind == "backward")
    assert 0 < backward.inductor_us <= backward.duration_us


def test_failed_compile_keeps_its_exception(recording):
    (compile_id,) = compiles_of(recording, named(recording, "whole"))
    failed = next(each for each in recording.compiles if each.compile_id == compile_id)
    assert (failed.status, failed.error_type) == ("failed", "Unsupported")
    assert "print" in failed.error


def test_tree_shows_all_of_it(bundle):
    text = str(bundle.tree())
    for part in (
        "broken",
        "filtered",
        "whole",
        "0/0",
        "0/1",
        "0/2",
        "n == 1",
        "8 → 9",
        "graph break",
        "resume",
    ):
        assert part in text
    for kind in ("forward", "backward", "inference", "aot_autograd", "inductor"):
        assert kind in text


def test_session_and_system_are_told(recording):
    (session,) = recording.sessions
    (system,) = recording.systems
    assert (session.name, session.status, session.error) == ("every kind", "ok", None)
    assert session.script.endswith("every_kind.py")
    assert session.started_us < session.ended_us
    assert {artifact.system_id for artifact in recording.artifacts} == {system.system_id} == {session.system_id}
    assert system.cpu_isa
    assert system.compiler_version


def test_second_process_is_warm(facts, programs):
    cold = (programs.folder / "every.megacache").stat().st_size
    warm = json.loads(programs.run("every_kind_again", "every.megacache").splitlines()[-1])
    assert set(warm["verdicts"]) == {"hit"}
    assert warm["verdicts"]["hit"] == facts["rows"]
    assert warm["states"] == ["hit"]
    with Bundle.open(programs.folder / "every.megacache") as bundle:
        assert len(bundle.recording().sessions) == 2
        assert len(bundle.tables.artifacts) == facts["rows"]
        assert bundle.verify().is_ok
    assert (programs.folder / "every.megacache").stat().st_size < 2 * cold


def test_save_without_a_capture_says_what_to_do(tmp_path):
    from megacache.process import Process

    with pytest.raises(SessionError, match="enable"):
        Process().save([], tmp_path / "nothing.megacache")


@pytest.mark.parametrize("name", ["nothing.html", "nothing.bin"])
def test_export_without_a_capture_says_what_to_do(tmp_path, monkeypatch, name):
    from megacache import verbs
    from megacache.process import Process

    monkeypatch.setattr(verbs, "process", Process())
    with pytest.raises(SessionError, match="enable"):
        verbs.export(tmp_path / name)
    with pytest.raises(SessionError, match="enable"):
        verbs.everything().export_html(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_session_outside_its_block_says_what_to_do(tmp_path):
    import megacache

    with pytest.raises(SessionError, match="with"):
        megacache.session("x").recording()
    with pytest.raises(SessionError, match="with"):
        megacache.session("x").load(tmp_path / "nothing.megacache")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("torch_version", "2.12.0", "torch"),
        ("python_version", "CPython 3.10.1", "Python"),
        ("cpu_isa", "avx2", "CPU has"),
    ],
)
def test_bundle_of_another_system_is_refused_with_its_difference(facts, programs, tmp_path, column, value, message):
    import megacache

    path = tmp_path / "foreign.megacache"
    path.write_bytes((programs.folder / "every.megacache").read_bytes())
    forge(path, f"UPDATE system_info SET {column} = '{value}'")
    try:
        with pytest.raises(IncompatibleError, match=message) as failure:
            megacache.load(path)
    finally:
        megacache.disable()
    assert failure.value.mismatches


def test_session_goes_on_with_a_bundle_of_another_system(facts, programs):
    """Nothing is served, nothing is lost: the session captures, and its save is a union."""
    printed = json.loads(programs.run("foreign_bundle", "every.megacache", "foreign.megacache").splitlines()[-1])
    assert set(printed["verdicts"]) == {"refused"}
    assert "compiled by torch 2.12.0" in printed["reason"] or "2.12.0" in printed["reason"]
    assert printed["rows_after"] > facts["rows"]


def test_users_error_is_not_hidden_by_ours(facts, programs, tmp_path):
    import megacache

    session = megacache.session("x", bundle=tmp_path / "no such directory" / "x.megacache")
    try:
        with pytest.warns(UserWarning, match="could not be saved"), pytest.raises(ZeroDivisionError), session:
            raise ZeroDivisionError
        assert session.info.status == "failed"
        assert session.info.error == "ZeroDivisionError: "
    finally:
        megacache.disable()


def test_lazy_backward_belongs_to_the_session_that_lowers_it(programs):
    facts = json.loads(programs.run("lazy_backward", "lazy.megacache").splitlines()[-1])
    assert facts["kinds"] == ["backward"]
    assert facts["compile_ids"] == ["0/0"]
    assert facts["artifact_types"] == ["aot_autograd", "guarded_code", "inductor", "kernel"]
    assert facts["rows"] == 2  # torch's own
    assert facts["tree"].count("session ") == 2  # its own, and the remark that the compile is an earlier one's
    assert "compiled in an earlier session" in facts["tree"]
    with Bundle.open(programs.folder / "lazy.megacache") as bundle:
        recording = bundle.recording()
    assert [session.name for session in recording.sessions] == ["forward", "backward"]
    assert [entry.kind for entry in recording.backend_entries] == ["forward", "backward"]
    assert sorted(each.artifact_type for each in recording.artifacts if each.artifact_type in ARTIFACT_TYPES) == [
        "aot_autograd",
        "inductor",
        "inductor",
    ]


def test_damage_in_the_loaded_bundle_costs_neither_the_session_nor_torch(facts, programs):
    printed = json.loads(programs.run("damaged_bundle", "every.megacache", "damaged.megacache").splitlines()[-1])
    assert printed == {"is_open": False, "is_on": False, "saved": 1}


def test_precompile_artifacts_belong_to_the_session_that_made_them(programs):
    printed = json.loads(programs.run("precompile_session", "precompile.megacache").splitlines()[-1])
    assert printed["torch"] == printed["session"]
    assert printed["session"]["precompile"] == 1


def test_export_never_replaces_a_bundle(facts, programs):
    import megacache
    from megacache import verbs
    from megacache.errors import BundleNotWritableError

    path = programs.folder / "every.megacache"
    before = path.read_bytes()
    megacache.enable()
    try:
        with pytest.raises(BundleNotWritableError, match="would destroy"):
            verbs.export(path)
    finally:
        megacache.disable()
    assert path.read_bytes() == before


def test_an_empty_file_that_a_killed_process_left_is_no_bundle_yet_and_becomes_one(programs):
    (empty := programs.folder / "empty.megacache").touch()
    told = json.loads(programs.run("precompile_session", empty))
    assert told["session"]["aot_autograd"] == 1
