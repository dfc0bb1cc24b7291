"""What became of each loaded artifact, from what torch looked up."""

import pytest

from megacache.compiler.settle import NEVER_LOOKED_UP, settle
from megacache.errors import ArtifactNotFoundError
from megacache.model import Artifact, ArtifactUse, Verdict
from megacache.recording import Recording

STORED = "[aaaaaaaa] gm: graph\n[bbbbbbbb] inductor_config[epilogue_fusion]: True"
LIVE = "[aaaaaaaa] gm: graph\n[cccccccc] inductor_config[epilogue_fusion]: False"


def verdict(key="f1", content="c1", *, said="loaded", reason=None, artifact_type="inductor"):
    return Verdict(
        artifact_type=artifact_type,
        cache_key=key,
        content_sha256=content,
        size_bytes=10,
        verdict=said,
        reason=reason,
    )


def use(key="f1", state="hit", *, content=None, artifact_type="inductor", detail=None, reason=None, components=None):
    return ArtifactUse(
        session_id="s",
        ordinal=0,
        run_id="r",
        compile_id="0/0",
        backend_id=None,
        kind=None,
        artifact_type=artifact_type,
        cache_key=key,
        content_sha256=content,
        state=state,
        detail=detail,
        reason=reason,
        at_us=0,
        components_sha256=components,
    )


def became(verdicts, uses, recording=None):
    settled = settle(verdicts, uses, recording or Recording())
    return [(each.verdict, each.reason) for each in settled]


def test_a_hit_of_the_content_is_a_hit():
    assert became([verdict()], [use(content="c1")]) == [("hit", None)]


def test_a_hit_of_which_the_content_is_not_known_is_a_hit():
    assert became([verdict()], [use()]) == [("hit", None)]


def test_of_two_variants_only_the_served_one_is_a_hit():
    found = became([verdict(content="c1"), verdict(content="c2")], [use(content="c2")])
    assert found == [("unused", "torch served another content of this key"), ("hit", None)]


def test_what_was_never_looked_up_is_unused():
    assert became([verdict()], [use("another", content="c9")]) == [("unused", NEVER_LOOKED_UP)]


def test_unused_keeps_the_note_that_explains_it():
    note = "torch reads it only when torch.compiler.config.job_id is 'nightly'"
    assert became([verdict(artifact_type="pgo", reason=note)], []) == [("unused", note)]


@pytest.mark.parametrize(
    ("lookup", "reason"),
    [
        (
            {"state": "miss", "detail": "guard_miss", "reason": "9 <= L['t0']"},
            "torch found the key, but its shape guards failed: 9 <= L['t0']",
        ),
        ({"state": "miss", "detail": "guard_miss"}, "torch found the key, but its shape guards failed"),
        (
            {"state": "miss", "detail": "full_miss"},
            "torch found the key, but could not use the content: full_miss",
        ),
        ({"state": "bypass", "reason": "custom op"}, "torch bypassed the cache: custom op"),
    ],
)
def test_a_lookup_that_failed_although_it_was_loaded_is_a_rejection(lookup, reason):
    assert became([verdict()], [use(**lookup)]) == [("rejected", reason)]


def test_a_hit_counts_more_than_a_failed_guard_of_another_call():
    guard_miss = use(state="miss", detail="guard_miss")
    found = became([verdict(content="c1"), verdict(content="c2")], [use(content="c1"), guard_miss])
    assert [each for each, _ in found] == ["hit", "rejected"]


def test_long_guards_are_shortened():
    ((_, reason),) = became([verdict()], [use(state="miss", detail="guard_miss", reason="x" * 5000)])
    assert len(reason) < 250


def test_an_autotune_result_is_a_hit_when_torch_recorded_the_very_content():
    """`AutotuneCache._read` logs no lookup, and records what it read: torch/_inductor/runtime/autotune_cache.py."""
    loaded = verdict("ab/cd", artifact_type="autotune")
    assert became([loaded], [use("ab/cd", None, content="c1", artifact_type="autotune")]) == [("hit", None)]
    assert became([loaded], [use("ab/cd", None, content="c2", artifact_type="autotune")])[0][0] == "unused"


def test_refused_stays_refused_and_its_miss_says_so():
    settled = settle([verdict(said="refused", reason="CPU has avx2")], [use(state="miss")], Recording())
    refused, missed = settled
    assert (refused.verdict, refused.reason) == ("refused", "CPU has avx2")
    assert (missed.verdict, missed.reason) == ("missed", "stored, but refused: CPU has avx2")
    assert missed.nearest_key == "f1"
    assert missed.content_sha256 is missed.size_bytes is None


def test_a_key_with_a_refused_and_a_loaded_content_is_not_missed():
    verdicts = [verdict(content="old", said="refused", reason="old"), verdict(content="new")]
    found = became(verdicts, [use(state="miss", detail="guard_miss")])
    assert [each for each, _ in found] == ["refused", "rejected"]


def stored(key="f1", *, is_kept=True):
    contents = {"stored": STORED.encode(), "live": LIVE.encode()}
    row = Artifact(
        artifact_type="inductor", cache_key=key, content_sha256="c1", size_bytes=1, added_us=0, system_id="s"
    )
    return Recording(
        artifacts=(row,) if is_kept else (),
        artifact_uses=(use(key, "miss", components="stored"),),
        read=contents.__getitem__,
    )


def test_a_miss_is_explained_by_the_nearest_stored_key():
    missed = settle([verdict()], [use("f2", "miss", components="live")], stored())[-1]
    assert missed.verdict == "missed"
    assert missed.nearest_key == "f1"
    assert missed.reason == "inductor option `epilogue_fusion` is False now, was True"


def test_a_key_of_which_no_artifact_is_stored_is_no_candidate():
    missed = settle([], [use("f2", "miss", components="live")], stored(is_kept=False))[-1]
    assert (missed.nearest_key, missed.reason) == (None, "no such key is stored")


def test_components_of_this_run_are_read_where_they_are():
    live = {"elsewhere": LIVE.encode()}
    lookups = [use("f2", "miss", components="elsewhere")]
    missed = settle([], lookups, stored(), read=live.__getitem__)[-1]
    assert missed.nearest_key == "f1"


def test_a_miss_without_components_is_still_told():
    def nothing(sha256):
        raise ArtifactNotFoundError(sha256)

    for components in (None, "gone"):
        missed = settle([], [use("f2", "miss", components=components)], stored(), read=nothing)[-1]
        assert (missed.verdict, missed.reason) == ("missed", "no such key is stored")


def test_one_key_is_missed_once_and_a_bypass_is_no_miss():
    uses = [use("f2", "miss"), use("f2", "miss"), use("f3", "bypass"), use(None, "bypass")]
    assert [each.cache_key for each in settle([], uses, Recording())] == ["f2"]
