"""What the fuzzer once found, and seeds of every target, hold without it."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from fuzz.mutations import MUTATIONS
from fuzz.seeds import write_seeds
from fuzz.targets import TARGETS
from fuzz.watch import ForbiddenError, watching

CASES = Path(__file__).with_name("cases")
FIRST_TIMES = 3
"""How often a check may end at an import: one each for opening, reading and repairing."""

EACH = [(path.parent.name, path) for path in sorted(CASES.glob("*/*"))]


def check(target: str, data: bytes) -> None:
    """Check again after a finding, since Python imports what it needs when a reader first asks for it."""
    for _ in range(FIRST_TIMES):
        with suppress(ForbiddenError):
            return TARGETS[target](data)
    return TARGETS[target](data)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> Path:
    """The seeds that need no torch."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "torch").mkdir()
    write_seeds(folder)
    return folder


@pytest.mark.parametrize(("target", "path"), EACH, ids=[f"{target}-{path.name}" for target, path in EACH])
def test_what_the_fuzzer_found_is_mended(target, path):
    check(target, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_holds(seeds, target):
    found = sorted((seeds / target).iterdir())
    assert found
    for path in found:
        check(target, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_hold_and_most_are_new(seeds, target):
    found = [path.read_bytes() for path in sorted((seeds / target).iterdir()) if path.stat().st_size < 70_000]
    random = Random(target)  # noqa: S311  no secret

    def change(data: bytes) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + random.randbytes(random.randrange(4)) + data[at + random.randrange(3) :]

    mutated = {MUTATIONS[target](random.choice(found), random, change) for _ in range(60)}
    assert len(mutated - set(found)) > 30
    for data in mutated:
        check(target, data)


FORBIDDEN = {
    "exec .*colorsys": lambda: importlib.import_module("colorsys"),
    "exec .*string": lambda: exec("1"),  # noqa: S102
    "open": lambda: Path(os.devnull).write_bytes(b""),
    "os.remove": lambda: Path("nowhere").unlink(missing_ok=True),
    "socket.": lambda: socket.socket().close(),
}


@pytest.mark.parametrize("event", FORBIDDEN)
def test_a_reader_that_does_what_it_must_not_is_caught(event):
    sys.modules.pop("colorsys", None)

    def reads() -> None:
        with watching():
            FORBIDDEN[event]()

    with pytest.raises(ForbiddenError, match=event):
        reads()
