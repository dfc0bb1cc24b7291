"""Prune: what was meant goes, with all that belongs to it, and nothing else."""

import pytest

from megacache.errors import UsageError
from samples import COLD, START, WARM, WARM_RUN


def test_a_session_goes_with_all_that_belongs_to_it(bundle, small):
    recording, contents = small
    before = bundle.size_bytes
    report = bundle.prune(session_ids=[COLD])
    left = bundle.recording()
    assert [each.session_id for each in report.sessions] == [COLD]
    assert [each.session_id for each in left.sessions] == [WARM]
    assert {each.session_id for each in (*left.compiles, *left.backend_entries)} == {WARM}
    assert {each.session_id for each in (*left.artifact_uses, *left.documents)} == {WARM}
    assert {each.run_id for each in (*left.graph_breaks, *left.recompile_reasons, *left.dimensions)} == {WARM_RUN}
    assert [each.code_id for each in left.codes] == ["code-forward"]
    assert {*left.artifacts} | {*report.artifacts} == {*recording.artifacts}
    assert {*left.artifacts}.isdisjoint(report.artifacts)
    assert report.removed_size_bytes > 0
    assert report.freed_bytes == before - bundle.size_bytes > 0
    assert bundle.verify().is_ok
    assert bundle.verify().blob_count < len(contents)


def test_an_artifact_stays_as_long_as_a_session_uses_it(bundle):
    used = set(bundle.recording([WARM]).artifacts)
    never_used = set(bundle.recording().artifacts) - set(bundle.recording([COLD, WARM]).artifacts)
    bundle.prune(session_ids=[COLD])
    assert set(bundle.recording().artifacts) == used | never_used
    bundle.prune(session_ids=[WARM])
    left = bundle.recording()
    assert (set(left.artifacts), left.codes, left.sessions) == (never_used, (), ())
    assert bundle.verify().blob_count == len(never_used)


def test_an_artifact_that_no_session_used_stays(bundle, change):
    change("DELETE FROM artifact_use")
    artifacts = bundle.recording().artifacts
    report = bundle.prune(session_ids=[COLD, WARM])
    assert report.artifacts == ()
    assert bundle.recording().artifacts == artifacts
    assert bundle.recording().systems
    assert bundle.verify().is_ok


def test_all_but_the_kept_sessions_go(bundle):
    assert [each.session_id for each in bundle.prune(kept_session_ids=[WARM]).sessions] == [COLD]
    assert [each.session_id for each in bundle.recording().sessions] == [WARM]


def test_sessions_that_began_before_a_moment_go(bundle):
    assert bundle.prune(older_than_us=START).sessions == ()
    assert [each.session_id for each in bundle.prune(older_than_us=START + 1).sessions] == [COLD]


def test_a_type_that_is_none_is_named_and_nothing_goes(bundle):
    before = bundle.recording()
    with pytest.raises(UsageError, match=r"indutcor is no artifact type; it is one of precompile, .*guarded_code"):
        bundle.prune(artifact_types=["indutcor"])
    assert bundle.recording().artifacts == before.artifacts
    bundle.prune(artifact_types=["aot_function"])  # none is there, and it is one of ours


def test_one_type_goes_and_the_sessions_stay(bundle, small):
    recording, _ = small
    told = bundle.prune(artifact_types="inductor", dry_run=True)  # one name, not its letters
    report = bundle.prune(artifact_types=["inductor"])
    assert told.artifacts == report.artifacts
    left = bundle.recording()
    assert {each.artifact_type for each in report.artifacts} == {"inductor"}
    assert {each.artifact_type for each in left.artifacts} == {each.artifact_type for each in recording.artifacts} - {
        "inductor"
    }
    assert report.sessions == ()
    assert left.artifact_uses == recording.artifact_uses
    assert left.codes == recording.codes
    assert bundle.verify().is_ok


def test_a_dry_run_changes_nothing(bundle):
    before = bundle.path.read_bytes()
    dry = bundle.prune(session_ids=[COLD], dry_run=True)
    assert bundle.path.read_bytes() == before
    assert (dry.is_dry_run, dry.freed_bytes) == (True, 0)
    assert str(dry).startswith("would remove 1 session and ")
    real = bundle.prune(session_ids=[COLD])
    assert (real.sessions, real.artifacts, real.removed_size_bytes) == (
        dry.sessions,
        dry.artifacts,
        dry.removed_size_bytes,
    )
    assert str(real).startswith("removed 1 session and ")


def test_nothing_meant_is_nothing_removed(bundle, small):
    report = bundle.prune()
    assert (report.sessions, report.artifacts, report.removed_size_bytes) == ((), (), 0)
    assert len(bundle.recording().artifacts) == len(small[0].artifacts)


@pytest.mark.parametrize("option", ["session_ids", "kept_session_ids"])
def test_an_unknown_session_removes_nothing(bundle, option):
    before = bundle.path.read_bytes()
    with pytest.raises(UsageError, match="has no session nobody: nothing was removed"):
        bundle.prune(**{option: [COLD, "nobody"]})
    assert bundle.path.read_bytes() == before


def test_what_was_pruned_can_be_saved_again(bundle, small, rows_of):
    bundle.prune(session_ids=[COLD, WARM])
    bundle.append(*small)
    for name, rows in rows_of(bundle.recording()).items():
        assert sorted(map(repr, rows)) == sorted(map(repr, getattr(small[0], name)))
    assert bundle.verify().is_ok


def test_what_was_loaded_in_vain_goes_and_what_served_stays(bundle):
    before = bundle.recording()
    vain = {(each.artifact_type, each.cache_key) for each in before.verdicts if each.verdict == "unused"}
    served = {(each.artifact_type, each.cache_key) for each in before.verdicts if each.verdict == "hit"}
    assert vain
    assert served
    report = bundle.prune(unused=True)
    removed = {(each.artifact_type, each.cache_key) for each in report.artifacts}
    left = {(each.artifact_type, each.cache_key) for each in bundle.recording().artifacts}
    assert vain - served <= removed
    assert served & {(each.artifact_type, each.cache_key) for each in before.artifacts} <= left
    assert report.sessions == ()
    assert bundle.verify().is_ok


def test_an_artifact_that_nobody_used_is_unused(bundle, change):
    change("DELETE FROM artifact_use", "DELETE FROM document WHERE name = 'load_report'")
    assert set(bundle.prune(unused=True, dry_run=True).artifacts) == set(bundle.recording().artifacts)


def test_those_used_longest_ago_go_until_the_others_fit(bundle):
    recording = bundle.recording()
    last = max(recording.artifact_uses, key=lambda each: each.at_us if each.content_sha256 else 0)
    (kept,) = [each for each in recording.artifacts if each.content_sha256 == last.content_sha256]
    report = bundle.prune(max_size_bytes=kept.size_bytes)
    assert bundle.recording().artifacts == (kept,)
    assert len(report.artifacts) == len(recording.artifacts) - 1
    assert bundle.prune(max_size_bytes=10**9).artifacts == ()
    assert bundle.prune(max_size_bytes=0).artifacts == (kept,)
    assert bundle.verify().is_ok
