"""Narrow: the rows of some sessions, and exactly what those refer to."""

from dataclasses import replace

from megacache.bundle.narrow import narrowed, used_by, with_parents
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


def test_codes_that_resume_each_other_come_to_an_end(small):
    first, second = small[0].codes[:2]
    loop = (replace(first, parent_code_id=second.code_id), replace(second, parent_code_id=first.code_id))
    assert with_parents(loop, [first.code_id]) == {first.code_id, second.code_id}
