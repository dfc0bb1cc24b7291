"""Precompile entries: which stored one of torch's is right here, as far as the rows of a recording say.

Layer: compiler. An entry is what torch's `caching_precompile` and `DynamoStore` keep of one function: a pickle of
torch's `PrecompileCacheEntry`. Torch checks its own release, Python and GPU, and the text of what it inlined from
files. The rows add the CPU, the machine and the options.

Source: `SystemInfo.check_compatibility`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from megacache.compiler.options import default_of, live_config
from megacache.errors import EntryNotFoundError, EntryRefusedError
from megacache.explain import UNKNOWN_SYSTEM_ID, mismatches
from megacache.model import Artifact, SessionInfo, SystemInfo
from megacache.recording import Recording

PRECOMPILE = "precompile"
"""Torch's artifact type."""

SWITCH = "dynamo.caching_precompile"
"""The option that makes torch keep entries. It changes no code but the guards, and need not be on to use one."""

_UNKNOWN = (
    "it is not told on which system and with which options it was compiled: use trust_unknown=True if it was here"
)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One content that is stored under a key.

    Attributes:
        artifact: Its row.
        session: The session that recorded it first, or None.
        components_sha256: The content that tells what it was made of, or None.
        recorded_us: When it was recorded last, in microseconds since the Unix epoch.
    """

    artifact: Artifact
    session: SessionInfo | None
    components_sha256: str | None
    recorded_us: int


def entries_of(recording: Recording, cache_key: str) -> list[StoredEntry]:
    """Return what is stored under a key, the newest first.

    Args:
        recording: The rows.
        cache_key: Torch's key of a function, or any name that a store was given.
    """
    sessions = {each.session_id: each for each in recording.sessions}
    uses = [each for each in recording.artifact_uses if (each.artifact_type, each.cache_key) == (PRECOMPILE, cache_key)]
    found = []
    for artifact in recording.artifacts:
        if (artifact.artifact_type, artifact.cache_key) != (PRECOMPILE, cache_key):
            continue
        of_it = sorted(
            (each for each in uses if each.content_sha256 == artifact.content_sha256), key=lambda each: each.at_us
        )
        told = (each.components_sha256 for each in of_it if each.components_sha256 is not None)
        found.append(
            StoredEntry(
                artifact=artifact,
                session=sessions.get(of_it[0].session_id) if of_it else None,
                components_sha256=next(told, None),
                recorded_us=max((artifact.added_us, *(each.at_us for each in of_it))),
            )
        )
    return sorted(found, key=lambda each: each.recorded_us, reverse=True)


def right_entry(
    recording: Recording, cache_key: str, live: SystemInfo, *, where: str, trust_unknown: bool = False
) -> StoredEntry:
    """Return the newest entry of a key that is right here.

    Args:
        recording: The rows.
        cache_key: The key.
        live: The system of this process.
        where: What is searched, named in messages.
        trust_unknown: Take also one of which no system is recorded.

    Raises:
        EntryNotFoundError: When nothing is stored under the key.
        EntryRefusedError: When none of what is stored is right here; its reasons are those of the newest.
    """
    found = entries_of(recording, cache_key)
    if not found:
        message = f"{where} has no precompile entry {cache_key[:16]!r}: save it there first"
        raise EntryNotFoundError(message, cache_key=cache_key)
    refusals = [row_refusals(each, recording, live, trust_unknown=trust_unknown) for each in found]
    for entry, reasons in zip(found, refusals, strict=True):
        if not reasons:
            return entry
    raise refused(cache_key, where, refusals[0])


def refused(cache_key: str, where: str, reasons: tuple[str, ...]) -> EntryRefusedError:
    """Return the error that names why an entry is not used.

    Args:
        cache_key: The key.
        where: Where it is stored.
        reasons: At least one sentence.
    """
    message = f"the precompile entry {cache_key[:16]!r} of {where} is not used: {'; '.join(reasons)}; compile it anew"
    return EntryRefusedError(message, cache_key=cache_key, reasons=reasons)


def row_refusals(
    entry: StoredEntry, recording: Recording, live: SystemInfo, *, trust_unknown: bool = False
) -> tuple[str, ...]:
    """Say why an entry may not be used here, as far as rows say.

    Args:
        entry: What is stored.
        recording: The rows that it is in.
        live: The system of this process.
        trust_unknown: Pass over that no system is recorded.

    Returns:
        One sentence per reason; none when it may be used.
    """
    systems = {each.system_id: each for each in recording.systems}
    system = systems.get(entry.artifact.system_id)
    if entry.artifact.system_id == UNKNOWN_SYSTEM_ID or system is None or entry.session is None:
        return () if trust_unknown else (_UNKNOWN,)
    reasons = mismatches(system, live)
    if not reasons and system.python_version != live.python_version:
        # Torch refuses another patch release of Python, too.
        reasons = (f"Python is {live.python_version}, the bundle was compiled by {system.python_version}",)
    return reasons + option_changes(entry.session.config, live_config())


def option_changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Say which options of torch are other ones now.

    Args:
        then: The options that differed from their defaults, as `SessionInfo.config` holds them.
        now: Those that differ in this process.

    Returns:
        One sentence per option.
    """
    pairs = (
        (each, *(side.get(each) or default_of(each) for side in (now, then)))
        for each in sorted({*then, *now} - {SWITCH})
    )
    return tuple(
        f"{option.partition('.')[0]} option `{option.partition('.')[2]}` is {live}, it was compiled with {stored}"
        for option, live, stored in pairs
        if live != stored
    )
