"""Verify: a whole bundle is whole; every damage is found, and what is lost with it is named."""

import pytest

from forgery import forge
from megacache.bundle import Bundle
from megacache.errors import CorruptBundleError, NotABundleError
from megacache.views.names import short_key
from samples import COLD


def problems(path):
    with Bundle.open(path) as bundle:
        report = bundle.verify()
    assert report.is_ok is (not report.problems)
    return report.problems


def test_a_whole_bundle(bundle, small):
    report = bundle.verify()
    assert (report.is_ok, report.problems, report.lost_artifacts, report.lost_documents) == (True, (), (), ())
    assert report.pack_count == 1
    assert report.blob_count == len(small[1])
    assert report.size_bytes == bundle.size_bytes
    assert str(report).startswith(f"{bundle.path} is whole: {len(small[1])} contents in 1 pack, ")


def test_a_flipped_byte_loses_what_the_pack_holds(path, small):
    recording, _ = small
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd")] ^= 0xFF
    path.write_bytes(content)
    with Bundle.open(path) as bundle:
        report = bundle.verify()
        assert len(bundle.recording().artifacts) == len(recording.artifacts)
    assert set(report.lost_artifacts) == set(recording.artifacts)
    assert set(report.lost_documents) == set(recording.documents)
    assert any("pack 1: its frame has another hash" in each for each in report.problems)
    assert "artifacts and" in str(report)
    assert f"lost: {recording.artifacts[0].artifact_type} {short_key(recording.artifacts[0].cache_key)}" in str(report)


def test_a_pack_with_another_hash(path, change):
    change("UPDATE pack SET sha256 = '00'")
    assert problems(path) == ("pack 1: its frame has another hash",)


def test_a_missing_content(path, change, small):
    artifact = small[0].artifacts[0]
    change(
        f"DELETE FROM blob WHERE sha256 = '{artifact.content_sha256}'",  # Our own names.
        f"DELETE FROM blob_part WHERE sha256 = '{artifact.content_sha256}'",
    )
    with Bundle.open(path) as bundle:
        report = bundle.verify()
    assert "1 row of artifact: content_sha256 refers to a blob that is not there" in report.problems
    # It lies in its pack as before, and its hash is known.
    assert not report.lost_artifacts
    assert "megacache repair writes a new bundle" in str(report)


def test_a_content_that_is_nowhere(path, small):
    artifact = small[0].artifacts[0]
    forge(path, f"UPDATE artifact SET content_sha256 = '{'0' * 64}' WHERE cache_key = '{artifact.cache_key}'")
    with Bundle.open(path) as bundle:
        report = bundle.verify()
    assert {each.cache_key for each in report.lost_artifacts} == {artifact.cache_key}


def test_a_part_without_its_content(path, change):
    change("INSERT INTO blob_part VALUES ('00', 0, 1, 0, 1)")
    assert problems(path) == ("1 row of blob_part: sha256 refers to a blob that is not there",)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM system_info", "session: system_id refers to a system_info"),
        ("DELETE FROM session", "backend_entry: session_id refers to a session"),
        ("DELETE FROM code", "compile: code_id refers to a code"),
        ("DELETE FROM compile", "graph_break: compile_id refers to a compile"),
        ("DELETE FROM compile", "recompile_reason: compile_id refers to a compile"),
        ("DELETE FROM compile", "dimension: compile_id refers to a compile"),
        ("DELETE FROM session", "document: session_id refers to a session"),
        ("UPDATE artifact SET size_bytes = 1", "artifact: size_bytes is not that of the content"),
        ("UPDATE document SET size_bytes = 1", "document: size_bytes is not that of the content"),
    ],
)
def test_a_row_that_refers_to_nothing(path, statement, problem):
    forge(path, statement)
    assert any(problem in each for each in problems(path))


def test_the_unknown_system_needs_no_row(path):
    forge(path, "UPDATE artifact SET system_id = 'unknown'")
    assert problems(path) == ()


def test_an_index_whose_page_is_damaged(path):
    with Bundle.open(path) as bundle, bundle._reader.snapshot() as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'blob_part_of_pack'").fetchone()
    content = bytearray(path.read_bytes())
    start = (page - 1) * 1024
    content[start + 3 : start + 5] = b"\x00\x00"  # the number of cells
    path.write_bytes(content)
    assert problems(path) == ("database disk image is malformed",)


def test_what_sqlite_itself_finds(path, change):
    schema = "PRAGMA writable_schema = ON"
    lax = "'size_bytes INTEGER NOT NULL', 'size_bytes INTEGER /*     */'"
    strict = "'size_bytes INTEGER /*     */', 'size_bytes INTEGER NOT NULL'"
    change(schema, f"UPDATE sqlite_schema SET sql = replace(sql, {lax}) WHERE name = 'blob'")
    change("UPDATE blob SET size_bytes = NULL")
    change(schema, f"UPDATE sqlite_schema SET sql = replace(sql, {strict}) WHERE name = 'blob'")
    assert "structure: NULL value in blob.size_bytes" in problems(path)


def test_a_table_whose_page_is_gone(path, small):
    with Bundle.open(path) as bundle, bundle._reader.snapshot() as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'artifact'").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 1024 : page * 1024] = b"\xff" * 1024
    path.write_bytes(content)
    with Bundle.open(path) as bundle:
        with pytest.raises(CorruptBundleError, match="damaged"):
            bundle.recording()
        report = bundle.verify()
        assert bundle.read(small[0].documents[0].content_sha256)
    assert not report.is_ok


def test_any_flipped_byte_of_a_page_is_no_crash(path, tmp_path):
    """Flip one byte in every page: each bundle is read, or refused by name."""
    whole = path.read_bytes()
    file = tmp_path / "flipped.megacache"
    refused = 0
    for start in range(0, len(whole), 1024):
        content = bytearray(whole)
        content[start + 5] ^= 0xFF
        file.write_bytes(content)
        try:
            with Bundle.open(file) as bundle:
                refused += not bundle.verify().is_ok
        except (CorruptBundleError, NotABundleError):
            refused += 1
    assert refused > 20


def test_a_pruned_session_leaves_a_whole_bundle(bundle):
    bundle.prune(session_ids=[COLD])
    assert bundle.verify().is_ok
