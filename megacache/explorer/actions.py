"""Actions: what the buttons of an explorer ask for. Each runs on the main thread and says in one line what it did."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from megacache.errors import UntrustedError, UsageError
from megacache.explorer import page
from megacache.explorer.discretion import Discretion
from megacache.explorer.shapes import Download, Outcome, VerdictRow
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.sources import Source
from megacache.explorer.trace import chrome_trace
from megacache.explorer.transfers import Transfers
from megacache.trust.gate import examined
from megacache.views.units import format_bytes

_FROM_BROWSER = "it came from the browser, so it may have been made anywhere"

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


class Actions:
    """What can be done with one source.

    Args:
        source: What is shown.
        transfers: Takes the files that the browser is to fetch.
        refreshed: Takes a new snapshot of the source and returns it.
    """

    def __init__(self, source: Source, transfers: Transfers, refreshed: Callable[[], Snapshot]) -> None:
        self._source = source
        self._transfers = transfers
        self._refreshed = refreshed

    def act(
        self,
        action: str,
        path: str | None,
        options: Mapping[str, object],
        progress: Progress,
        *,
        is_trusted: bool = False,
    ) -> Outcome:
        """Do what a button asks for.

        Args:
            action: One of the source's actions, but not `upload`.
            path: Where to, for `save_as` and `load`.
            options: What a page may keep in, for `export_html`.
            progress: Told how far it is, where that takes long.
            is_trusted: For `load`: whether the user saw the doubts and said to load it all the same.

        Raises:
            UsageError: When the source does not offer the action, or it lacks its path.
            MegacacheError: What the action itself raises.
        """
        if action not in self._source.actions:
            raise UsageError(f"{self._source.about.title} does not offer {action[:40]!r}")
        match action:
            case "save":
                return self._saved(str(self._source.save()))
            case "save_as":
                return self._saved(str(self._source.save_as(_required(path, ".megacache"))))
            case "load":
                return self.load(_required(path), is_trusted=is_trusted)
            case "export_bundle":
                return self._export_bundle()
            case "export_html":
                return self._export_html(_discretion(options), progress)
            case "export_trace":
                return self._export_trace()
        raise UsageError(f"{action!r} needs a file: send it as an upload")

    def load(self, path: Path, *, is_trusted: bool = False) -> Outcome:
        """Hand a bundle's artifacts to torch and say what became of each; or say what speaks against it.

        Args:
            path: The bundle.
            is_trusted: Whether the user saw the doubts and said to load it all the same.

        Raises:
            UsageError: When nothing is there.
            MegacacheError: What loading raises.
        """
        if not path.exists():
            raise UsageError(f"there is no {path.absolute()} on the kernel's machine")
        try:
            report = self._source.load(path, trust=is_trusted)
        except UntrustedError as error:
            return _doubted(path, error.reasons)
        self._refreshed()
        rows = [
            VerdictRow(verdict=verdict, count=count, bytes=size_bytes, type=artifact_type, reason=reason)
            for verdict, count, size_bytes, artifact_type, reason in report.summary
        ]
        return Outcome(text=f"{path.name}: {report}", verdicts=rows)

    def doubts_about(self, path: Path) -> Outcome | None:
        """Say what speaks against a file that came from the browser, or None where a key that is listed signed it.

        Args:
            path: Where it lies now: as a file of the user's own, which tells nothing of where it was made.

        Raises:
            BundleError: When it is no bundle, or cannot be read; see `errors`.
        """
        with examined(path, told=(_FROM_BROWSER,)) as found:
            return _doubted(path, found.reasons) if found.reasons else None

    def _saved(self, text: str) -> Outcome:
        self._refreshed()
        return Outcome(text=text)

    def _export_bundle(self) -> Outcome:
        return self._exported(self._source.export, ".megacache", "application/vnd.sqlite3")

    def _export_html(self, discretion: Discretion, progress: Progress) -> Outcome:
        content = page.page(self._refreshed(), discretion, progress)
        return self._exported(lambda path: path.write_bytes(content), ".html", "text/html")

    def _export_trace(self) -> Outcome:
        content = chrome_trace(self._refreshed().recording)
        return self._exported(lambda path: path.write_bytes(content), ".trace.json", "application/json")

    def _exported(self, write: Callable[[Path], object], suffix: str, mime: str) -> Outcome:
        stem = re.sub(r"[^\w.-]+", "-", self._source.about.title.removesuffix(".megacache")).strip("-.")
        with self._transfers.making() as path:
            write(path)
            download: Download = self._transfers.offer(path, f"{stem or 'recording'}{suffix}", mime)
        return Outcome(text=f"exported {download['name']}, {format_bytes(download['bytes'])}", download=download)


def _doubted(path: Path, reasons: tuple[str, ...]) -> Outcome:
    return Outcome(text=f"{path.name} is not loaded yet: {'; '.join(reasons)}", doubts=list(reasons))


def _required(path: str | None, suffix: str = "") -> Path:
    """Return a path that a user has typed; a new bundle gets its suffix where it has none."""
    if not path or not path.strip():
        raise UsageError("no path is given: type where the bundle is on the kernel's machine")
    found = Path(os.path.expanduser(path.strip()))  # noqa: PTH111 - Path's own raises for a user that is not known
    if suffix and found.is_dir():
        raise UsageError(f"{found} is a directory: add the name of a bundle, such as train{suffix}")
    return found.with_suffix(suffix) if suffix and not found.suffix else found


def _discretion(options: Mapping[str, object]) -> Discretion:
    return Discretion(
        keeps_home=options.get("keepsHome") is True, keeps_environment=options.get("keepsEnvironment") is True
    )
