"""Free pages: no save goes over a page that is in use, whatever bit of SQLite's list of unused ones is flipped."""

import sqlite3
import struct
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from made_rows import artifact_of

from megacache.bundle import Bundle, free_pages, open_file
from megacache.bundle.connection import writing
from megacache.bundle.references import forget
from megacache.bundle.salvaged_recording import salvaged_recording
from megacache.errors import CorruptBundleError
from megacache.recording import Recording

PAGE = 1024


def saved(path, seed, count=10, size_bytes=20_000):
    """Save contents that cannot be compressed."""
    contents = [Random(seed * 100 + number).randbytes(size_bytes) for number in range(count)]  # noqa: S311  no secret
    rows = [artifact_of(content, f"{seed}-{number}", added_us=seed) for number, content in enumerate(contents)]
    with Bundle.open_or_create(path) as bundle:
        bundle.append(Recording(artifacts=tuple(rows)), {sha256(each).hexdigest(): each for each in contents})
    return rows


@pytest.fixture
def path(tmp_path):
    """A bundle in which a third of the pages is not used any more."""
    file = tmp_path / "free.megacache"
    rows = [each for seed in range(3) for each in saved(file, seed)]
    with writing(file) as connection:
        forget(connection, [each.content_sha256 for each in rows if each.added_us == 1])
        connection.execute("DELETE FROM artifact WHERE added_us = 1")
        connection.execute(
            "DELETE FROM pack WHERE NOT EXISTS (SELECT 1 FROM blob_part WHERE blob_part.pack_id = pack.pack_id)"
        )
    assert free_count(file) > 150
    return file


def free_count(file):
    connection = sqlite3.connect(file)
    (count,) = connection.execute("PRAGMA freelist_count").fetchone()
    connection.close()
    return count


def descriptors():
    return sorted(each.name for each in Path("/dev/fd").iterdir())


def lists_of(data):
    """Return the pages that hold the list, each with how many it names."""
    (page,) = struct.unpack_from(">I", data, 32)
    found = []
    while page:
        found.append((page, struct.unpack_from(">I", data, (page - 1) * PAGE + 4)[0]))
        (page,) = struct.unpack_from(">I", data, (page - 1) * PAGE)
    return found


def test_unused_pages_are_used_again(path):
    before = free_count(path)
    saved(path, 7)
    assert free_count(path) < before


@pytest.mark.parametrize("seed", range(8))
def test_no_flip_of_the_list_lets_a_save_destroy_anything(path, seed):
    whole = path.read_bytes()
    rng = Random(seed)  # noqa: S311  no secret
    for number in range(6):
        data = bytearray(whole)
        page, count = rng.choice(lists_of(whole))
        bit = (
            (32 * 8 + rng.randrange(64)) if number == 0 else (page - 1) * PAGE * 8 + rng.randrange(8 * (8 + 4 * count))
        )
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        before = salvaged_recording(bytes(data), is_damaged=True)
        with pytest.raises(CorruptBundleError, match="repair"):
            saved(path, 7)
        assert path.read_bytes() == bytes(data)
        assert len(before.recording.artifacts) == 20


@pytest.mark.parametrize("bit", range(12))
def test_no_flip_of_the_number_of_pages_lets_a_save_destroy_anything(tmp_path, bit):
    file = tmp_path / "full.megacache"
    saved(file, 1)
    data = bytearray(file.read_bytes())
    assert free_count(file) == 0
    data[31 - bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
    with pytest.raises(CorruptBundleError, match="repair"):
        saved(file, 7)
    assert file.read_bytes() == bytes(data)


def test_pages_that_another_writer_left_as_they_were_are_looked_at_by_sqlite(path):
    """Without `secure_delete` what was deleted stays; then the whole file is checked, and the save goes on."""
    leave_a_page(path)
    saved(path, 7)
    with Bundle.open(path) as bundle:
        assert bundle.verify().is_ok


def leave_a_page(path):
    """Have an unused page hold something."""
    data = bytearray(path.read_bytes())
    page = lists_of(data)[0][0]
    (leaf,) = struct.unpack_from(">I", data, (page - 1) * PAGE + 8)
    data[(leaf - 1) * PAGE + 100] = 7
    path.write_bytes(data)


def executed(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("filler_bytes", [16 << 20, 20 * PAGE])
def test_pages_that_another_writer_left_as_they_were_are_looked_at_once(path, monkeypatch, filler_bytes):
    monkeypatch.setattr(free_pages, "_FILLER_BYTES", filler_bytes, raising=False)
    counts = []
    for seed in range(4):
        executed(
            path, "PRAGMA secure_delete = OFF", f"CREATE TABLE junk AS SELECT randomblob({50_000 << seed}) AS content"
        )
        executed(path, "PRAGMA secure_delete = OFF", "DROP TABLE junk")
        size_bytes, count = path.stat().st_size, free_count(path)
        with Bundle.open(path) as bundle:
            before = bundle.recording(), bundle.verify().pack_count
        with writing(path):
            pass
        with Bundle.open(path) as bundle:
            assert bundle.verify().is_ok
            assert (bundle.recording().artifacts, bundle.verify().pack_count) == (before[0].artifacts, before[1])
        # What the pages of a row tell of themselves takes a page of its own now and then.
        assert path.stat().st_size - size_bytes <= 8 * PAGE
        assert 0 <= free_count(path) - count <= 8
        connection = sqlite3.connect(path)
        counts.append(free_pages._are_sound(connection, path))
        connection.close()
    assert counts == [True] * 4


def test_the_largest_number_of_a_pack_is_in_nobodys_way(path):
    executed(path, f"UPDATE blob_part SET pack_id = {2**63 - 1} WHERE pack_id = 1")
    executed(path, f"UPDATE pack SET pack_id = {2**63 - 1} WHERE pack_id = 1")
    leave_a_page(path)
    with writing(path):
        pass
    with Bundle.open(path) as bundle:
        report = bundle.verify()
    assert (report.is_ok, report.pack_count) == (True, 2)


def test_what_is_undone_leaves_the_bundle_as_it_was(path):
    leave_a_page(path)
    with Bundle.open(path) as bundle:
        before = bundle.recording().artifacts
    with pytest.raises(ZeroDivisionError), writing(path):
        raise ZeroDivisionError
    with Bundle.open(path) as bundle:
        assert bundle.recording().artifacts == before
        assert bundle.verify().is_ok
    saved(path, 7)


def test_where_the_system_does_not_tell_sqlite_looks(path, tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "_DESCRIPTORS", tmp_path / "none")
    saved(path, 7)
    data = bytearray(path.read_bytes())
    data[39] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptBundleError, match="a save could destroy more of it"):
        saved(path, 8)


def test_looking_drops_no_lock(path, is_locked):
    """The file is never opened and closed for it, so another connection of this process keeps its lock."""
    before = descriptors()
    with Bundle.open(path) as bundle, bundle._reader.snapshot(), writing(path) as connection:
        free_pages.check(connection, path)
        assert is_locked(path)
        connection.execute("ROLLBACK")
        assert not is_locked(path)
    assert descriptors() == before
