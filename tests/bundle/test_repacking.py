"""Repacking: a pack is given up when it is proven that all of it moves, and whatever is damaged stays for `repair`."""

import random
import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest
from made_rows import artifact_of

from forgery import forge_behind_index, forge_value
from megacache.bundle import Bundle, frames, repacking
from megacache.errors import CorruptBundleError
from megacache.recording import Recording

INDEX = "blob_part_of_pack"
CONTENTS = [random.Random(number).randbytes(2000 + number) * 3 for number in range(6)]  # noqa: S311  no secret
LATER = random.Random(99).randbytes(2000)  # noqa: S311
FLIPPED = "substr(sha256, 1, 63) || char(unicode(substr(sha256, 64)) + 1)"


def digest_of(content):
    return sha256(content).hexdigest()


VICTIM = digest_of(CONTENTS[1])


def save(bundle, contents):
    rows = tuple(artifact_of(each, digest_of(each)) for each in contents)
    return bundle.append(Recording(artifacts=rows), {digest_of(each): each for each in contents})


@pytest.fixture
def packed(tmp_path):
    """A bundle of one small pack, which the next save takes up."""
    path = tmp_path / "packed.megacache"
    with Bundle.create(path) as bundle:
        save(bundle, CONTENTS)
    return path


def execute(path, statement, values=()):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def leave_out_of_index(path):
    (row,) = execute(path, "SELECT * FROM blob_part WHERE sha256 = ?", (VICTIM,))
    execute(path, "DELETE FROM blob_part WHERE sha256 = ?", (VICTIM,))
    forge_behind_index(path, INDEX, f"INSERT INTO blob_part VALUES {row}")


def change_part(assignment):
    return lambda path: execute(path, f"UPDATE blob_part SET {assignment} WHERE sha256 = '{VICTIM}'")


def change_part_behind_index(assignment):
    statement = f"UPDATE blob_part SET {assignment} WHERE sha256 = '{VICTIM}'"
    return lambda path: forge_behind_index(path, INDEX, statement)


def renumber_pack(path):
    execute(path, "UPDATE pack SET pack_id = pack_id + 64")


def change_type(path):
    forge_value(path, "blob_part", f"UPDATE blob_part SET offset = 'x' WHERE sha256 = '{VICTIM}'")


DAMAGES = {
    "the index leaves a part out": leave_out_of_index,
    "the digest of a part": change_part_behind_index(f"sha256 = {FLIPPED}"),
    "the number of a part": change_part_behind_index("part = 1"),
    "the pack of a part": change_part_behind_index("pack_id = pack_id + 64"),
    "the pack of a part, in the index too": change_part("pack_id = pack_id + 64"),
    "the offset": change_part("offset = offset + 1"),
    "an offset behind the end": change_part("offset = 1 << 40"),
    "the size": change_part("size_bytes = size_bytes - 16"),
    "the number of the pack": renumber_pack,
    "a type": change_type,
}


@pytest.fixture(params=DAMAGES.values(), ids=DAMAGES.keys())
def damaged(packed, request):
    request.param(packed)
    return packed


def saved_by_repair(path):
    into = path.with_name("repaired.megacache")
    into.unlink(missing_ok=True)
    Bundle.repair(path, into)
    with Bundle.open(into) as bundle:
        return {bundle.read(each.content_sha256) for each in bundle.recording().artifacts}


def test_a_save_leaves_a_pack_of_which_anything_is_damaged(damaged):
    assert saved_by_repair(damaged) == {*CONTENTS}
    with Bundle.open(damaged) as bundle:
        save(bundle, [LATER])
        assert bundle.read(digest_of(LATER)) == LATER
        assert not bundle.verify().is_ok
    assert saved_by_repair(damaged) == {*CONTENTS, LATER}


@pytest.mark.parametrize("verb", ["compact", "prune"])
def test_compact_and_prune_change_nothing_of_a_damaged_pack(damaged, verb):
    execute(damaged, "DELETE FROM artifact WHERE content_sha256 = ?", (digest_of(CONTENTS[4]),))
    before = damaged.read_bytes()
    with Bundle.open(damaged) as bundle, pytest.raises(CorruptBundleError, match="is damaged"):
        getattr(bundle, verb)()
    assert damaged.read_bytes() == before
    assert saved_by_repair(damaged) == {*CONTENTS} - {CONTENTS[4]}


def test_a_sound_pack_is_taken_up_without_reading_the_whole_table(packed, monkeypatch):
    monkeypatch.setattr(repacking, "part_counts", None)
    with Bundle.open(packed) as bundle:
        save(bundle, [LATER])
        assert bundle.verify().is_ok
        assert bundle.verify().pack_count == 1


@pytest.mark.parametrize("gone", [[1], [0, 5], [1, 2], [*range(6)]], ids=str)
def test_what_was_forgotten_leaves_its_pack_with_the_next_save(packed, gone):
    for number in gone:
        for table, column in (("artifact", "content_sha256"), ("blob", "sha256"), ("blob_part", "sha256")):
            execute(packed, f"DELETE FROM {table} WHERE {column} = ?", (digest_of(CONTENTS[number]),))
    with Bundle.open(packed) as bundle:
        save(bundle, [LATER])
        assert bundle.verify().is_ok
    held = [each for number, each in enumerate(CONTENTS) if number not in gone] + [LATER]
    assert execute(packed, "SELECT raw_size_bytes FROM pack") == [(sum(map(len, held)),)]
    assert saved_by_repair(packed) == {*held}


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """A bundle of three packs; the last has the rest of a content that is cut, and one after it."""
    monkeypatch.setattr(frames, "PACK_SIZE_BYTES", 10_000)
    path = tmp_path / "cut.megacache"
    large, small = random.Random(1).randbytes(2300) * 10, CONTENTS[0]  # noqa: S311
    with Bundle.create(path) as bundle:
        save(bundle, [large, small, CONTENTS[1]])
    return path, large, small


def test_the_rest_of_a_cut_content_moves_with_and_without_a_gap_behind_it(cut):
    path, large, small = cut
    with Bundle.open(path) as bundle:
        save(bundle, [b"little"])
        for table, column in (("artifact", "content_sha256"), ("blob", "sha256"), ("blob_part", "sha256")):
            execute(path, f"DELETE FROM {table} WHERE {column} = ?", (digest_of(small),))
        save(bundle, [b"less"])
        bundle.compact()
        assert bundle.read(digest_of(large)) == large
        assert bundle.verify().is_ok


def test_the_rest_of_a_cut_content_is_checked_where_nothing_else_tells_its_end(cut):
    path, large, small = cut
    for table, column in (("artifact", "content_sha256"), ("blob", "sha256"), ("blob_part", "sha256")):
        execute(path, f"DELETE FROM {table} WHERE {column} = ?", (digest_of(small),))
    where = f"sha256 = '{digest_of(large)}' AND part = 2"
    execute(path, f"UPDATE blob_part SET size_bytes = size_bytes - 16 WHERE {where}")
    before = path.read_bytes()
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match="has another hash"):
        bundle.compact()
    assert path.read_bytes() == before
