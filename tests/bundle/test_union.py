"""Union: merging adds everything; of a session in both bundles the later save is kept, in whichever order."""

from dataclasses import replace

import pytest

from megacache.bundle import Bundle
from megacache.bundle.union import Contents
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.recording import Recording
from samples import COLD, START
from samples import Contents as SampleContents


@pytest.fixture
def saves(tmp_path, small):
    """Two bundles with the same session: saved while it ran, and at its end with one document more to say."""
    recording, contents = small
    (session, _), (document, *_) = recording.sessions, recording.documents
    early = SampleContents()
    digest = early.add("what was known early")
    first = replace(
        recording,
        sessions=(replace(session, status="open", ended_us=None, error=None),),
        documents=(replace(document, content_sha256=digest, size_bytes=len(early[digest])),),
        artifacts=recording.artifacts[:1],
        artifact_uses=(),
        codes=(),
        compiles=(),
    )
    with (
        Bundle.create(tmp_path / "early.megacache") as early_bundle,
        Bundle.create(tmp_path / "late.megacache") as late,
    ):
        early_bundle.append(first, {**contents, **early})
        late.append(recording, contents)
        yield early_bundle, late


@pytest.mark.parametrize("is_early_first", [True, False])
def test_the_later_save_of_a_session_is_kept(saves, small, rows_of, is_early_first):
    early, late = saves
    target, source = (early, late) if is_early_first else (late, early)
    report = target.merge(source)
    found = target.recording()
    for name, rows in rows_of(small[0]).items():
        assert sorted(map(repr, getattr(found, name))) == sorted(map(repr, rows))
    assert report.new_artifact_count == (len(small[0].artifacts) - 1 if is_early_first else 0)
    assert target.verify().is_ok


def test_an_older_save_fills_what_is_not_known(bundle, small, tmp_path):
    recording, _ = small
    session = replace(recording.sessions[0], rank=3, name="another", ended_us=START + 1)
    with Bundle.create(tmp_path / "other.megacache") as other:
        other.append(replace(recording, sessions=(session,), artifacts=(), documents=(), artifact_uses=()), {})
        bundle.merge(other)
    found = {each.session_id: each for each in bundle.recording().sessions}[COLD]
    assert (found.rank, found.name) == (3, "encoder")


def test_a_merge_with_itself_adds_nothing(bundle):
    before = bundle.path.read_bytes()
    with Bundle.open(bundle.path) as same:
        report = bundle.merge(same)
    assert (report.new_artifact_count, report.new_size_bytes, report.written_bytes) == (0, 0, 0)
    assert bundle.path.read_bytes() == before


def test_artifacts_that_no_session_used_come_along(bundle, change, tmp_path):
    change("DELETE FROM artifact_use")
    with Bundle.create(tmp_path / "target.megacache") as target:
        target.merge(bundle)
        assert target.recording().artifacts == bundle.recording().artifacts


def test_a_damaged_source_adds_nothing(path, tmp_path):
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd")] ^= 0xFF
    path.write_bytes(content)
    with Bundle.open(path) as source, Bundle.create(tmp_path / "target.megacache") as target:
        with pytest.raises(CorruptBundleError, match="pack 1"):
            target.merge(source)
        assert target.recording().sessions == ()
        assert target.verify().blob_count == 0


def test_contents_are_those_that_rows_name(bundle, small):
    contents = Contents(bundle.recording())
    assert dict(contents) == small[1]
    assert len(contents) == len(small[1])
    assert "00" * 32 not in contents


def test_a_missing_content_of_the_source_adds_nothing(path, change, tmp_path):
    change("DELETE FROM blob", "DELETE FROM blob_part")
    with Bundle.open(path) as source, Bundle.create(tmp_path / "target.megacache") as target:
        with pytest.raises(ArtifactNotFoundError):
            target.merge(source)
        assert target.recording().sessions == ()


def test_a_key_with_another_content_on_each_side_is_named_and_both_are_kept(bundle, small, tmp_path):
    recording, contents = small
    rank_contents = SampleContents()
    (first, second) = recording.artifacts[:2]
    digest = rank_contents.add("the same graph, compiled by another rank")
    other_rank = replace(first, content_sha256=digest, size_bytes=len(rank_contents[digest]))
    with Bundle.create(tmp_path / "rank1.megacache") as rank:
        rank.append(Recording(artifacts=(other_rank, second)), {**contents, **rank_contents})
        report = bundle.merge(rank)
    assert report.conflicts == ((first.artifact_type, first.cache_key),)
    assert f"1 key has several contents now, all kept: {first.artifact_type} " in str(report)
    kept = [each for each in bundle.recording().artifacts if each.cache_key == first.cache_key]
    assert {each.content_sha256 for each in kept} == {first.content_sha256, digest}
    with Bundle.open(tmp_path / "rank1.megacache") as rank:
        assert bundle.merge(rank).conflicts == ()  # the second time there is nothing new
