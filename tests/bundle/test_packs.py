"""Packs: contents are cut and put together again; each way in which a pack can be damaged is named."""

import os
import sqlite3
import tracemalloc
from contextlib import closing
from dataclasses import replace

import pytest

from forgery import forge_value
from megacache.bundle import Bundle, frames
from megacache.bundle.packs import PackReader
from megacache.errors import CorruptBundleError
from megacache.recording import Recording
from samples import Contents


@pytest.fixture
def small_packs(monkeypatch):
    monkeypatch.setattr(frames, "PACK_SIZE_BYTES", 10_000)


@pytest.fixture
def cut(tmp_path, small, small_packs):
    """A bundle whose packs are small, with contents below, at and above their size."""
    contents = Contents()
    sizes = [4000, 4000, 4000, 10_000, 10_001, 35_000, 1, 0]
    rows = tuple(
        replace(small[0].documents[0], ordinal=ordinal, content_sha256=contents.add(os.urandom(size)), size_bytes=size)
        for ordinal, size in enumerate(sizes)
    )
    with Bundle.create(tmp_path / "cut.megacache") as bundle:
        bundle.append(replace(small[0], artifacts=(), artifact_uses=(), documents=rows), contents)
        yield bundle, contents


def test_contents_are_cut_only_where_they_must(cut):
    bundle, contents = cut
    assert {digest: bundle.read(digest) for digest in contents} == contents
    with bundle._reader.snapshot() as connection:
        statement = "SELECT blob.size_bytes, count(*) FROM blob JOIN blob_part USING (sha256) GROUP BY 1"
        part_counts = dict(connection.execute(statement))
        raw = [size for (size,) in connection.execute("SELECT raw_size_bytes FROM pack")]
    assert part_counts == {0: 1, 1: 1, 4000: 3, 10_000: 1, 10_001: 2, 35_000: 4}
    assert max(raw) == 10_000


def test_packs_survive_verify_compact_and_prune(cut):
    bundle, contents = cut
    assert bundle.verify().is_ok
    bundle.compact()
    assert bundle.verify().is_ok
    assert {digest: bundle.read(digest) for digest in contents} == contents


def test_packs_are_kept_for_the_next_read(bundle, small, monkeypatch):
    _, contents = small
    first, *others = contents
    bundle.read(first)
    monkeypatch.setattr(frames, "decompress", None)
    assert [bundle.read(each) for each in others] == [contents[each] for each in others]


def test_a_reader_keeps_no_more_than_a_full_pack(cut):
    bundle, contents = cut
    kept = []
    for digest in contents:
        bundle.read(digest)
        kept.append(sum(map(len, bundle._packs._packs.values())))
    assert max(kept) == 10_000
    bundle.read(list(contents)[2])
    assert sorted(map(len, bundle._packs._packs.values())) == [4000, 5001], "small packs are kept together"


def saved(path, small, sizes):
    """Save contents that can be compressed, and return the bundle with them."""
    contents = Contents()
    rows = tuple(
        replace(
            small[0].documents[0],
            ordinal=ordinal,
            content_sha256=contents.add(os.urandom(1 << 10) * (size >> 10)),
            size_bytes=size,
        )
        for ordinal, size in enumerate(sizes)
    )
    bundle = Bundle.create(path)
    bundle.append(replace(small[0], artifacts=(), artifact_uses=(), documents=rows), contents)
    return bundle, contents


def windows(bundle):
    """Return the window of each frame: RFC 8878, 3.1.1.1.2, or that of a single segment, which is its content."""
    with bundle._reader.snapshot() as connection:
        rows = connection.execute("SELECT substr(frame, 5, 2), raw_size_bytes FROM pack ORDER BY pack_id").fetchall()
    is_single = 0x20
    return [raw_size if head[0] & is_single else 1 << 10 + (head[1] >> 3) for head, raw_size in rows]


def test_much_is_compressed_quickly_from_its_first_large_pack_on(tmp_path, small):
    few, _ = saved(tmp_path / "few.megacache", small, [1 << 20] * 3)
    assert windows(few) == [3 << 20], "the window spans the pack"
    many, contents = saved(tmp_path / "many.megacache", small, [1 << 20] * 17)
    assert windows(many) == [1 << frames.QUICK_WINDOW_LOG, 1 << 20]
    assert {digest: many.read(digest) for digest in contents} == contents


def test_compact_compresses_a_large_pack_as_well_as_a_small_one(tmp_path, small):
    path = tmp_path / "a.megacache"
    bundle, contents = saved(path, small, [1 << 20] * 6)
    assert windows(bundle) == [1 << frames.QUICK_WINDOW_LOG]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM document WHERE ordinal = 0")
    bundle.compact()
    assert windows(bundle) == [5 << 20]
    assert all(bundle.read(digest) == contents[digest] for digest in list(contents)[1:])


def test_a_large_save_copies_no_content(tmp_path, small):
    """As Python counts it: zstd's own window, which is a quarter of a pack, is counted nowhere."""
    bundle, contents = saved(tmp_path / "a.megacache", small, [1 << 10])
    large = {digest: content for size in range(24) for digest, content in [contents_of(size)]}
    rows = tuple(
        replace(small[0].documents[0], ordinal=9 + at, content_sha256=digest, size_bytes=len(content))
        for at, (digest, content) in enumerate(large.items())
    )
    tracemalloc.start()
    bundle.append(replace(small[0], artifacts=(), artifact_uses=(), documents=rows), large)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2 << 20
    assert all(bundle.read(digest) == content for digest, content in (contents | large).items())


def contents_of(number):
    contents = Contents()
    content = os.urandom(1 << 10) * ((1 << 20) + number >> 10)
    return contents.add(content), content


def damaged(path, digest, match):
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match=match) as caught:
        bundle.read(digest)
    assert caught.value.path == str(path)
    return caught.value


def test_a_flipped_byte_names_the_pack_and_what_it_holds(path, small):
    recording, _ = small
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 8] ^= 0xFF
    path.write_bytes(content)
    artifact = recording.artifacts[0]
    errors = []
    with Bundle.open(path) as bundle:
        for each in recording.artifacts:
            try:
                bundle.read(each.content_sha256)
            except CorruptBundleError as error:
                errors.append(error)
        assert len(bundle.verify().lost_artifacts) == len(errors) > 0
    assert all("pack 1 is damaged" in str(error) for error in errors)
    assert all(f"{artifact.artifact_type} {artifact.cache_key[:12]}" in error.problems for error in errors)


def test_a_frame_that_is_no_zstd(path, small, change):
    change("UPDATE pack SET frame = x'00112233'")
    damaged(path, small[0].artifacts[0].content_sha256, r"pack 1 is damaged \(zstd says")


def test_a_frame_that_is_larger_than_any(path, small, change):
    change(f"UPDATE pack SET frame = zeroblob({frames.FRAME_SIZE_BYTES + 1})")  # Our own names.
    damaged(path, small[0].artifacts[0].content_sha256, "above the 33554432 of any")


def test_a_size_above_that_of_a_pack(path, small, change):
    change("UPDATE pack SET raw_size_bytes = 1 << 40")
    damaged(path, small[0].artifacts[0].content_sha256, "above the 16777216 of a pack")


def test_a_pack_that_is_missing(path, small, change):
    change("DELETE FROM pack")
    damaged(path, small[0].artifacts[0].content_sha256, "it is missing")


def test_a_pack_without_a_row_is_damaged(bundle):
    with bundle._reader.snapshot() as connection, pytest.raises(CorruptBundleError, match=r"pack 99 .*it is missing"):
        bundle._packs.checked_pack(connection, 99)


TYPES = [
    *(("blob_part", f"{column} = {value}") for column in ("offset", "size_bytes") for value in ("NULL", "'x'")),
    *(("pack", f"raw_size_bytes = {value}") for value in ("NULL", "'x'")),
    ("blob_part", "pack_id = 'x'"),
    ("pack", "sha256 = NULL"),
    ("pack", "frame = NULL"),
    ("pack", "frame = 'x'"),
    ("pack", "frame = 7"),
]


@pytest.mark.parametrize(("table", "assignment"), TYPES)
def test_a_value_of_another_type_is_damage_to_all_who_read(path, small, table, assignment):
    forge_value(path, table, f"UPDATE {table} SET {assignment}")
    recording, contents = small
    with Bundle.open(path) as bundle:
        for digest in contents:
            with pytest.raises(CorruptBundleError, match=r"damaged|cannot be found"):
                bundle.read(digest)
        assert not bundle.verify().is_ok
        assert list(bundle.recording().contents(contents)) == []
    damaged(path, recording.artifacts[0].content_sha256, r"pack 1|a row of|another hash|missing")


@pytest.mark.parametrize(("table", "assignment"), TYPES)
def test_a_value_of_another_type_is_no_hindrance_to_a_save(path, small, table, assignment):
    forge_value(path, table, f"UPDATE {table} SET {assignment}")
    contents = Contents()
    row = replace(small[0].documents[0], ordinal=99, content_sha256=contents.add(b"new" * 50), size_bytes=150)
    with Bundle.open(path) as bundle:
        bundle.append(Recording(documents=(row,)), contents)
        assert bundle.read(row.content_sha256) == b"new" * 50


def test_a_content_without_its_parts(path, small, change):
    change("DELETE FROM blob_part")
    damaged(path, small[0].artifacts[0].content_sha256, "another hash")


@pytest.mark.parametrize("column", ["offset", "size_bytes"])
@pytest.mark.parametrize("value", ["-1", "1 << 40"])
def test_a_part_outside_of_its_pack(path, small, change, column, value):
    digest = small[0].artifacts[0].content_sha256
    change(f"UPDATE blob_part SET {column} = {value} WHERE sha256 = '{digest}'")  # Our own names.
    damaged(path, digest, "another hash")


def test_a_content_that_repeats_one_pack_is_not_put_together(path, small, change, monkeypatch):
    digest = small[0].artifacts[0].content_sha256
    copies = ", ".join(f"('{digest}', {part}, 1, 0, 1000)" for part in range(1, 100))
    change(f"INSERT INTO blob_part VALUES {copies}")  # Our own names.
    monkeypatch.setattr(frames, "decompress", None)
    damaged(path, digest, "another hash")


def test_a_pack_that_another_process_wrote_anew_is_read_anew(path, bundle, small):
    recording, contents = small
    digest = recording.artifacts[0].content_sha256
    assert bundle.read(digest) == contents[digest]
    with Bundle.open(path) as other:
        other.prune(artifact_types=["pgo"])
    assert bundle.read(digest) == contents[digest]
    assert isinstance(bundle._packs, PackReader)
    assert bundle.append(Recording(), {}).new_size_bytes == 0
