from dataclasses import replace

from megacache.explorer.summary import About, head_of
from megacache.recording import Recording
from megacache.views.tree import Tree


def figures(recording, **about):
    head = head_of(recording, Tree.of(recording).root, About(title="encoder", **about))
    return {each["label"]: (each["value"], each["more"]) for each in head["figures"]}


def test_six_figures_stand_above_the_tree(recording):
    assert figures(recording) == {
        "functions, 1 resume function": ("3", ""),
        "graph breaks": ("2", ""),
        "recompiles, 1 failed compile": ("3", ""),
        "artifacts": ("17", "2 hit, 7 not"),
        "in artifacts": ("1.5 MB", ""),
        "warm start": ("900 ms", "cold 53.4 s"),
    }


def test_a_bundle_shows_what_it_takes_on_disk(recording, bundle_path):
    value, more = figures(recording, bundle=bundle_path)["bundle, compressed"]
    assert value.endswith("kB")
    assert more == "of 1.5 MB"
    assert "in artifacts" in figures(recording, bundle=bundle_path.with_name("not-saved-yet"))


def test_a_session_that_knows_less_than_its_bundle_holds_does_not_say_of_how_much(recording, tmp_path):
    large = tmp_path / "large.megacache"
    large.write_bytes(bytes(2_000_000))
    assert figures(recording, bundle=large)["bundle, compressed"] == ("2.0 MB", "")


def test_a_cold_session_shows_its_compile_time(recording):
    cold = replace(
        recording,
        sessions=recording.sessions[:1],
        compiles=recording.compiles[:-1],
        backend_entries=recording.backend_entries[:-1],
        artifact_uses=recording.artifact_uses[:-2],
    )
    assert figures(cold)["compiling"] == ("53.4 s", "")
    assert figures(cold)["artifacts"] == ("17", "1 bypass, 14 miss")


def test_a_warm_session_alone_shows_what_was_saved(recording):
    warm = replace(
        recording,
        sessions=recording.sessions[1:],
        compiles=recording.compiles[-1:],
        graph_breaks=(),
        backend_entries=recording.backend_entries[-1:],
        artifact_uses=recording.artifact_uses[-2:],
    )
    assert figures(warm)["warm start"] == ("900 ms", "saved 24.8 s")


def test_facts_tell_the_software_and_the_processor(recording):
    head = head_of(recording, Tree.of(recording).root, About(title="encoder", is_live=True))
    assert head["facts"] == ["torch 2.15.0", "Python 3.11.7", "AVX-512", "2 sessions"]
    assert head["note"] == "run 01JDCOLD0000, 01JDWARM0000 · 17 artifacts"
    assert head["isLive"] is True


def test_an_empty_recording_has_a_head():
    head = head_of(Recording(), Tree.of(Recording()).root, About(title="empty"))
    assert (head["facts"], head["note"], head["bundle"]) == ([], "", None)
    assert [each["value"] for each in head["figures"]] == ["0", "0", "0", "0", "0 B", "0 ms"]
