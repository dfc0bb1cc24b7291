"""Summary: what stands above a tree: title, facts, six figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from megacache.explorer.shapes import Figure
from megacache.explorer.shapes import Summary as Head
from megacache.model import SystemInfo
from megacache.recording import Recording
from megacache.views.summary import Summary
from megacache.views.tree import Node
from megacache.views.units import count, format_bytes, format_duration

_ISA_NAMES = {
    "avx2": "AVX2",
    "avx512": "AVX-512",
    "avx512_vnni": "VNNI",
    "amx": "AMX",
    "amx_tile": "AMX",
    "neon": "NEON",
    "asimd": "NEON",
    "sve256": "SVE-256",
}
"""How people write the words of inductor's vector ISAs."""
_RUN_ID_LENGTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a recording does not say of itself.

    Attributes:
        title: The session's name, or the file's.
        bundle: The bundle that is shown, or the one that Save writes to, or None.
        is_live: Whether a session still captures.
    """

    title: str
    bundle: Path | None = None
    is_live: bool = False


def head_of(recording: Recording, root: Node, about: About) -> Head:
    """Return what stands above a tree.

    Args:
        recording: The rows.
        root: The root of the tree of functions, whichever tree is shown.
        about: What the recording does not say.
    """
    counts = Summary.of(root)
    runs = ", ".join(dict.fromkeys(each.run_id[:_RUN_ID_LENGTH] for each in recording.sessions))
    note = f"run {runs} · {count(counts.artifact_count, 'artifact')}" if runs else ""
    return Head(
        title=about.title,
        facts=_facts(recording),
        figures=[
            *(_counted(*figure) for figure in counts.figures[:3]),
            _artifacts(counts, root),
            _bytes(counts, about.bundle),
            _seconds(recording, root),
        ],
        note=note,
        isLive=about.is_live,
        bundle=str(about.bundle) if about.bundle else None,
    )


def _counted(value: str, label: str, more: str) -> Figure:
    """Return a number with its remark after what it counts: the remark is a number itself, and would follow it."""
    return Figure(value=value, more="", label=f"{label}, {more}" if more else label)


def _facts(recording: Recording) -> list[str]:
    systems = recording.systems
    facts = list(dict.fromkeys(f"torch {each.torch_version}" for each in systems))[:2]
    facts += list(dict.fromkeys(f"Python {_version(each)}" for each in systems))[:2]
    facts += list(dict.fromkeys(_processor(each) for each in systems))[:2]
    if len(recording.sessions) > 1:
        facts.append(count(len(recording.sessions), "session"))
    return [fact for fact in facts if fact]


def _version(system: SystemInfo) -> str:
    return system.python_version.rpartition(" ")[2]


def _processor(system: SystemInfo) -> str:
    isa = dict.fromkeys(_ISA_NAMES.get(word, word) for word in (system.cpu_isa or "").split())
    return system.gpu_name or " ".join(isa)


def _artifacts(counts: Summary, root: Node) -> Figure:
    """Return the artifacts, and how many of those that the last session looked up hit."""
    last = _last_session(root)
    found = [each for each in last.walk() if each.kind == "artifact" and each.state] if last else []
    states = list({(each.artifact_type, each.cache_key): each.state for each in found}.values())
    hits = states.count("hit")
    value, label, _ = counts.figures[3]
    more = f"{hits:,} hit, {len(states) - hits:,} not" if hits else counts.states()
    return Figure(value=value, more=more, label=label)


def _bytes(counts: Summary, bundle: Path | None) -> Figure:
    raw = format_bytes(counts.size_bytes)
    try:
        size_bytes = bundle.stat().st_size if bundle else None
    except OSError:  # it is not saved yet, or gone
        size_bytes = None
    if size_bytes is None:
        return Figure(value=raw, more="", label="in artifacts")
    # What a session was served lies in the bundle, and the session does not know its size: less than all is no whole.
    more = f"of {raw}" if counts.size_bytes >= size_bytes else ""
    return Figure(value=format_bytes(size_bytes), more=more, label="bundle, compressed")


def _seconds(recording: Recording, root: Node) -> Figure:
    """Return the last session's compile time if it started warm, beside the longest cold one; else all of it."""
    sessions = [each for each in root.children if each.kind == "session"]
    last = _last_session(root)
    if last is None or not _is_warm(last):
        return Figure(value=format_duration(root.duration_us or 0), more="", label="compiling")
    cold = max((each.duration_us or 0 for each in sessions if not _is_warm(each)), default=0)
    uses = (use for use in recording.artifact_uses if use.session_id == last.session_id and use.state == "hit")
    saved = sum(use.time_saved_us or 0 for use in uses)
    more = f"cold {format_duration(cold)}" if cold else f"saved {format_duration(saved)}" if saved else ""
    return Figure(value=format_duration(last.duration_us or 0), more=more, label="warm start")


def _is_warm(session: Node) -> bool:
    """Say whether most lookups hit; a cold session may hit what it has just made."""
    states = [each.state for each in session.walk() if each.kind == "artifact"]
    return states.count("hit") > states.count("miss") + states.count("missed")


def _last_session(root: Node) -> Node | None:
    return next((each for each in reversed(root.children) if each.kind == "session"), None)
