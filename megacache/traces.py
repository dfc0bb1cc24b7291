"""Traces: logs that TORCH_TRACE made torch write, as sessions of a bundle. No torch is needed.

Layer: joins compiler and bundle, as sessions do; below the faces.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from megacache.bundle import Bundle
from megacache.compiler.recorder import Recorder
from megacache.compiler.trace.files import LOG_NAME, head, logs_at, reading
from megacache.compiler.trace.lines import LOG_LIMIT_BYTES, Damage, looks_like_a_trace
from megacache.compiler.trace.log import TraceLog
from megacache.compiler.trace.system import UNKNOWN
from megacache.errors import TraceError
from megacache.explain import UNKNOWN_SYSTEM_ID
from megacache.model import SessionInfo, SystemInfo
from megacache.recording import Recording
from megacache.views.units import count, format_bytes

AnyPath = str | os.PathLike[str]

_CHUNK_SIZE_BYTES = 1 << 20
_FOLD_EVERY = 1000

_UNKNOWN_SYSTEM = SystemInfo(
    system_id=UNKNOWN_SYSTEM_ID, python_version=UNKNOWN, torch_version=UNKNOWN, platform=UNKNOWN, machine=UNKNOWN
)


@dataclass(frozen=True, kw_only=True)
class TraceReport:
    """What one import of logs added to a bundle, and what of the logs could not be read.

    Attributes:
        path: The bundle.
        log_count: The logs that were read, or found to be in the bundle already.
        new_session_count: The sessions that are new: one per log.
        compile_count: The compiles of the new sessions.
        event_count: The records of the new sessions.
        log_size_bytes: The size of the logs, uncompressed.
        size_bytes: The size of the bundle now.
        empty_log_count: Logs without any content; they make no session.
        cut_log_count: Logs whose last record is not whole.
        unreadable_line_count: Lines that belong to no record.
        wrong_payload_count: Records whose payload is not the one that torch wrote, by its MD5.
        unknown_event_count: Records of a kind that no supported torch writes.
        failed_event_count: Records that say something else than they do in any supported torch.
    """

    path: Path
    log_count: int
    new_session_count: int
    compile_count: int
    event_count: int
    log_size_bytes: int
    size_bytes: int
    empty_log_count: int = 0
    cut_log_count: int = 0
    unreadable_line_count: int = 0
    wrong_payload_count: int = 0
    unknown_event_count: int = 0
    failed_event_count: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        new = f"{count(self.new_session_count, 'new session')} of {count(self.log_count, 'log')}"
        parts = [new, count(self.compile_count, "compile"), format_bytes(self.size_bytes)]
        problems = (
            (self.empty_log_count, "empty log"),
            (self.cut_log_count, "log cut short"),
            (self.unreadable_line_count, "unreadable line"),
            (self.wrong_payload_count, "wrong payload"),
            (self.unknown_event_count, "unknown event"),
            (self.failed_event_count, "unreadable event"),
        )
        found = [_counted(number, what) for number, what in problems if number]
        passed_over = f"; passed over: {', '.join(found)}" if found else ""
        return f"wrote {self.path}: {', '.join(parts)}{passed_over}"


def import_trace(paths: Iterable[AnyPath], into: AnyPath) -> TraceReport:
    """Read logs of TORCH_TRACE into a bundle, each as a session of its own.

    A log is read line by line; what its documents say is kept in memory until its session is saved. A log that is in
    the bundle already, compressed or not, is passed over; one that has grown since is another one. All that lies behind
    the first 4 GiB of a log is left out.

    Args:
        paths: Logs of one rank each, compressed with gzip or not, or the directories that TORCH_TRACE named.
        into: The bundle; it is made if it is not there, and grows if it is.

    Returns:
        What is new, and what was passed over since it could not be read.

    Raises:
        TraceError: When a path cannot be read, a file is no log, or a directory has none; then nothing was saved. Or
            when a log says what cannot be stored; then those before it were.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    logs = [_Log.find(each) for path in paths for each in logs_at(Path(path))]
    with Bundle.open_or_create(into) as bundle:
        known = {each.session_id for each in bundle.recording().sessions}
        readings = []
        for log in logs:
            if log.size_bytes and log.session_id not in known:
                known.add(log.session_id)
                readings.append(_save(log, bundle))
        return _report(bundle, logs, readings)


def is_trace(path: AnyPath) -> bool:
    """Say whether there are logs of TORCH_TRACE at a path, by content: a directory, an empty file, or a log.

    Args:
        path: What the user named.

    Raises:
        TraceError: When it cannot be read.
    """
    found = Path(path)
    return found.is_dir() or looks_like_a_trace(start := head(found)) or not start


@dataclass(frozen=True, slots=True)
class _Log:
    """One log, and what identifies it: the digest of its content, uncompressed."""

    path: Path
    digest: str
    size_bytes: int
    modified_us: int

    @classmethod
    def find(cls, path: Path) -> _Log:
        start = head(path)
        if start and not looks_like_a_trace(start):
            message = f"{path} is no log of TORCH_TRACE: name the directory or a file that torch wrote into it"
            raise TraceError(message, path=str(path))
        digest, size_bytes = sha256(), 0
        with reading(path) as stream:
            while piece := stream.read(min(_CHUNK_SIZE_BYTES, LOG_LIMIT_BYTES - size_bytes)):
                digest.update(piece)
                size_bytes += len(piece)
        return cls(path, digest.hexdigest(), size_bytes, path.stat().st_mtime_ns // 1000)

    @property
    def session_id(self) -> str:
        return f"trace-{self.digest[:24]}"


@dataclass(frozen=True, slots=True)
class _Reading:
    compile_count: int
    event_count: int
    damage: Damage


def _save(log: _Log, bundle: Bundle) -> _Reading:
    """Read one log and append its session; a log that ends within a gzip member ends there."""
    recorder = Recorder(_UNKNOWN_SYSTEM, process=log.digest[:12])
    recorder.begin(log.session_id)
    with reading(log.path) as stream:
        trace = TraceLog(stream, log.modified_us, log.size_bytes)
        for number, event in enumerate(trace.events()):
            recorder.take(event)
            if number % _FOLD_EVERY == 0:
                _fold(recorder, trace.damage)
    _fold(recorder, trace.damage)
    recording = recorder.recording((log.session_id,))
    damage = replace(trace.damage, is_cut=trace.damage.is_cut or log.size_bytes == LOG_LIMIT_BYTES)
    try:
        bundle.append(_with_session(recording, log, trace), recorder.documents.contents)
    except (OverflowError, UnicodeError) as error:
        message = f"{log.path} says what no torch writes, and nothing of it was saved: {error}; leave it out"
        raise TraceError(message, path=str(log.path)) from error
    return _Reading(len(recording.compiles), trace.event_count, damage)


def _report(bundle: Bundle, logs: Sequence[_Log], readings: Sequence[_Reading]) -> TraceReport:
    damages = [each.damage for each in readings]
    return TraceReport(
        path=bundle.path,
        log_count=len(logs),
        new_session_count=len(readings),
        compile_count=sum(each.compile_count for each in readings),
        event_count=sum(each.event_count for each in readings),
        log_size_bytes=sum(each.size_bytes for each in logs),
        size_bytes=bundle.size_bytes,
        empty_log_count=sum(not each.size_bytes for each in logs),
        cut_log_count=sum(each.is_cut for each in damages),
        unreadable_line_count=sum(each.unreadable_line_count for each in damages),
        wrong_payload_count=sum(each.wrong_payload_count for each in damages),
        unknown_event_count=sum(each.unknown_event_count for each in damages),
        failed_event_count=sum(each.failed_event_count for each in damages),
    )


def _fold(recorder: Recorder, damage: Damage) -> None:
    """Turn what waits into rows, and count what could not be."""
    recorder.fold()
    damage.failed_event_count += len(recorder.faults)
    recorder.faults.clear()


def _with_session(recording: Recording, log: _Log, trace: TraceLog) -> Recording:
    from megacache import __version__

    system = trace.system.info()
    named = LOG_NAME.match(log.path.name)
    rank = int(named["rank"]) if named and named["rank"] else trace.rank
    started_us = log.modified_us if trace.started_us is None else trace.started_us
    session = SessionInfo(
        session_id=log.session_id,
        name=_name(log.path, rank),
        run_id=f"{log.digest[:12]}.0",
        system_id=system.system_id if system else UNKNOWN_SYSTEM_ID,
        status="ok",
        started_us=started_us,
        ended_us=started_us if trace.ended_us is None else trace.ended_us,
        script=trace.script,
        rank=rank,
        megacache_version=__version__,
        config={},
    )
    return replace(recording, sessions=(session,), systems=(system,) if system else ())


def _name(path: Path, rank: int | None) -> str:
    found = LOG_NAME.match(path.name)
    name = found["rest"].strip("_") if found else path.name.removesuffix(".gz").removesuffix(".log")
    return f"rank {rank} {name}" if rank is not None else f"trace {name}"


def _counted(number: int, what: str) -> str:
    if what == "log cut short":
        return f"the end of {count(number, 'log')}"
    return count(number, what)
