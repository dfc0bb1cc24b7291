"""Damage a bundle in many ways, and say of each what readers, `verify`, `repair` and the next save make of it.

    python corruption.py BUNDLE SEED FIRST STEP FLIPS CUTS

prints one JSON line for each damage whose number is FIRST, FIRST + STEP, ... A crash or a hang ends the process.
"""

from __future__ import annotations

import faulthandler
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from reliability.digests import digests_of

from megacache.bundle import Bundle
from megacache.bundle.listing import list_bundle
from megacache.bundle.pages import Pages, values
from megacache.bundle.rows import TABLES
from megacache.bundle.salvaged_recording import salvaged_recording
from megacache.bundle.torch_format import read_artifacts
from megacache.errors import MegacacheError
from megacache.model import Artifact
from megacache.recording import Recording

HANG_S = 60
AIMED = {"schema": 100, "interior": 100, "rows": 200}
SAVED_EVERY, REPAIRED_EVERY = 5, 20
NEW = b"what the next save brings"


class Damage(NamedTuple):
    """One bit that is flipped, or the length to which the file is cut."""

    kind: str
    place: int

    def done_to(self, data: bytes) -> bytes:
        """Return the damaged file."""
        if self.kind == "cut":
            return data[: self.place]
        damaged = bytearray(data)
        damaged[self.place // 8] ^= 1 << self.place % 8
        return bytes(damaged)

    def touches(self, page: int, page_size: int) -> bool:
        """Say whether a page, from 1, is another one than it was."""
        return page * page_size > self.place if self.kind == "cut" else self.place // 8 // page_size == page - 1


def damages(data: bytes, seed: int, flip_count: int, cut_count: int) -> list[Damage]:
    """Choose what to do to a file: flips anywhere, more of them where the structure is, and cuts."""
    rng = random.Random(seed)  # noqa: S311  no secret
    page_size = int.from_bytes(data[16:18], "big")
    kinds = {number + 1: data[number * page_size] for number in range(1, len(data) // page_size)}
    aims = {
        "schema": [1],
        "interior": [page for page, kind in kinds.items() if kind in (2, 5)],
        "rows": [page for page, kind in kinds.items() if kind == 10],
    }
    found = [Damage("flip", rng.randrange(8 * len(data))) for _ in range(flip_count)]
    for aim, count in AIMED.items():
        pages = [rng.choice(aims[aim]) for _ in range(count * flip_count // 2000)]
        found += [Damage("flip", (page - 1) * page_size * 8 + rng.randrange(page_size * 8)) for page in pages]
    return found + [Damage("cut", rng.randrange(len(data))) for _ in range(cut_count)]


class Original:
    """The whole bundle: its rows, its contents, and the pages on which each artifact depends."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.page_size = int.from_bytes(self.data[16:18], "big")
        with Bundle.open(path) as bundle:
            self.recording = bundle.recording()
            self.rows = rows_of(self.recording)
            self.contents = {digest: bundle.read(digest) for digest in digests_of(self.recording)}
            self.torch = exported(bundle.to_torch())
            self.listed = list_bundle(path).artifacts
        self.pages = self._pages()

    def untouched(self, damage: Damage) -> set[Artifact]:
        """Return the artifacts of which no page is touched."""
        return {
            artifact
            for artifact, pages in self.pages.items()
            if not any(damage.touches(page, self.page_size) for page in pages)
        }

    def _pages(self) -> dict[Artifact, set[int]]:
        """Return the pages of an artifact: of its row, of its system's, of its content's places and packs."""
        pages = Pages(self.data, self.page_size)
        artifacts, systems, places, packs = {}, {}, {}, {}
        for cell in pages.cells():
            record = values(pages.payload(cell), cell.size_bytes) or ()
            mine = {cell.page_number, *followed(self.data, self.page_size, cell)}
            if len(record) == 7:
                artifacts[record[:3]] = mine
            elif len(record) == 15:
                systems[record[0]] = mine
            elif len(record) == 5 and cell.row_id is None:
                places.setdefault(record[0], []).append((mine, record[2]))
            elif len(record) == 4 and cell.row_id is not None:
                packs[cell.row_id] = mine
        return {
            each: artifacts[each.artifact_type, each.cache_key, each.content_sha256]
            | systems[each.system_id]
            | {page for mine, pack_id in places[each.content_sha256] for page in (*mine, *packs[pack_id])}
            for each in self.recording.artifacts
        }


def followed(data: bytes, page_size: int, cell: Any) -> Iterator[int]:
    """Return the pages in which a record goes on."""
    page, missing = cell.overflow_page, cell.size_bytes - cell.local_size_bytes
    while missing > 0:
        yield page
        start = (page - 1) * page_size
        page, missing = int.from_bytes(data[start : start + 4], "big"), missing - page_size + 4


def rows_of(recording: Recording) -> dict[str, set[Any]]:
    """Return the rows of each table, each as one text, for some hold what cannot be hashed."""
    return {table.rows_name: {repr(row) for row in getattr(recording, table.rows_name)} for table in TABLES}


def exported(torch: bytes) -> set[tuple[str, str, bytes]]:
    """Return the artifacts in torch's own container."""
    return {(each.artifact_type, each.cache_key, each.content) for each in read_artifacts(torch)}


class Trial:
    """What becomes of one damaged file."""

    def __init__(self, original: Original, damage: Damage, path: Path) -> None:
        self.original = original
        self.damage = damage
        self.path = path
        self.facts: dict[str, Any] = {"kind": damage.kind, "place": damage.place, "errors": [], "wrong": []}
        self.slowest_s = 0.0
        path.write_bytes(damage.done_to(original.data))

    def tried(self, name: str, operation: Callable[[], Any]) -> Any:
        """Run an operation and time it; an error of ours is noted, and gives None.

        The time is that of the process, since other processes take some of the wall's. A hang is seen by the wall's.
        """
        started = time.process_time()
        try:
            return operation()
        except MegacacheError as error:
            self.facts["errors"].append(f"{name}: {type(error).__name__}")
            return None
        finally:
            self.slowest_s = max(self.slowest_s, time.process_time() - started)

    def expect(self, is_right: bool, what: str) -> None:
        """Note what must not be."""
        if not is_right:
            self.facts["wrong"].append(what)

    def run(self, number: int) -> dict[str, Any]:
        """Try everything."""
        seen = self.read()
        self.verify(seen)
        self.salvage()
        if number % REPAIRED_EVERY == 0:
            self.repair()
        if number % SAVED_EVERY == 0:
            self.save()
        return {**self.facts, "slowest_s": self.slowest_s}

    def read(self) -> dict[str, Any]:
        """Read all that a reader can, and check that it is what was written."""
        original = self.original
        seen: dict[str, Any] = {"listed": None, "recording": None, "contents": {}, "torch": None}
        listing = self.tried("list", lambda: list_bundle(self.path))
        if listing is not None:
            seen["listed"] = listing.artifacts
            known = {each[:6] for each in original.listed}
            self.expect({each[:6] for each in listing.artifacts} <= known, "a listed artifact")
        bundle = self.tried("open", lambda: Bundle.open(self.path))
        if bundle is None:
            return seen
        with bundle:
            recording = self.tried("recording", bundle.recording)
            if recording is not None:
                seen["recording"] = rows_of(recording)
                for name, rows in seen["recording"].items():
                    self.expect(rows <= original.rows[name], f"a row of {name}")
            for digest, content in original.contents.items():
                found = self.tried("content", lambda digest=digest: bundle.read(digest))
                if found is not None:
                    seen["contents"][digest] = True
                    self.expect(found == content, "a content")
            torch = self.tried("to_torch", bundle.to_torch)
            if torch is not None:
                seen["torch"] = exported(torch)
                self.expect(seen["torch"] <= original.torch, "an exported artifact")
        self.facts["errors"] = sorted(set(self.facts["errors"]))
        return seen

    def verify(self, seen: dict[str, Any]) -> None:
        """Check that `verify` finds whatever a reader can see, and names what is lost."""
        report = self.tried("verify", lambda: Bundle.open(self.path).verify())
        self.facts["is_found"] = report is None or not report.is_ok
        self.named = set(report.lost_artifacts) if report is not None else None
        if report is None or not report.is_ok:
            return
        original = self.original
        self.expect(seen["recording"] == original.rows, "verify passes, and rows are missing")
        self.expect(set(seen["contents"]) == set(original.contents), "verify passes, and contents are missing")
        self.expect(seen["torch"] == original.torch, "verify passes, and exports are missing")
        self.expect(seen["listed"] == original.listed, "verify passes, and the list is another")

    def salvage(self) -> None:
        """Check that all that is untouched can be saved, and nothing that was not there; and that the rest is named."""
        original = self.original
        salvaged = self.tried("salvage", lambda: salvaged_recording(self.path.read_bytes(), is_damaged=True))
        saved = set(salvaged.recording.artifacts)
        known = set(original.recording.artifacts)
        unknown = {replace(each, system_id="unknown") for each in known}
        self.expect(saved <= known | unknown, "a salvaged artifact")
        for digest in digests_of(salvaged.recording):
            self.expect(salvaged.contents[digest] == original.contents.get(digest), "a salvaged content")
        untouched = original.untouched(self.damage)
        keys = {key_of(each) for each in saved}
        lost = {key_of(each) for each in known} - keys
        self.facts |= {"untouched": len(untouched), "untouched_saved": len(untouched & saved)}
        self.facts |= {"artifacts": len(known), "saved": len(keys), "lost": len(lost)}
        if self.named is not None:
            self.facts["named"] = len(lost & {key_of(each) for each in self.named})

    def repair(self) -> None:
        """Repair into a new bundle, which is whole and has what was salvaged."""
        into = self.path.with_name("repaired.megacache")
        into.unlink(missing_ok=True)
        before = self.path.read_bytes()
        report = self.tried("repair", lambda: Bundle.repair(self.path, into))
        self.expect(self.path.read_bytes() == before, "repair changed the damaged file")
        if report is None:
            self.expect(not into.exists(), "a repair that failed left a file")
            return
        with Bundle.open(into) as bundle:
            self.expect(bundle.verify().is_ok, "what was repaired is damaged")
            self.expect(len(bundle.recording().artifacts) == self.facts["saved"], "repair saves less")
        self.facts["is_repaired"] = True

    def save(self) -> None:
        """Save into the damaged bundle: all that was whole stays, or a named error is raised."""

        def readable() -> tuple[set[str], set[str]]:
            found = salvaged_recording(self.path.read_bytes(), is_damaged=True)
            rows = {row for rows in rows_of(found.recording).values() for row in rows}
            return rows, set(found.contents)

        rows, contents = readable()
        digest, first = sha256(NEW).hexdigest(), self.original.recording.artifacts[0]
        artifact = replace(first, cache_key="new", content_sha256=digest, size_bytes=len(NEW))
        new = Recording(artifacts=(artifact,))
        report = self.tried("save", lambda: Bundle.open(self.path).append(new, {digest: NEW}))
        if report is None:
            return
        rows_after, contents_after = readable()
        self.facts["is_saved"] = True
        self.expect(rows <= rows_after, "a save lost a row")
        self.expect(contents <= contents_after, "a save lost a content")
        self.expect(digest in contents_after, "a save is not there")


def key_of(artifact: Artifact) -> tuple[str, str, str]:
    return artifact.artifact_type, artifact.cache_key, artifact.content_sha256


def main(bundle: str, seed: str, first: str, step: str, flips: str, cuts: str) -> None:
    """Try every damage of this process's share."""
    faulthandler.enable()
    original = Original(Path(bundle))
    chosen = damages(original.data, int(seed), int(flips), int(cuts))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(int(first), len(chosen), int(step)):
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            facts = Trial(original, chosen[number], Path(folder) / "damaged.megacache").run(number)
            print(json.dumps(facts), flush=True)  # noqa: T201  # for the test


if __name__ == "__main__":
    main(*sys.argv[1:])
