from dataclasses import replace

import pytest

from megacache.explorer import why
from megacache.explorer.why import Lookups
from megacache.model import ArtifactUse, SessionInfo
from megacache.views.index import Index
from megacache.views.tree import Node, Tree
from samples import COLD, WARM, WARM_RUN, components, key, small_recording


def artifacts(recording, session):
    return [each for each in Tree.of(recording).walk() if each.kind == "artifact" and each.session_id == session]


@pytest.fixture
def lookups(recording):
    return Lookups(Index(recording))


def test_verdicts_of_the_load_report_come_first_where_they_failed(lookups, recording):
    found = lookups.of(artifacts(recording, WARM))
    assert [each["verdict"] for each in found] == [
        "refused", "refused", "rejected", "rejected", "missed", "hit", "hit", "unused", "unused",
    ]  # fmt: skip
    assert found[0]["reason"] == "cpu_isa: recorded avx512, live avx2"
    assert found[4]["nearestKey"] == key("i", "dynamic")


def test_a_cold_miss_says_that_nothing_was_stored(lookups, recording):
    found = lookups.of(artifacts(recording, COLD))
    missed = [each for each in found if each["verdict"] == "miss"]
    assert len(missed) == 14
    assert {each["reason"] for each in missed} == {"no cache held an artifact with this key"}
    (bypassed,) = [each for each in found if each["verdict"] == "bypass"]
    assert bypassed["reason"] == "Unsupported call to a custom operator"


def test_a_recorded_artifact_that_nobody_looked_up_has_no_why(lookups, recording):
    precompile = [each for each in artifacts(recording, COLD) if each.artifact_type == "precompile"]
    assert precompile
    assert lookups.of(precompile) == []


def later_miss(**changes):
    """The small recording, and a third session that looks a key up whose option differs from a stored one's."""
    recording, contents = small_recording()
    listed = components("dynamic").replace("epilogue_fusion]: False", "epilogue_fusion]: True").replace("ess", "xxx")
    use = ArtifactUse(
        session_id="session-later",
        ordinal=0,
        run_id=WARM_RUN,
        compile_id=None,
        backend_id=None,
        kind=None,
        artifact_type="inductor",
        cache_key=key("i", "later"),
        content_sha256=None,
        state="miss",
        at_us=recording.sessions[-1].started_us + 10**9,
        components_sha256=contents.add(listed),
    )
    session = SessionInfo(
        session_id="session-later",
        name="later",
        run_id=WARM_RUN,
        system_id="a1b2c3d4e5f6",
        status="ok",
        started_us=use.at_us,
        megacache_version="0.1.0",
        config={},
    )
    return replace(
        recording,
        sessions=(*recording.sessions, session),
        artifact_uses=(*recording.artifact_uses, replace(use, **changes)),
    )


def test_a_miss_is_explained_by_the_nearest_key_of_an_earlier_session():
    recording = later_miss()
    (found,) = Lookups(Index(recording)).of(artifacts(recording, "session-later"))
    assert found["nearestKey"] == key("i", "dynamic")
    assert found["reason"] == "inductor option `epilogue_fusion` is True now, was False"
    assert found["differences"] == [{"name": "inductor_config[epilogue_fusion]", "now": "True", "then": "False"}]


def test_a_miss_without_components_keeps_its_reason():
    recording = later_miss(components_sha256="00" * 32, reason="full miss")
    (found,) = Lookups(Index(recording)).of(artifacts(recording, "session-later"))
    assert (found["reason"], found["nearestKey"], found["differences"]) == ("full miss", "", [])


def test_many_lookups_are_cut_to_those_that_failed(monkeypatch, lookups, recording):
    monkeypatch.setattr(why, "LOOKUP_LIMIT", 5)
    assert [each["verdict"] for each in lookups.of(artifacts(recording, WARM))][-1] == "missed"


def test_a_node_that_no_session_knows_is_passed_over(lookups):
    assert lookups.of([Node(kind="artifact", key="x", name="x", artifact_type="pgo", cache_key="y")]) == []
