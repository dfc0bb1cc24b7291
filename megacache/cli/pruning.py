"""The command that removes: prune.

Layer: faces.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable
from typing import Annotated

import typer

from megacache.cli.app import AsJson, BundlePath, app, print_report
from megacache.errors import UsageError

_DAY_S = 86_400
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")


@app.command()
def prune(
    bundle: BundlePath,
    sessions: Annotated[
        list[str] | None,
        typer.Option("--session", metavar="ID", help="Remove the session with this id; may be given several times."),
    ] = None,
    kept_sessions: Annotated[
        list[str] | None,
        typer.Option("--keep-session", metavar="ID", help="Remove all sessions but this one; several may be given."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Remove the artifacts of this type; may be given several times."),
    ] = None,
    older_than_days: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", help="Remove sessions that began earlier.")
    ] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="Remove artifacts that were loaded and served nobody, or that nobody used.")
    ] = False,
    max_size: Annotated[
        str | None,
        typer.Option(
            "--max-size",
            metavar="SIZE",
            help="Remove artifacts used longest ago until those left are no larger: 500MB or so of artifacts, before "
            "compression. `ls` shows that size; the file is smaller.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove sessions and artifacts, on purpose.

    An artifact goes with the last session that used it.
    """
    from megacache.bundle import Bundle

    if not (sessions or kept_sessions or types or unused or older_than_days is not None or max_size is not None):
        raise UsageError(
            "nothing to remove: give --session, --keep-session, --type, --older-than, --unused or --max-size"
        )
    older_than_us = None if older_than_days is None else moment_before(older_than_days)
    with Bundle.open(bundle) as opened:
        known = [each.session_id for each in opened.recording().sessions]
        report = opened.prune(
            session_ids=full_ids(sessions or (), known),
            kept_session_ids=full_ids(kept_sessions, known) if kept_sessions else None,
            artifact_types=types or (),
            older_than_us=older_than_us,
            unused=unused,
            max_size_bytes=None if max_size is None else size_in_bytes(max_size),
            dry_run=dry_run,
        )
    print_report(report, as_json=as_json)


def moment_before(days: float) -> int:
    """Return the moment so many days ago.

    Args:
        days: What the user gave.

    Returns:
        Microseconds since the Unix epoch.

    Raises:
        UsageError: When it is no number of days, or one that ends in the future or before that epoch.
    """
    now_s = time.time()
    if not (math.isfinite(days) and 0 <= days * _DAY_S <= now_s):
        most = int(now_s // _DAY_S)
        raise UsageError(f"--older-than {days:g} is no number of days: give one from 0 to {most}; nothing was removed")
    return round((now_s - days * _DAY_S) * 1e6)


def size_in_bytes(text: str) -> int:
    """Read a size as people write it: `500MB`, `1.5 GB`, `2000`.

    Args:
        text: What the user gave; units are decimal, as in everything that megacache prints.

    Returns:
        Bytes.

    Raises:
        UsageError: When it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    factor = _UNITS.get(found["unit"].lower()) if found else None
    if found is None or factor is None:
        raise UsageError(f"--max-size {text} is no size: write it as 500MB or 1.5GB")
    return round(float(found["number"]) * factor)


def full_ids(prefixes: Iterable[str], known: Iterable[str]) -> list[str]:
    """Complete session ids, since `megacache ls` shows only their first characters.

    Args:
        prefixes: What the user gave.
        known: The ids of the bundle's sessions.

    Returns:
        The whole ids, in the user's order.

    Raises:
        UsageError: When one stands for no session, or for several.
    """
    found = []
    for prefix in prefixes:
        matches = [each for each in known if each.startswith(prefix)]
        if prefix in matches:
            matches = [prefix]
        if len(matches) != 1:
            meant = (
                f"{len(matches)} sessions: give more characters" if matches else "no session: `megacache ls` lists them"
            )
            raise UsageError(f"{prefix!r} stands for {meant}; nothing was removed")
        found += matches
    return found
