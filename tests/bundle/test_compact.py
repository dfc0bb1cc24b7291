"""Compact: small packs become one, what nothing refers to goes, and a failure changes nothing."""

import os
from dataclasses import replace

import pytest

from megacache.bundle import Bundle, frames, tail
from megacache.errors import CorruptBundleError
from megacache.recording import Recording
from samples import Contents


def save_one_by_one(bundle, small, count, size, first=900):
    """Save contents, each in a pack of its own, and return them."""
    contents = Contents()
    for ordinal in range(first, first + count):
        digest = contents.add(os.urandom(size // 2) * 2)
        row = replace(small[0].documents[0], ordinal=ordinal, content_sha256=digest, size_bytes=size)
        bundle.append(Recording(documents=(row,)), contents)
    return contents


@pytest.fixture
def packs_alone(monkeypatch):
    monkeypatch.setattr(tail, "SMALL_SIZE_BYTES", -1)
    monkeypatch.setattr(tail, "MOST_TIMES", 0)


def test_small_packs_become_one(bundle, small, packs_alone):
    contents = save_one_by_one(bundle, small, 12, 40_000)
    before = bundle.verify()
    assert before.pack_count == 13
    report = bundle.compact()
    after = bundle.verify()
    assert (report.pack_count, after.pack_count) == (1, 1)
    assert after.is_ok
    assert report.old_size_bytes == before.size_bytes
    assert report.size_bytes == bundle.size_bytes < before.size_bytes
    assert {digest: bundle.read(digest) for digest in (*contents, *small[1])} == {**contents, **small[1]}
    assert bundle.recording().documents[-1].ordinal == small[0].documents[-1].ordinal
    assert str(report).startswith(f"compacted {bundle.path}: ")
    assert str(report).endswith("in 1 pack")


def test_packs_are_filled_up_to_their_size(bundle, small, packs_alone, monkeypatch):
    contents = save_one_by_one(bundle, small, 10, 4000)
    monkeypatch.setattr(frames, "PACK_SIZE_BYTES", 2_000_000)
    bundle.compact()
    save_one_by_one(bundle, small, 3, 700_000, first=950)
    assert bundle.compact().pack_count == 3
    assert {digest: bundle.read(digest) for digest in contents} == contents
    assert bundle.verify().is_ok


def test_what_nothing_refers_to_goes(path, change):
    change("DELETE FROM document")
    with Bundle.open(path) as bundle:
        before = bundle.verify().blob_count
        bundle.compact()
        after = bundle.verify()
        wanted = {each.content_sha256 for each in bundle.recording().artifacts}
        wanted |= {each.components_sha256 for each in bundle.recording().artifact_uses} - {None}
    assert after.is_ok
    assert before > after.blob_count == len(wanted)


def test_a_bundle_with_nothing_left(path, change):
    change("DELETE FROM document", "DELETE FROM artifact", "DELETE FROM artifact_use")
    with Bundle.open(path) as bundle:
        assert bundle.compact().pack_count == 0
        report = bundle.verify()
        assert (report.is_ok, report.blob_count) == (True, 0)


def test_a_compact_bundle_stays_as_it_is(bundle):
    bundle.compact()
    before = bundle.path.read_bytes()[1024:]
    report = bundle.compact()
    assert report.old_size_bytes == report.size_bytes
    assert bundle.path.read_bytes()[1024:] == before


def test_rows_that_sqlite_does_not_find_are_not_left_behind(path, small):
    """What SQLite writes anew is what it finds. `repair` finds more."""
    with Bundle.open(path) as bundle, bundle._reader.snapshot() as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'recompile_reason'").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 1024 + 4] -= 1  # the number of cells
    path.write_bytes(content)
    with Bundle.open(path) as bundle:
        assert len(bundle.recording().recompile_reasons) == len(small[0].recompile_reasons) - 1
        for verb in (bundle.compact, bundle.prune):
            with pytest.raises(CorruptBundleError, match="is damaged"):
                verb()
    assert path.read_bytes() == bytes(content)


def test_a_damaged_pack_changes_nothing(bundle, small, packs_alone):
    save_one_by_one(bundle, small, 3, 4000)
    content = bytearray(bundle.path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 8] ^= 0xFF
    bundle.path.write_bytes(content)
    with pytest.raises(CorruptBundleError, match=r"pack \d is damaged"):
        bundle.compact()
    assert bundle.path.read_bytes() == bytes(content)
