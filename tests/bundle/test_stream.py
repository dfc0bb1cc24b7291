"""Stream: many contents come whole, in the order of the packs, a little at a time; damage costs what it hit alone."""

import os
import sqlite3
import tracemalloc
from contextlib import closing
from dataclasses import replace

import pytest

from megacache.bundle import Bundle, frames
from megacache.bundle.stream import stream
from megacache.errors import CorruptBundleError
from samples import Contents

PACK_SIZE_BYTES = 10_000


@pytest.fixture
def packed(tmp_path, small, monkeypatch):
    """A bundle whose packs are small, with contents below, at and above their size."""
    monkeypatch.setattr(frames, "PACK_SIZE_BYTES", PACK_SIZE_BYTES)
    return bundle_of(tmp_path / "packed.megacache", small, [4000, 4000, 4000, 10_000, 10_001, 35_000, 1, 0])


def repeated(size_bytes):
    return os.urandom(1 << 10) * (size_bytes >> 10)


def bundle_of(path, small, sizes, make=os.urandom):
    contents = Contents()
    rows = tuple(
        replace(small[0].documents[0], ordinal=ordinal, content_sha256=contents.add(make(size)), size_bytes=size)
        for ordinal, size in enumerate(sizes)
    )
    with Bundle.create(path) as bundle:
        bundle.append(replace(small[0], artifacts=(), artifact_uses=(), documents=rows), contents)
    return path, contents


def change(path, statement):
    """Change the bundle behind its back, as no bundle does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def streamed(path, digests):
    with Bundle.open(path) as bundle:
        return list(bundle.recording().contents(digests))


def test_all_contents_come_each_once(packed):
    path, contents = packed
    assert streamed(path, list(contents)) == list(contents.items()), "one save packs them in its order"
    assert sorted(streamed(path, [*reversed(contents), *contents])) == sorted(contents.items())


def test_only_what_is_asked_for_comes(packed):
    path, contents = packed
    wanted = [list(contents)[at] for at in (1, 5)]
    assert dict(streamed(path, wanted)) == {digest: contents[digest] for digest in wanted}
    assert streamed(path, []) == streamed(path, ["0" * 64]) == []


def test_a_pack_of_which_nothing_is_wanted_is_not_read(packed, monkeypatch):
    path, contents = packed
    first, *_ = contents
    read = []
    real = stream.__globals__["read_frame"]
    monkeypatch.setitem(stream.__globals__, "read_frame", lambda *key: read.append(key[1]) or real(*key))
    assert streamed(path, [first]) == [(first, contents[first])]
    assert read == [1]


def test_after_prune_and_compact_all_that_is_left_comes(packed):
    path, contents = packed
    gone = list(contents)[1]
    change(path, f"DELETE FROM document WHERE content_sha256 = '{gone}'")  # Our own names.
    for compacted in (False, True):
        if compacted:
            with Bundle.open(path) as bundle:
                bundle.compact()
        rest = {digest: content for digest, content in contents.items() if digest != gone}
        assert dict(streamed(path, rest)) == rest


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE pack SET frame = x'00112233' WHERE pack_id = 1",
        "UPDATE pack SET frame = substr(frame, 1, 2000) WHERE pack_id = 1",
        "UPDATE pack SET raw_size_bytes = 1 << 40 WHERE pack_id = 1",
        "UPDATE pack SET raw_size_bytes = 100 WHERE pack_id = 1",
        "DELETE FROM pack WHERE pack_id = 1",
    ],
)
def test_a_damaged_pack_costs_what_is_in_it(packed, damage):
    path, contents = packed
    with Bundle.open(path) as bundle, bundle._reader.snapshot() as reading:
        in_first = {digest for (digest,) in reading.execute("SELECT sha256 FROM blob_part WHERE pack_id = 1")}
    change(path, damage)
    found = dict(streamed(path, contents))
    assert 0 < len(in_first) < len(contents)
    assert found == {digest: content for digest, content in contents.items() if digest not in in_first}
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError):
        bundle.read(in_first.pop())


@pytest.mark.parametrize("column", ["offset", "size_bytes", "pack_id"])
@pytest.mark.parametrize("value", ["-1", "1 << 40", "3"])
def test_a_part_in_a_wrong_place_is_passed_over(packed, column, value):
    path, contents = packed
    digest = next(iter(contents))
    change(path, f"UPDATE blob_part SET {column} = {value} WHERE sha256 = '{digest}'")  # Our own names.
    found = dict(streamed(path, contents))
    assert digest not in found
    assert all(contents[each] == content for each, content in found.items())


def test_a_part_of_a_negative_size_costs_no_other_content(packed):
    path, contents = packed
    first, *others = contents
    change(path, f"UPDATE blob_part SET size_bytes = -1000 WHERE sha256 = '{first}'")  # Our own names.
    assert dict(streamed(path, contents)) == {digest: contents[digest] for digest in others}


def test_parts_in_another_order_than_their_packs_are_left_to_read(packed):
    """`compact` gives a part that it moves a pack with a higher id than the part behind it may have."""
    path, contents = packed
    (digest,) = (digest for digest, content in contents.items() if len(content) == 10_001)
    with Bundle.open(path) as bundle, bundle._reader.snapshot() as reading:
        (pack_id,) = reading.execute(
            "SELECT pack_id FROM blob_part WHERE sha256 = ? AND part = 0", (digest,)
        ).fetchone()
    for table in ("pack", "blob_part"):
        change(path, f"UPDATE {table} SET pack_id = 99 WHERE pack_id = {pack_id}")  # Our own names.
    found = dict(streamed(path, contents))
    assert digest not in found
    with Bundle.open(path) as bundle:
        assert bundle.read(digest) == contents[digest]


def test_a_content_that_is_missed_by_a_digit_is_not_given(packed):
    path, contents = packed
    digest, other = next(iter(contents)), "0" * 64
    for table in ("blob", "blob_part"):
        change(path, f"UPDATE {table} SET sha256 = '{other}' WHERE sha256 = '{digest}'")  # Our own names.
    assert streamed(path, [digest, other]) == []


def test_a_save_goes_on_while_contents_are_read(packed, small):
    path, contents = packed
    with Bundle.open(path) as bundle:
        coming = bundle.recording().contents(contents)
        next(coming)
        with Bundle.open(path) as other:
            assert other.append(replace(small[0], documents=()), small[1]).new_artifact_count > 0
        assert len(list(coming)) == len(contents) - 1


def test_a_pack_is_never_in_memory_as_a_whole(tmp_path, small):
    """As Python counts it: zstd's own window, which is smaller than a pack here, is counted nowhere."""
    path, contents = bundle_of(tmp_path / "large.megacache", small, [1 << 20] * 24, repeated)
    with Bundle.open(path) as bundle:
        recording = bundle.recording()
        tracemalloc.start()
        for digest, content in recording.contents(contents):
            assert content == contents[digest]
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 4 << 20
