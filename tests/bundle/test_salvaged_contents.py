"""Salvaged contents: a row that leads to nobody's content may be the one of a content that is looked for."""

import random
import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest
from made_rows import artifact_of

from megacache.bundle import Bundle
from megacache.bundle.salvaged_recording import salvaged_recording
from megacache.recording import Recording

CONTENTS = [random.Random(number).randbytes(500 + number) for number in range(6)]  # noqa: S311  no secret
FLIPPED = "substr(sha256, 1, 63) || char(unicode(substr(sha256, 64)) + 1)"


def digest_of(content):
    return sha256(content).hexdigest()


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "packed.megacache"
    rows = tuple(artifact_of(each, added_us=number) for number, each in enumerate(CONTENTS))
    with Bundle.create(path) as bundle:
        bundle.append(Recording(artifacts=rows), {digest_of(each): each for each in CONTENTS})
    return path


def execute(path, statement, values=()):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)


def salvaged(path):
    recording = salvaged_recording(path.read_bytes(), is_damaged=True).recording
    return {each.content_sha256 for each in recording.artifacts}


@pytest.mark.parametrize("numbers", [[0], [1], [5], [1, 2], [0, 2, 5], [*range(6)]], ids=str)
def test_a_content_whose_digest_is_false_where_its_place_is_told(packed, numbers):
    for number in numbers:
        where = f"WHERE sha256 = '{digest_of(CONTENTS[number])}'"
        execute(packed, f"UPDATE blob_part SET sha256 = {FLIPPED} {where}")  # Our own names.
    assert salvaged(packed) == {digest_of(each) for each in CONTENTS}


def test_behind_a_content_that_nobody_asks_for_is_looked(packed):
    execute(packed, "DELETE FROM artifact WHERE content_sha256 = ?", (digest_of(CONTENTS[2]),))
    execute(packed, "DELETE FROM blob_part WHERE sha256 IN (?, ?)", (digest_of(CONTENTS[3]), digest_of(CONTENTS[4])))
    assert salvaged(packed) == {digest_of(each) for each in CONTENTS} - {digest_of(CONTENTS[2])}


def test_behind_a_gap_a_place_is_tried_of_which_only_the_beginning_is_right(packed):
    forgotten, behind = (digest_of(each) for each in CONTENTS[1:3])
    execute(packed, "DELETE FROM artifact WHERE content_sha256 = ?", (forgotten,))
    execute(packed, "DELETE FROM blob_part WHERE sha256 = ?", (forgotten,))
    execute(packed, "UPDATE blob_part SET size_bytes = size_bytes - 16 WHERE sha256 = ?", (behind,))
    assert salvaged(packed) == {digest_of(each) for each in CONTENTS} - {forgotten}


def test_many_false_places_cost_little(packed, monkeypatch):
    """Each of them would have to be hashed to be believed."""
    hashed = 0
    real = sha256

    def counted(data=b""):
        nonlocal hashed
        hashed += len(data)
        return real(data)

    size_bytes = sum(map(len, CONTENTS))
    rows = [(f"{number:064}", 0, 1, 0, size_bytes) for number in range(2000)]
    with closing(sqlite3.connect(packed)) as connection, connection:
        connection.executemany("INSERT INTO blob_part VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("DELETE FROM blob_part WHERE sha256 = ?", (digest_of(CONTENTS[1]),))
    monkeypatch.setattr("megacache.bundle.salvaged_contents.hash_of", counted)
    salvaged(packed)
    assert hashed < 100 * size_bytes
