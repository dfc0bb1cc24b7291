"""Any order of saves, loads, merges, prunes, compactions and older copies keeps what a simple model says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from made_rows import artifact_of, document_of, session_of, use_of
from reliability.held import Held, HeldSession, Key, Use

from megacache.bundle import Bundle
from megacache.model import ARTIFACT_TYPES, GUARDED_CODE, KERNEL, Artifact, Document, Verdict
from megacache.recording import Recording, encode_rows
from samples import START, Contents, system
from synthetic import SyntheticProcess

NAMES = ("a", "b")
"""The bundles."""

TYPES = (*ARTIFACT_TYPES, KERNEL, GUARDED_CODE)
CONTENTS = (b"", b"short", b"x" * 3000, b"y" * 140_000)
KEYS = st.builds(
    Key,
    st.sampled_from(TYPES),
    st.sampled_from(("one", "two", "three")),
    st.integers(0, len(CONTENTS) - 1).map(CONTENTS.__getitem__),
)
"""Few keys and few contents, so that sessions share some, and one key has several; one is more than a small pack."""

bundles = st.sampled_from(NAMES)


class Bundles(RuleBasedStateMachine):
    """Two bundles, one process that saves into either, and for each what the model says that it holds."""

    on_end: Callable[..., None]

    @initialize()
    def begin(self) -> None:
        self._folder = TemporaryDirectory()
        self.held = {name: Held() for name in NAMES}
        self.open = {name: Bundle.create(self.path(name)) for name in NAMES}
        self.aside: dict[str, Held] = {}
        self.process = SyntheticProcess()
        self.session = self.process.session("live")
        self.live_uses: list[Use] = []
        self.live_added: dict[Key, int] = {}
        self.count = self.steps = self.compared = 0

    def path(self, name: str) -> Path:
        return Path(self._folder.name) / f"{name}.megacache"

    @rule(name=bundles, keys=st.lists(KEYS, min_size=1, max_size=5), verdicts=st.lists(st.tuples(KEYS, st.booleans())))
    def save_a_session(self, name: str, keys: list[Key], verdicts: list[tuple[Key, bool]]) -> None:
        """Append a session that used some artifacts, and says of others that they served or did not."""
        self.count += 1
        session_id, moment = f"session-{self.count}", self.process.clock.tick
        uses = [Use(key, moment(), is_hit=self.count % 3 == 0) for key in keys]
        added = {key: moment() for key in keys}
        recording, contents = over(session_id, uses, added, verdicts)
        self.open[name].append(recording, contents)
        by_hit = {is_hit: frozenset(key.name for key, hit in verdicts if hit is is_hit) for is_hit in (True, False)}
        held = HeldSession(recording.sessions[0].started_us, tuple(uses), unused=by_hit[False], hits=by_hit[True])
        self.held[name].save(session_id, held, added)

    @rule(name=bundles, compiles=st.integers(0, 3))
    def save_the_live_session(self, name: str, compiles: int) -> None:
        """Compile, and let the process save what it believes that the bundle lacks."""
        for _ in range(compiles):
            self.count += 1
            events = self.process.clock.compiled(self.count, content_size_bytes=500)
            self.process.take(events)
        self.session.save(self.path(name))
        self._learn_live()
        info = self.session.info
        self.held[name].save(
            info.session_id, HeldSession(info.started_us, tuple(self.live_uses)), dict(self.live_added)
        )

    @rule(into=bundles)
    def merge_the_other(self, into: str) -> None:
        other = next(name for name in NAMES if name != into)
        self.open[into].merge(self.open[other])
        self.held[into].merge(self.held[other])

    @rule(name=bundles, data=st.data(), keeps=st.booleans())
    def prune_sessions(self, name: str, data: st.DataObject, keeps: bool) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.held[name].sessions) or ["none"]), unique=True))
        chosen = [each for each in chosen if each != "none"]
        self._prune(name, **{"kept_session_ids" if keeps else "session_ids": chosen})

    @rule(name=bundles, types=st.lists(st.sampled_from(TYPES), max_size=2, unique=True), unused=st.booleans())
    def prune_artifacts(self, name: str, types: list[str], unused: bool) -> None:
        self._prune(name, artifact_types=types, unused=unused)

    @rule(name=bundles, data=st.data(), size_bytes=st.none() | st.integers(0, 200_000))
    def prune_old_or_large(self, name: str, data: st.DataObject, size_bytes: int | None) -> None:
        starts = sorted(each.started_us for each in self.held[name].sessions.values())
        moment = data.draw(st.none() | st.sampled_from(starts or [START]))
        self._prune(name, older_than_us=moment, max_size_bytes=size_bytes)

    @rule(name=bundles)
    def compact(self, name: str) -> None:
        self.open[name].compact()

    @rule(name=bundles)
    def reopen(self, name: str) -> None:
        self.open[name].close()
        self.open[name] = Bundle.open(self.path(name))

    @rule(name=bundles)
    def copy_aside(self, name: str) -> None:
        shutil.copyfile(self.path(name), f"{self.path(name)}.aside")
        self.aside[name] = self.held[name].copy()

    @rule(name=bundles, is_in_place=st.booleans())
    def go_back_to_the_copy(self, name: str, is_in_place: bool) -> None:
        """Put the older copy where the bundle is: as another file, or over the same one."""
        if name not in self.aside:
            return
        self.open[name].close()
        aside = Path(f"{self.path(name)}.aside")
        if is_in_place:
            shutil.copyfile(aside, self.path(name))
        else:
            Path(shutil.copyfile(aside, f"{aside}.new")).replace(self.path(name))
        self.open[name] = Bundle.open(self.path(name))
        self.held[name] = self.aside[name].copy()

    @invariant()
    def each_bundle_holds_what_the_model_says(self) -> None:
        if not hasattr(self, "held"):
            return
        self.steps += 1
        for name in NAMES:
            self.held[name].check(self.open[name])
            self.compared += len(self.held[name].artifacts)

    def teardown(self) -> None:
        for each in self.open.values():
            each.close()
        self._folder.cleanup()
        self.on_end(orders=1, steps=self.steps, artifacts_compared=self.compared)

    def _prune(self, name: str, **options: object) -> None:
        before = self.held[name].copy()
        self.open[name].prune(**options, dry_run=True)
        before.check(self.open[name])
        report = self.open[name].prune(**options)
        self.held[name].prune(**options)
        assert {each.session_id for each in report.sessions} == set(before.sessions) - set(self.held[name].sessions)
        assert len(report.artifacts) == len(before.artifacts) - len(self.held[name].artifacts)

    def _learn_live(self) -> None:
        """Take from the live session what it captured: the process never forgets."""
        recording = self.session.recording()
        by_digest = {each.content_sha256: each for each in recording.artifacts}
        assert len(by_digest) == len(recording.artifacts)
        self.live_added = {key_of(each, recording): each.added_us for each in recording.artifacts}
        self.live_uses = [
            Use(Key(each.artifact_type, each.cache_key or "", recording.read(each.content_sha256)), each.at_us)
            for each in recording.artifact_uses
            if each.content_sha256 is not None
        ]


def key_of(artifact: Artifact, recording: Recording) -> Key:
    return Key(artifact.artifact_type, artifact.cache_key, recording.read(artifact.content_sha256))


def artifact_row(key: Key, **changes: object) -> Artifact:
    return artifact_of(
        key.content, key.cache_key, artifact_type=key.artifact_type, system_id=system().system_id, **changes
    )


def over(
    session_id: str, uses: list[Use], added_us: dict[Key, int], verdicts: list[tuple[Key, bool]]
) -> tuple[Recording, Contents]:
    """Make the rows of a session that is over."""
    contents, start_us = Contents(), min(added_us.values()) - 1
    artifacts = [artifact_row(key, added_us=at_us) for key, at_us in added_us.items()]
    rows = [
        use_of(
            artifact_row(use.key), session_id, ordinal=ordinal, state="hit" if use.is_hit else "miss", at_us=use.at_us
        )
        for ordinal, use in enumerate(uses)
    ]
    for key in (*added_us, *(use.key for use in uses)):
        contents.add(key.content)
    session = session_of(session_id, system_id=system().system_id, started_us=start_us, ended_us=start_us + 1)
    return Recording(
        systems=(system(),),
        sessions=(session,),
        artifacts=tuple(artifacts),
        artifact_uses=tuple(rows),
        documents=(report_of(session_id, verdicts, contents),),
    ), contents


def report_of(session_id: str, verdicts: list[tuple[Key, bool]], contents: Contents) -> Document:
    """Make a load report that says of some artifacts that they were served, or that they were not."""
    rows = [
        Verdict(
            artifact_type=key.artifact_type,
            cache_key=key.cache_key,
            content_sha256=None,
            size_bytes=len(key.content),
            verdict="hit" if is_hit else "unused",
        )
        for key, is_hit in verdicts
    ]
    content = encode_rows(rows)
    contents.add(content)
    return document_of(content, session_id, "load_report")


@pytest.mark.slow
def test_any_order_of_operations_keeps_what_the_model_says(figures):
    Bundles.on_end = staticmethod(partial(figures, "any order of operations"))
    # The same orders each time, so that a failure elsewhere can be repeated here; none is left out for being slow.
    chosen = settings(
        max_examples=100,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Bundles, settings=chosen)
