"""Recordings compared: what one session or bundle has that the other lacks, and why their keys differ.

Layer: explain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.explain.changes import Change, Total, changes, totals
from megacache.explain.components import Component, parse_components
from megacache.explain.differences import Difference, nearest
from megacache.explain.sentences import sentence
from megacache.explain.systems import config_differences, mismatches, system_differences
from megacache.model import Artifact, SessionInfo, SystemInfo
from megacache.recording import Recorded, Recording

CANDIDATE_LIMIT = 500
"""How many stored keys a missed key is compared with, the newest first: half a second of work."""

_SHOWN_KEY_LENGTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDifference:
    """A key that only the second recording has, the nearest key of the first, and how they differ."""

    artifact_type: str
    old_key: str
    new_key: str
    differences: tuple[Difference, ...]

    @property
    def sentence(self) -> str:
        """The differences in words."""
        return sentence(self.differences)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Diff:
    """How two recordings differ; `old` and `new` are their names.

    Artifacts are the same when type and cache key are: contents hold times, so they hardly ever repeat. `mismatches`
    are the reasons why artifacts of the first are refused on the second's system. `changes` are functions, graph breaks
    and recompiles; `totals` say how much was compiled, how long that took, and how large the artifacts are.
    """

    old: str
    new: str
    only_old: tuple[Artifact, ...] = ()
    only_new: tuple[Artifact, ...] = ()
    in_both: tuple[Artifact, ...] = ()
    systems: tuple[Difference, ...] = ()
    mismatches: tuple[str, ...] = ()
    configs: tuple[Difference, ...] = ()
    keys: tuple[KeyDifference, ...] = ()
    changes: tuple[Change, ...] = ()
    totals: tuple[Total, ...] = ()

    @property
    def has_findings(self) -> bool:
        """Say whether an artifact, the system, the config, a function, a graph break or a recompile differs."""
        return bool(self.only_old or self.only_new or self.systems or self.configs or self.changes)

    def to_dict(self) -> dict[str, object]:
        """Return all of it as what JSON knows; each key difference has its `sentence` too."""
        keys = [asdict(each) | {"sentence": each.sentence} for each in self.keys]
        return asdict(self) | {"keys": keys, "has_findings": self.has_findings}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return "\n".join(f"{title}: {text}" if title else f"  {text}" for title, text in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(title)}</th><td style="text-align:left">{escape(text)}</td></tr>'
            for title, text in self._lines()
        )
        return f"<table>{rows}</table>"

    def _lines(self) -> list[tuple[str, str]]:
        lines = [
            (f"only in {self.old}", _counts(self.only_old)),
            (f"only in {self.new}", _counts(self.only_new)),
            ("in both", _counts(self.in_both)),
        ]
        lines += [(each.name, str(each)) for each in self.totals]
        lines += [(f"{each.kind} {each.change}", str(each)) for each in self.changes]
        lines += [("cannot be shared", each) for each in self.mismatches]
        lines += [("system", _change(each)) for each in self.systems]
        lines += [("config", _change(each)) for each in self.configs]
        for each in self.keys:
            shown = each.new_key[:_SHOWN_KEY_LENGTH], each.old_key[:_SHOWN_KEY_LENGTH]
            lines.append((f"{each.artifact_type} {shown[0]}", f"nearest {shown[1]}: {each.sentence}"))
        return lines


def diff(old: Recorded, new: Recorded) -> Diff:
    """Compare two recordings: sessions, bundles, or one of each.

    Args:
        old: The first.
        new: The second.

    Returns:
        The difference. System and config are those of the last session on each side.
    """
    one, other = old.recording(), new.recording()
    keys_of_one, keys_of_other = _by_key(one), _by_key(other)
    systems = _last_system(one), _last_system(other)
    configs = (_last_session(one), _last_session(other))
    return Diff(
        old=_name(old, "the first"),
        new=_name(new, "the second"),
        only_old=tuple(each for key, each in keys_of_one.items() if key not in keys_of_other),
        only_new=tuple(each for key, each in keys_of_other.items() if key not in keys_of_one),
        in_both=tuple(each for key, each in keys_of_other.items() if key in keys_of_one),
        systems=system_differences(systems[0], systems[1]) if systems[0] and systems[1] else (),
        mismatches=mismatches(systems[0], systems[1]) if systems[0] and systems[1] else (),
        configs=config_differences(*(each.config if each else {} for each in configs)),
        keys=_key_differences(one, other),
        changes=changes(one, other),
        totals=totals(one, other),
    )


def stored_components(recording: Recording, artifact_type: str) -> dict[str, dict[str, Component]]:
    """Read the key components that a recording has for one artifact type.

    Args:
        recording: The rows, with their contents at hand.
        artifact_type: `inductor` or `aot_autograd`; the others have no components.

    Returns:
        The components by cache key, the newest key first, at most `CANDIDATE_LIMIT` of them.
    """
    documents: dict[str, str] = {}
    for use in reversed(recording.artifact_uses):
        if use.artifact_type == artifact_type and use.cache_key and use.components_sha256:
            documents.setdefault(use.cache_key, use.components_sha256)
    found: dict[str, dict[str, Component]] = {}
    for key, sha256 in list(documents.items())[:CANDIDATE_LIMIT]:
        try:
            found[key] = parse_components(recording.read(sha256).decode("utf-8", "replace"))
        except (ArtifactNotFoundError, CorruptBundleError):  # a miss is then explained by the others
            continue
    return found


def _key_differences(old: Recording, new: Recording) -> tuple[KeyDifference, ...]:
    found = []
    for artifact_type in ("aot_autograd", "inductor"):
        candidates = stored_components(old, artifact_type)
        for key, components in stored_components(new, artifact_type).items():
            if key in candidates or not candidates:
                continue
            near = nearest(components, candidates)
            if near is not None:
                found.append(
                    KeyDifference(artifact_type=artifact_type, old_key=near[0], new_key=key, differences=near[1])
                )
    return tuple(found)


def _by_key(recording: Recording) -> dict[tuple[str, str], Artifact]:
    return {(each.artifact_type, each.cache_key): each for each in recording.artifacts}


def _last_session(recording: Recording) -> SessionInfo | None:
    return max(recording.sessions, key=lambda each: each.started_us, default=None)


def _last_system(recording: Recording) -> SystemInfo | None:
    session = _last_session(recording)
    if session is None:
        return recording.systems[-1] if recording.systems else None
    return next((each for each in recording.systems if each.system_id == session.system_id), None)


def _name(recorded: Recorded, otherwise: str) -> str:
    path, name = getattr(recorded, "path", None), getattr(recorded, "name", None)
    return str(getattr(path, "name", path)) if path else str(name or otherwise)


def _counts(artifacts: Sequence[Artifact]) -> str:
    counts = Counter(each.artifact_type for each in artifacts)
    return ", ".join(f"{count} {artifact_type}" for artifact_type, count in sorted(counts.items())) or "no artifact"


def _change(difference: Difference) -> str:
    return f"{difference.name} is {difference.new or 'default'}, was {difference.old or 'default'}"
