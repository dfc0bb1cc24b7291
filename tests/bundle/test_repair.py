"""Repair: all that is whole is saved, whatever else is damaged; nothing is saved that was not there."""

import random
import shutil
import sqlite3
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from made_rows import artifact_of

from forgery import forge
from megacache.bundle import Bundle, frames
from megacache.bundle.connection import writing
from megacache.bundle.rows import TABLES
from megacache.bundle.salvaged_recording import salvaged_recording
from megacache.bundle.signatures import signatures
from megacache.errors import BundleError, BundleNotFoundError, BundleNotWritableError, NotABundleError
from megacache.recording import Recording
from megacache.trust.keys import PrivateKey
from megacache.trust.signing import sign, signed_report

GOLDEN = Path(__file__).parents[1] / "golden"


def artifacts_of(contents, system_id="unknown"):
    """A recording of some contents, each an artifact, in their order."""
    rows = [
        artifact_of(content, f"key-{number:03}", added_us=number, system_id=system_id)
        for number, content in enumerate(contents)
    ]
    return Recording(artifacts=tuple(rows)), {sha256(content).hexdigest(): content for content in contents}


def noise(count, size_bytes, seed=7):
    rng = random.Random(seed)  # noqa: S311  no secret
    return [rng.randbytes(size_bytes + number) for number in range(count)]


def repaired(path):
    into = path.with_name("repaired.megacache")
    into.unlink(missing_ok=True)
    before = path.read_bytes()
    report = Bundle.repair(path, into)
    assert path.read_bytes() == before
    with Bundle.open(into) as bundle:
        assert bundle.verify().is_ok
        recording = bundle.recording()
        contents = {each.content_sha256: bundle.read(each.content_sha256) for each in recording.artifacts}
    assert report.saved_rows["artifact"] == len(recording.artifacts)
    return report, recording, contents


def tables_of(recording):
    return {table.name: getattr(recording, table.rows_name) for table in TABLES}


def executed(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


# -- what is whole -----------------------------------------------------------------------------------------------------


def test_a_whole_bundle_is_copied(path, small):
    report, recording, _ = repaired(path)
    assert report.is_whole
    assert (report.problems, report.lost_rows, report.lost_artifacts, report.lost_documents) == ((), {}, (), ())
    with Bundle.open(path) as bundle:
        assert tables_of(recording) == tables_of(bundle.recording())
    assert str(report).startswith(f"{path} is whole: ")


def test_the_copy_of_a_whole_bundle_is_signed_as_that_was(path):
    keys = [PrivateKey.generate(name) for name in ("Ada", "Bob")]
    for each in keys:
        sign(path, each)
    trusted = [each.public for each in keys]
    report, _, _ = repaired(path)
    assert signed_report(path, trusted).is_signed
    assert signed_report(report.into, trusted) == signed_report(path, trusted)


def test_what_is_whole_of_a_damaged_bundle_is_not_signed(path):
    key = PrivateKey.generate()
    sign(path, key)
    executed(path, "DELETE FROM blob_part WHERE sha256 = (SELECT min(sha256) FROM blob_part)")
    report, _, _ = repaired(path)
    assert not report.is_whole
    assert signatures(report.into) == ()


def test_a_signature_that_is_none_is_left_out(path):
    executed(
        path,
        "DROP TABLE signature",
        "CREATE TABLE signature (public_key, signer, signed_us, rows_sha256, signature)",
        "INSERT INTO signature VALUES (1, 2, 'x', NULL, 5)",
    )
    report, _, _ = repaired(path)
    assert report.is_whole
    assert signatures(report.into) == ()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", ["notebook", "torch"])
def test_a_whole_bundle_of_any_version_is_copied(tmp_path, version, name):
    path = Path(shutil.copy(GOLDEN / version / f"{name}.megacache", tmp_path / "old.megacache"))
    report, recording, _ = repaired(path)
    assert report.is_whole
    with Bundle.open(path) as bundle:
        assert tables_of(recording) == tables_of(bundle.recording())


def test_an_empty_bundle_is_whole(tmp_path):
    Bundle.create(tmp_path / "empty.megacache").close()
    report, recording, _ = repaired(tmp_path / "empty.megacache")
    assert report.is_whole
    assert not recording.artifacts


# -- what SQLite cannot read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [16, 100, 1024, 3 * 1024])
def test_a_file_whose_beginning_is_gone(path, small, size_bytes):
    """Neither the header nor the schema is needed. Small tables lie on the first pages, so some rows may be gone."""
    content = path.read_bytes()
    path.write_bytes(bytes(size_bytes) + content[size_bytes:])
    with pytest.raises(BundleError):
        Bundle.open(path)
    report, recording, contents = repaired(path)
    assert not report.is_whole
    assert report.problems
    if size_bytes <= 1024:
        assert set(recording.artifacts) == set(small[0].artifacts)
        assert set(recording.documents) == set(small[0].documents)
        assert not report.lost_artifacts
    assert all(small[1][digest] == content for digest, content in contents.items())


@pytest.mark.parametrize("byte", [16, 17, 20, 40, 56, 63, 70])
def test_a_header_with_one_false_byte(path, small, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 0x04
    path.write_bytes(content)
    _, recording, _ = repaired(path)
    assert set(recording.artifacts) == set(small[0].artifacts)


@pytest.mark.parametrize("page_size", [512, 4096, 65_536])
def test_the_size_of_pages_is_found_out(tmp_path, small, page_size, monkeypatch):
    monkeypatch.setattr("megacache.bundle.connection.PAGE_SIZE_BYTES", page_size)
    path = tmp_path / "pages.megacache"
    with Bundle.create(path) as bundle:
        bundle.append(*small)
    content = bytearray(path.read_bytes())
    assert int.from_bytes(content[16:18], "big") == page_size % 65_535
    content[16:18] = b"\x00\x00"
    path.write_bytes(content)
    _, recording, _ = repaired(path)
    assert set(recording.artifacts) == set(small[0].artifacts)


def test_a_file_that_was_cut_keeps_what_lies_before(tmp_path):
    path = tmp_path / "cut.megacache"
    with Bundle.create(path) as bundle:
        bundle.append(*artifacts_of(noise(8, 200_000)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report, recording, _ = repaired(path)
    assert 0 < len(recording.artifacts) < 8
    assert not report.is_whole


# -- what of a pack is left --------------------------------------------------------------------------------------------


def test_of_a_damaged_pack_what_lies_before_the_damage_is_saved(tmp_path):
    path = tmp_path / "pack.megacache"
    contents = [noise.encode() for noise in ("one " * 50_000, "two " * 50_000)] + noise_of_text()
    with Bundle.create(path) as bundle:
        bundle.append(*artifacts_of(contents))
    data = bytearray(path.read_bytes())
    data[-20_000] ^= 0xFF
    path.write_bytes(data)
    report, recording, _ = repaired(path)
    assert 0 < len(recording.artifacts) < len(contents)
    lost = {each.cache_key for each in report.lost_artifacts}
    assert lost == {f"key-{number:03}" for number in range(len(contents))} - {
        each.cache_key for each in recording.artifacts
    }
    with Bundle.open(path) as bundle:
        # `verify` calls lost what no repair can save.
        assert {each.cache_key for each in bundle.verify().lost_artifacts} == lost


def noise_of_text():
    return [content.hex().encode() for content in noise(20, 10_000)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM blob_part",
        "DELETE FROM blob",
        "UPDATE blob_part SET offset = offset + 1",
        "UPDATE blob_part SET size_bytes = size_bytes - 1",
        "UPDATE blob_part SET pack_id = 77",
        "UPDATE pack SET pack_id = 77",
        "UPDATE pack SET raw_size_bytes = 12",
        "UPDATE pack SET sha256 = 'x'",
        "DELETE FROM blob_part WHERE rowid_of(sha256) % 3 = 0",
    ],
)
def test_contents_are_found_where_nobody_tells_where_they_are(tmp_path, statement):
    """A content proves itself, and begins where another one ends."""
    path = tmp_path / "places.megacache"
    contents = [*noise(30, 500), b"", b"the last one"]
    with Bundle.create(path) as bundle:
        bundle.append(*artifacts_of(contents))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("rowid_of", 1, lambda text: int(text[:8], 16))
    connection.execute(statement)
    connection.close()
    with Bundle.open(path) as bundle:
        assert not bundle.verify().is_ok
    report, recording, found = repaired(path)
    assert sorted(found.values()) == sorted(contents)
    assert not report.lost_artifacts
    assert len(recording.artifacts) == len(contents)


def test_a_content_of_several_packs_is_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "PACK_SIZE_BYTES", 4096)
    path = tmp_path / "parts.megacache"
    contents = noise(3, 20_000)
    with Bundle.create(path) as bundle:
        bundle.append(*artifacts_of(contents))
    executed(path, "DELETE FROM blob", "INSERT INTO blob_part VALUES ('00', 3, 1, 5, 6)")
    _, _, found = repaired(path)
    assert sorted(found.values()) == sorted(contents)


# -- what of the rows is left ------------------------------------------------------------------------------------------


def test_a_false_row_is_lost_and_named(path, change, small):
    first = small[0].artifacts[0]
    change(f"UPDATE artifact SET added_us = 7 WHERE cache_key = '{first.cache_key}'")
    report, recording, _ = repaired(path)
    assert {each.cache_key for each in report.lost_artifacts} == {first.cache_key}
    assert first.cache_key not in {each.cache_key for each in recording.artifacts}
    assert report.lost_rows["artifact"] >= 1
    assert f"lost: {first.artifact_type} " in str(report)


def test_an_artifact_whose_row_is_gone_is_named_by_its_use(path, change, small):
    use = next(each for each in small[0].artifact_uses if each.content_sha256 and each.cache_key)
    change(f"UPDATE artifact SET cache_key = 'x' || cache_key WHERE content_sha256 = '{use.content_sha256}'")
    report, _, _ = repaired(path)
    assert use.cache_key in {each.cache_key for each in report.lost_artifacts}


def test_an_artifact_of_a_lost_system_is_of_an_unknown_one(path, change, small):
    """Loading it takes the word of somebody who knows; saving it does not."""
    change("UPDATE system_info SET python_version = '3.11.99'")
    _, recording, _ = repaired(path)
    assert len(recording.artifacts) == len(small[0].artifacts)
    assert {each.system_id for each in (*recording.artifacts, *recording.sessions)} == {"unknown"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_that_tell_of_lost_rows_go_with_them(path, change, table):
    """Whichever table is lost whole, the new bundle refers to nothing that is not there: `repaired` verifies it."""
    change(f"UPDATE {table.name} SET row_digest = row_digest + 1")
    report, _, _ = repaired(path)
    assert report.saved_rows[table.name] == 0
    assert report.lost_rows[table.name] > 0


def test_rows_that_prove_themselves_and_make_no_sense_are_not_taken(path):
    forge(path, "UPDATE compile SET stack = '[1]'")
    report, recording, _ = repaired(path)
    assert not recording.compiles
    assert report.lost_rows["compile"] > 0


def test_what_was_deleted_does_not_come_back(path, small):
    """SQLite writes zeros over what it deletes, so that no page tells of it."""
    with Bundle.open(path) as bundle:
        sessions = [each.session_id for each in bundle.recording().sessions]
    with writing(path) as connection:
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
        connection.execute("DELETE FROM artifact")
        connection.execute("DELETE FROM session WHERE session_id = ?", sessions[:1])
    _, recording, _ = repaired(path)
    assert not recording.artifacts
    assert [each.session_id for each in recording.sessions] == sessions[1:]


def test_a_newer_version_is_told_since_only_the_number_may_be_damaged(path, small, change):
    change("PRAGMA user_version = 9")
    report, recording, _ = repaired(path)
    assert set(recording.artifacts) == set(small[0].artifacts)
    assert "it says format version 9: if a newer megacache wrote it, upgrade instead" in str(report)


def test_a_size_that_is_not_that_of_the_content_is_set_right(path, small):
    """Nobody flips a bit like that; but a row can be forged, or written by another program."""
    forge(path, "UPDATE artifact SET size_bytes = size_bytes + 1", "UPDATE document SET size_bytes = 0")
    report, recording, _ = repaired(path)
    assert not report.is_whole
    assert set(recording.artifacts) == set(small[0].artifacts)
    assert set(recording.documents) == set(small[0].documents)


def test_of_two_rows_with_one_key_the_one_that_knows_more_is_taken(path, small):
    """As where a save was torn: the old page and the new one are both there."""
    session = small[0].sessions[0]
    older = path.with_name("older.megacache")
    with Bundle.create(older) as bundle:
        bundle.append(Recording(sessions=(replace(session, ended_us=None, status="open"),)), {})
    path.write_bytes(path.read_bytes() + older.read_bytes()[1024:])
    _, recording, _ = repaired(path)
    assert session in recording.sessions


# -- format version 1 --------------------------------------------------------------------------------------------------


def test_a_damaged_bundle_of_version_1_keeps_its_artifacts_without_their_systems(tmp_path):
    path = Path(shutil.copy(GOLDEN / "v1" / "notebook.megacache", tmp_path / "old.megacache"))
    with Bundle.open(path) as bundle:
        known = bundle.recording()
    path.write_bytes(bytes(1024) + path.read_bytes()[1024:])
    report, recording, _ = repaired(path)
    assert not report.is_proven
    assert {replace(each, system_id="unknown") for each in known.artifacts} == set(recording.artifacts)
    assert "trust_unknown=True" in str(report)


def test_a_size_of_version_1_that_lost_a_bit_is_set_right(tmp_path):
    path = Path(shutil.copy(GOLDEN / "v1" / "notebook.megacache", tmp_path / "old.megacache"))
    with Bundle.open(path) as bundle:
        known = bundle.recording()
    executed(path, "UPDATE artifact SET size_bytes = size_bytes + 1")
    _, recording, _ = repaired(path)
    assert {replace(each, system_id="unknown") for each in known.artifacts} == set(recording.artifacts)


# -- the file and its place --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"notes", b"notes " * 1000, bytes(5000), noise(1, 9000)[0]])
def test_a_file_without_anything_of_a_bundle(tmp_path, content):
    path, into = tmp_path / "other.megacache", tmp_path / "out.megacache"
    path.write_bytes(content)
    with pytest.raises(NotABundleError, match="nothing of a bundle"):
        Bundle.repair(path, into)
    assert not into.exists()


def test_no_file(tmp_path):
    with pytest.raises(BundleNotFoundError):
        Bundle.repair(tmp_path / "no.megacache", tmp_path / "out.megacache")


def test_a_file_is_never_replaced(path):
    with pytest.raises(BundleError, match="exists already"):
        Bundle.repair(path, path)


def test_a_place_where_nothing_can_be_is_named(path, tmp_path):
    with pytest.raises(BundleError, match="File name too long"):
        Bundle.repair(path, tmp_path / ("a" * 300))


def test_a_place_that_may_not_be_looked_at_is_named(protected):
    path, unprivileged = protected
    closed = path.parents[1] / f"closed-{path.parent.name}"
    closed.mkdir(mode=0)
    with unprivileged(), pytest.raises(BundleNotWritableError, match="check the permissions"):
        Bundle.repair(path, closed / "repaired.megacache")
    closed.rmdir()


def test_a_journal_is_rolled_back_in_the_copy(path, small):
    """What a killed writer left half done is not in the last save; its file and its journal stay for others."""
    copy = path.with_name("killed.megacache")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM artifact")
    connection.execute("DELETE FROM document")
    shutil.copy(path, copy)
    shutil.copy(f"{path}-journal", f"{copy}-journal")
    connection.execute("ROLLBACK")
    connection.close()
    journal = Path(f"{copy}-journal").read_bytes()
    damaged = bytearray(copy.read_bytes())
    damaged[200] ^= 1
    copy.write_bytes(damaged)
    _, recording, _ = repaired(copy)
    assert set(recording.artifacts) == set(small[0].artifacts)
    assert Path(f"{copy}-journal").read_bytes() == journal


def test_a_bundle_that_others_write_is_copied_between_two_saves(path, small, is_locked):
    """The copy is made while SQLite's lock is held."""
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM artifact")
    report = Bundle.repair(path, path.with_name("repaired.megacache"))
    assert is_locked(path), "repair took the writer's lock away"
    assert report.is_whole
    assert report.saved_rows["artifact"] == len(small[0].artifacts)
    writer.execute("ROLLBACK")
    writer.close()


# -- hostile files -----------------------------------------------------------------------------------------------------


def test_a_file_that_asks_for_much_costs_little(tmp_path):
    """Many packs of zeros, that take a thousand times their size."""
    path = tmp_path / "zeros.megacache"
    zeros = bytes(frames.PACK_SIZE_BYTES)
    with Bundle.create(path) as bundle:
        bundle.append(*artifacts_of([zeros]))
    connection = sqlite3.connect(path, isolation_level=None)
    (frame,) = connection.execute("SELECT frame FROM pack").fetchone()
    connection.executemany(
        "INSERT INTO pack VALUES (?, ?, 'x', ?)", [(number, len(zeros), frame) for number in range(2, 200)]
    )
    connection.close()
    started = time.perf_counter()
    salvaged = salvaged_recording(path.read_bytes(), is_damaged=True)
    assert len(salvaged.recording.artifacts) == 1
    assert time.perf_counter() - started < 60
