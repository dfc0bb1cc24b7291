"""The last packs of a bundle are written anew with the next save as far as that is worth it, and nothing is lost so."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megacache.bundle import Bundle, tail
from megacache.recording import Recording
from samples import Contents, small_recording

WORDS = [Random(number).randbytes(12) for number in range(4000)]  # noqa: S311  no secret
SMALL = small_recording()[0]
DOCUMENT = SMALL.documents[0]


def alike(number: int, word_count: int = 20_000) -> bytes:
    """Return a content that repeats much of the others, as torch's do; 240 kB by default."""
    random = Random(number)  # noqa: S311
    start = random.randrange(200)
    return b"".join(WORDS[(start + at) % len(WORDS)] for at in range(word_count)) + random.randbytes(500)


def save(bundle: Bundle, ordinal: int, content: bytes) -> str:
    """Save a content as a document, and return its digest."""
    contents = Contents()
    digest = contents.add(content)
    row = replace(DOCUMENT, ordinal=ordinal, content_sha256=digest, size_bytes=len(content))
    bundle.append(Recording(systems=SMALL.systems, sessions=SMALL.sessions, documents=(row,)), contents)
    return digest


def packs(bundle: Bundle) -> list[tuple[int, int, int]]:
    """Return id, size and size of the frame of every pack."""
    connection = sqlite3.connect(bundle.path)
    try:
        return connection.execute("SELECT pack_id, raw_size_bytes, length(frame) FROM pack ORDER BY pack_id").fetchall()
    finally:
        connection.close()


@pytest.fixture
def bundle(tmp_path):
    with Bundle.create(tmp_path / "grown.megacache") as bundle:
        yield bundle


@pytest.mark.parametrize("save_count", [2, 9, 20, 41])
def test_many_saves_take_little_more_than_one_save_of_the_same(bundle, tmp_path, save_count):
    written = [alike(number) for number in range(save_count)]
    for ordinal, content in enumerate(written):
        save(bundle, ordinal, content)
    contents = Contents()
    rows = [
        replace(DOCUMENT, ordinal=at, content_sha256=contents.add(each), size_bytes=len(each))
        for at, each in enumerate(written)
    ]
    with Bundle.create(tmp_path / "once.megacache") as once:
        once.append(Recording(documents=tuple(rows)), contents)
        frames_bytes, once_bytes = (sum(size for _, _, size in packs(each)) for each in (bundle, once))
    assert len(packs(bundle)) <= 3
    assert frames_bytes <= 2 * once_bytes
    assert bundle.verify().is_ok
    assert [bundle.read(each.content_sha256) for each in rows] == written


def test_a_content_is_written_anew_a_few_times_and_not_with_every_save(bundle):
    written_bytes = 0
    for ordinal in range(60):
        before = {pack_id: raw for pack_id, raw, _ in packs(bundle)}
        save(bundle, ordinal, alike(ordinal, word_count=12_000))
        written_bytes += sum(raw for pack_id, raw, _ in packs(bundle) if before.get(pack_id) != raw)
    held_bytes = sum(raw for _, raw, _ in packs(bundle))
    assert written_bytes < 12 * held_bytes


def test_what_does_not_compress_is_left_alone(bundle):
    for ordinal in range(4):
        save(bundle, ordinal, Random(ordinal).randbytes(tail.SMALL_SIZE_BYTES + 1))  # noqa: S311
    assert [raw for _, raw, _ in packs(bundle)] == [tail.SMALL_SIZE_BYTES + 1] * 4


def test_a_pack_that_is_much_larger_than_what_is_new_is_left_alone(bundle):
    save(bundle, 0, alike(0, word_count=200_000))
    large = packs(bundle)
    save(bundle, 1, alike(1, word_count=5000))
    assert packs(bundle)[0] == large[0]
    assert len(packs(bundle)) == 2


def test_no_pack_becomes_larger_than_a_pack_may_be(bundle):
    for ordinal in range(4):
        save(bundle, ordinal, alike(ordinal, word_count=600_000))
    assert [raw for _, raw, _ in packs(bundle)] == [14_401_000, 14_401_000]
    assert bundle.verify().is_ok


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_damaged_pack_stays_for_verify_to_find_and_the_others_are_whole(bundle, monkeypatch, damaged):
    monkeypatch.setattr(tail, "MOST_TIMES", 0)
    monkeypatch.setattr(tail, "SMALL_SIZE_BYTES", -1)
    digests = [save(bundle, ordinal, alike(ordinal)) for ordinal in range(3)]
    pack_id = packs(bundle)[damaged][0]
    connection = sqlite3.connect(bundle.path, isolation_level=None)
    connection.execute("UPDATE pack SET frame = zeroblob(length(frame)) WHERE pack_id = ?", (pack_id,))
    connection.close()
    monkeypatch.undo()
    digests.append(save(bundle, 3, alike(3)))
    report = bundle.verify()
    assert {each.content_sha256 for each in report.lost_documents} == {digests[damaged]}
    whole = [at for at in range(4) if at != damaged]
    assert [bundle.read(digests[at]) for at in whole] == [alike(at) for at in whole]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from((1, 2_000, 12_000, 90_000))), min_size=1, max_size=14))
def test_every_content_is_there_whatever_the_sizes(tmp_path_factory, chosen):
    with Bundle.create(tmp_path_factory.mktemp("sizes") / "b.megacache") as bundle:
        held = {
            save(bundle, at, alike(number, count)): alike(number, count) for at, (number, count) in enumerate(chosen)
        }
        assert {digest: bundle.read(digest) for digest in held} == held
        assert bundle.verify().is_ok
