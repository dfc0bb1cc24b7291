"""Narrow: the rows of some sessions, and exactly what those refer to."""

from dataclasses import replace

import pytest

from megacache.bundle.narrow import Choice, narrowed, narrowed_to, precompile_key, used_by, with_parents
from megacache.errors import ArtifactNotFoundError
from samples import COLD, WARM


def test_all_sessions_are_everything_but_what_none_used(small, rows_of):
    recording, _ = small
    is_used = used_by(recording.artifact_uses)
    recording = replace(recording, artifacts=tuple(each for each in recording.artifacts if is_used(each)))
    assert rows_of(narrowed(recording, {COLD, WARM})) == rows_of(recording)


def test_no_session_is_nothing(small, rows_of):
    assert not any(rows_of(narrowed(small[0], ())).values())


def test_an_artifact_brings_its_system(small):
    recording, _ = small
    foreign = replace(recording.systems[0], system_id="foreign")
    artifacts = tuple(replace(each, system_id="foreign") for each in recording.artifacts)
    found = narrowed(replace(recording, systems=(*recording.systems, foreign), artifacts=artifacts), {WARM})
    assert [each.system_id for each in found.systems] == ["a1b2c3d4e5f6", "foreign"]


def test_a_use_of_one_content_is_not_a_use_of_another(small):
    recording, _ = small
    artifact = recording.artifacts[0]
    other = replace(artifact, content_sha256="00" * 32)
    use = replace(recording.artifact_uses[0], artifact_type=artifact.artifact_type, cache_key=artifact.cache_key)
    exact, any_content = replace(use, content_sha256=artifact.content_sha256), replace(use, content_sha256=None)
    assert [used_by([exact])(each) for each in (artifact, other)] == [True, False]
    assert [used_by([any_content])(each) for each in (artifact, other)] == [True, True]
    assert not used_by([replace(exact, artifact_type="pgo")])(artifact)


def test_parents_come_along_all_the_way_up(small):
    codes = small[0].codes
    deeper = replace(codes[1], code_id="deeper", parent_code_id="code-resume")
    assert with_parents((*codes, deeper), ["deeper"]) == {"deeper", "code-resume", "code-forward"}
    assert with_parents(codes, ["not there"]) == {"not there"}


def chosen(recording, name, **more):
    return narrowed_to(recording, Choice(name, **more))


def test_one_function_has_its_resume_functions_and_all_that_belongs_to_them(small):
    recording, _ = small
    main = recording.codes[0]
    found = chosen(recording, f"{main.module}.{main.qualname}")
    ids = {each.code_id for each in recording.codes if main.code_id in (each.code_id, each.parent_code_id)}
    keys = {(each.run_id, each.compile_id) for each in recording.compiles if each.code_id in ids}
    assert {each.code_id for each in found.codes} == ids
    assert {(each.run_id, each.compile_id) for each in found.compiles} == keys
    tables = (found.graph_breaks, found.recompile_reasons, found.dimensions, found.backend_entries, found.documents)
    assert {(each.run_id, each.compile_id) for rows in tables for each in rows} <= keys
    assert {(each.run_id, each.compile_id) for each in found.artifact_uses} == keys & {
        (each.run_id, each.compile_id) for each in recording.artifact_uses
    }
    is_used = used_by(found.artifact_uses)
    assert found.artifacts == tuple(each for each in recording.artifacts if is_used(each))
    assert 0 < len(found.artifacts) < len(recording.artifacts)


def test_a_function_is_chosen_by_any_of_its_names_and_by_its_content(small):
    recording, _ = small
    main = replace(recording.codes[0], wraps="known.as")
    recording = replace(recording, codes=(main, *recording.codes[1:]))
    names = (main.qualname, f"{main.module}.{main.qualname}", "known.as", f"{main.module}.known.as")
    assert all(main in chosen(recording, name).codes for name in names)
    assert main in chosen(recording, main.qualname, digest=main.digest).codes
    with pytest.raises(ArtifactNotFoundError, match=r"nothing of .* is recorded"):
        chosen(recording, main.qualname, digest="another")


def test_an_unknown_function_is_an_error_that_names_those_that_are_there(small):
    with pytest.raises(ArtifactNotFoundError, match=r"nothing of nowhere is recorded: it has .*; name one of these"):
        chosen(small[0], "nowhere")
    with pytest.raises(ArtifactNotFoundError, match="it has no function"):
        chosen(replace(small[0], codes=()), "nowhere")


def test_torchs_precompile_entry_of_a_function_comes_along(small):
    recording, _ = small
    main = recording.codes[0]
    keys = (precompile_key(main.qualname, main.first_line), "given", "of another")
    entries = tuple(replace(recording.artifacts[0], artifact_type="precompile", cache_key=key) for key in keys)
    recording = replace(recording, artifacts=(*recording.artifacts, *entries))
    found = chosen(recording, main.qualname, cache_keys=("given",)).artifacts
    assert {each.cache_key for each in found if each.artifact_type == "precompile"} == set(keys[:2])


def test_codes_that_resume_each_other_come_to_an_end(small):
    first, second = small[0].codes[:2]
    loop = (replace(first, parent_code_id=second.code_id), replace(second, parent_code_id=first.code_id))
    assert with_parents(loop, [first.code_id]) == {first.code_id, second.code_id}
    with pytest.raises(ArtifactNotFoundError):
        narrowed_to(replace(small[0], codes=loop), Choice(first.qualname))
