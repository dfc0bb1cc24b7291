"""Progress: a save hands over only what changed, and all where the bundle does not hold what was saved before."""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from megacache.bundle import Bundle
from megacache.bundle.progress import Holding
from megacache.bundle.rows import TABLES
from megacache.errors import ArtifactNotFoundError
from megacache.model import Verdict
from megacache.recording import Recording
from samples import small_recording
from synthetic import SyntheticProcess


class Saves:
    """A process with one session that is saved again and again; `sizes` holds how many compiles each save wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "train.megacache"
        self.process = SyntheticProcess()
        self.session = self.process.session("train")
        self.sizes: list[int] = []
        self._count = 0
        recorder = self.process.capture.recorder
        changed = recorder.changed

        def counted(since):
            found = changed(since)
            self.sizes.append(len(found.recording.compiles))
            return found

        recorder.changed = counted

    def save(self, compile_count: int = 1, path: Path | None = None):
        """Compile, and save."""
        for _ in range(compile_count):
            self.process.take(self.process.clock.compiled(self._count))
            self._count += 1
        return self.session.save(path or self.path)

    def check(self) -> None:
        """Check that the bundle holds what one whole save would give."""
        assert_equals_one_whole_save(self.process, [self.session], self.path, self.folder)


def assert_equals_one_whole_save(process, sessions, path, folder):
    whole = folder / "whole.megacache"
    whole.unlink(missing_ok=True)
    process.save(sessions, path)
    process.save(sessions, whole)
    session_ids = [each.info.session_id for each in sessions]
    with Bundle.open(path) as ours, Bundle.open(whole) as theirs:
        found, expected = ours.recording(session_ids), theirs.recording(session_ids)
        assert ours.verify().is_ok
    for table in (each.rows_name for each in TABLES):
        rows = set(map(repr, getattr(found, table)))
        if table == "backend_entries":  # those saved before their bytecode was made keep the name that they had
            rows -= {repr(each) for each in found.backend_entries if each.backend_id.startswith("lowering of")}
            assert rows >= {
                repr(each) for each in expected.backend_entries if not each.backend_id.startswith("lowering of")
            }
        else:
            assert rows == set(map(repr, getattr(expected, table))), table


@pytest.fixture
def saves(tmp_path):
    return Saves(tmp_path)


def test_each_save_writes_what_is_new(saves):
    reports = [saves.save(2), saves.save(), saves.save(0), saves.save(3)]
    assert saves.sizes == [2, 1, 0, 3]
    assert [each.new_artifact_count for each in reports] == [4, 2, 0, 6]
    assert [each.artifact_count for each in reports] == [4, 6, 6, 12]
    assert reports[2].written_bytes == 0
    saves.check()


def test_another_path_is_saved_whole(saves):
    saves.save(2)
    saves.save(1, saves.folder / "other.megacache")
    saves.save()
    assert saves.sizes == [2, 3, 2]
    saves.check()


@pytest.mark.parametrize("is_in_place", [False, True])
def test_an_older_copy_in_its_place_is_saved_whole(saves, is_in_place):
    saves.save(2)
    older = shutil.copyfile(saves.path, saves.folder / "older")
    saves.save()
    if is_in_place:
        shutil.copyfile(older, saves.path)
    else:
        older.replace(saves.path)
    saves.save()
    assert saves.sizes == [2, 1, 4]
    saves.check()


def test_a_copy_of_what_was_saved_last_loses_no_change_without_a_new_row(saves):
    """Of what only changed rows no trace is in those that are looked at: it is handed over until one is new."""
    saves.save()
    older = shutil.copyfile(saves.path, saves.folder / "older")
    metrics = {"compilation_metrics": {"graph_op_count": 5}}
    saves.process.take([replace(saves.process.clock.graph("0/0", "", ""), metadata=metrics)])
    saves.save(0)
    shutil.copyfile(older, saves.path)
    saves.save(0)
    saves.check()


def test_a_bundle_that_is_gone_is_made_anew(saves):
    saves.save(2)
    saves.path.unlink()
    assert saves.save().artifact_count == 6
    assert saves.sizes == [2, 3]
    saves.check()


@pytest.mark.parametrize("what", [{"session_ids": ["session-train"]}, {"artifact_types": ["inductor"]}])
def test_after_a_prune_it_is_saved_whole(saves, what):
    saves.save(2)
    with Bundle.open(saves.path) as bundle:
        bundle.prune(**what)
    report = saves.save()
    assert saves.sizes == [2, 3]
    assert report.artifact_count == 6
    saves.check()


def test_a_prune_is_noticed_though_the_bundle_has_grown_since(saves):
    saves.save(2)
    with Bundle.open(saves.path) as bundle:
        bundle.prune(artifact_types=["inductor"])
        bundle.append(*small_recording())
    saves.save()
    assert saves.sizes == [2, 3]
    saves.check()


def test_a_bundle_holds_no_more_what_it_held_when_it_is_another_or_smaller():
    before = Holding(3, 100, (("train",), (7,), None))
    assert before.is_still_in(replace(before, page_count=101))
    for change in ({"page_count": 99}, {"generation": 4}, {"rows": (("train",), (8,), None)}):
        assert not before.is_still_in(replace(before, **change))


def test_others_save_their_own_sessions_meanwhile(saves):
    saves.save(2)
    with Bundle.open(saves.path) as bundle:
        bundle.append(*small_recording())
        other_count = len(bundle.recording().artifacts) - 4
    report = saves.save()
    assert saves.sizes == [2, 1]
    assert report.artifact_count == 6 + other_count
    saves.check()


def test_what_another_process_saved_of_the_session_is_saved_whole(saves):
    saves.save(2)
    recording = saves.session.recording()
    use = replace(recording.artifact_uses[-1], ordinal=100)
    with Bundle.open(saves.path) as bundle:
        bundle.append(Recording(artifact_uses=(use,)), {})
    saves.save()
    assert saves.sizes == [2, 3]


def test_a_save_that_fails_counts_for_nothing(saves):
    saves.save(2)
    contents = saves.process.capture.recorder.documents.contents
    saves.process.take(saves.process.clock.compiled(7))
    saves.session.recording()
    kept = dict(contents)
    contents.clear()
    with pytest.raises(ArtifactNotFoundError):
        saves.save(0)
    contents.update(kept)
    saves.save(0)
    assert saves.sizes == [2, 1, 1]
    saves.check()


def test_the_load_report_is_written_when_it_says_more_and_at_the_end(saves):
    saves.session._verdicts = (
        Verdict(artifact_type="inductor", cache_key="k", content_sha256="ab" * 32, size_bytes=5, verdict="loaded"),
    )

    def missed_count() -> int:
        with Bundle.open(saves.path) as bundle:
            return sum(each.verdict == "missed" for each in bundle.recording().verdicts)

    counts = []
    for _ in range(40):
        saves.save()
        counts.append(missed_count())
    assert counts[:10] == list(range(1, 11))
    assert counts != list(range(1, 41))
    assert all(count > 0.9 * number for number, count in enumerate(counts, start=1))
    saves.session._verdicts = saves.session.load_report.verdicts
    saves.process.leave(saves.session)
    saves.save(0)
    assert missed_count() == 40
    saves.check()


def test_one_function_in_a_bundle_does_not_stand_for_all(saves):
    path = saves.folder / "one.megacache"
    saves.save(3)
    saves.process.save([saves.session], path, only="train.step_2")
    shutil.copyfile(path, saves.path)
    saves.save()
    assert saves.sizes == [3, 4]
    saves.check()


def test_an_older_copy_that_is_pruned_as_often_is_no_longer_taken_for_what_was_saved(tmp_path):
    saves, older = Saves(tmp_path), tmp_path / "older"
    saves.process.take(saves.process.clock.outside("standalone", "key", b"content"))
    saves.save(0)
    shutil.copyfile(saves.path, older)
    prune_types(saves.path)
    saves.save(0)  # what was pruned comes back
    shutil.copyfile(older, saves.path)
    prune_types(saves.path)
    saves.save(0)
    saves.check()


def prune_types(path: Path) -> None:
    with Bundle.open(path) as bundle:
        bundle.prune(artifact_types=["inductor"])


COMPILE_IDS = st.sampled_from(["0/0", "1/0", "2/0", None])
STEPS = st.one_of(
    st.tuples(st.just("events"), st.sampled_from(["started", "ended", "graph", "backward", "look", "record", "serve"]),
              COMPILE_IDS),
    st.tuples(st.sampled_from(["outside", "fold", "enter", "leave", "copy", "restore", "overwrite", "remove"])),
    st.tuples(st.just("save"), st.booleans(), st.booleans()),
    st.tuples(st.just("save"), st.booleans(), st.booleans()),
    st.tuples(st.just("prune"), st.sampled_from(["sessions", "types"])),
)  # fmt: skip


class Interleaving:
    """Does one step after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "a.megacache"
        self.process = SyntheticProcess()
        self.process.session("outer")
        self._number = 0

    def do(self, what: str, *details) -> None:
        """Do one step."""
        self._number += 1
        getattr(self, f"_{what}")(*details)

    def _events(self, kind: str, compile_id: str | None) -> None:
        clock, key = self.process.clock, f"key-{compile_id or self._number}"
        content = key.encode()
        if kind in ("started", "ended"):
            events = clock.started(compile_id, key) if kind == "started" else clock.ended(compile_id or "9/0")
            events = events if compile_id else []
        else:
            events = {
                "graph": lambda: [clock.graph(compile_id, "aot_forward_graph", key)],
                "backward": lambda: [
                    clock.span(compile_id, "entire_backward_compile", "B"),
                    clock.graph(compile_id, "aot_backward_graph", key),
                    clock.span(None, "entire_backward_compile", "E"),
                ],
                "look": lambda: [clock.lookup(compile_id, key, "miss")],
                "record": lambda: [clock.record(compile_id, "inductor", key, content)],
                "serve": lambda: [clock.served(compile_id, "inductor", key, content)],
            }[kind]()
        self.process.take(events)

    def _outside(self) -> None:
        key = f"outside-{self._number}"
        self.process.take(self.process.clock.outside("standalone", key, key.encode()))

    def _fold(self) -> None:
        self.process.capture.recorder.fold()

    def _enter(self) -> None:
        self.process.session(f"inner-{self._number}")

    def _leave(self) -> None:
        if len(self.process.open) > 1:
            self.process.leave(self.process.open[-1])

    def _save(self, is_all: bool, is_elsewhere: bool) -> None:
        path = self.folder / "b.megacache" if is_elsewhere else self.path
        self.process.save(self.process.sessions if is_all else self.process.open[-1:], path)

    def _prune(self, what: str) -> None:
        if not self.path.exists():
            return
        with Bundle.open(self.path) as bundle:
            sessions = [each.session_id for each in bundle.recording().sessions][-1:]
            bundle.prune(**({"session_ids": sessions} if what == "sessions" else {"artifact_types": ["inductor"]}))

    def _copy(self) -> None:
        if self.path.exists():
            shutil.copyfile(self.path, self.folder / "copy")

    def _restore(self) -> None:
        if (self.folder / "copy").exists():
            (self.folder / "copy").replace(self.path)

    def _overwrite(self) -> None:
        source = next((each for name in ("copy", "b.megacache") if (each := self.folder / name).exists()), None)
        if source is not None:
            shutil.copyfile(source, self.path)

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)


@settings(max_examples=150, deadline=None)
@example([("outside",), *[("save", False, False)] * 2, ("save", False, True), ("overwrite",), ("prune", "types")])
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_any_interleaving_ends_as_one_whole_save(steps):
    with TemporaryDirectory() as name:
        interleaving = Interleaving(Path(name))
        for what, *details in steps:
            interleaving.do(what, *details)
        assert interleaving.process.capture.recorder.faults == []
        process = interleaving.process
        assert_equals_one_whole_save(process, process.sessions, interleaving.path, interleaving.folder)


@pytest.mark.alone
@pytest.mark.slow
def test_the_cost_of_a_save_does_not_follow_the_session(tmp_path):
    """In turns with a session that is new, so that a machine that is busy for a while slows both."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = Saves(tmp_path / "old"), Saves(tmp_path / "new")
    for _ in range(1900):
        old.save()
    seconds: dict[str, list[float]] = {"old": [], "new": []}
    for _ in range(100):
        for name, each in (("old", old), ("new", new)):
            start = time.perf_counter()
            each.save()
            seconds[name].append(time.perf_counter() - start)
    assert set(old.sizes) == {1}
    old.check()
    assert statistics.median(seconds["old"]) < 1.5 * statistics.median(seconds["new"])
