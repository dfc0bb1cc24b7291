"""Append: what is new is added, what is equal costs nothing, what is wrong is refused before anything is written."""

import os
from dataclasses import replace
from hashlib import sha256

import pytest

from megacache.bundle import Bundle, SaveReport, tail
from megacache.errors import ArtifactNotFoundError, BundleError
from megacache.recording import Recording
from samples import COLD, Contents, system


def documents_of_size(recording, sizes):
    """Return documents of the cold session, and their contents, which do not compress."""
    contents = Contents()
    rows = tuple(
        replace(recording.documents[0], ordinal=ordinal, content_sha256=contents.add(os.urandom(size)), size_bytes=size)
        for ordinal, size in enumerate(sizes)
    )
    return rows, contents


def test_a_report_counts_what_is_new(tmp_path, small):
    recording, contents = small
    with Bundle.create(tmp_path / "a.megacache") as bundle:
        before = bundle.size_bytes
        report = bundle.append(recording, contents)
        assert report.new_artifact_count == report.artifact_count == len(recording.artifacts)
        assert report.new_size_bytes == sum(map(len, contents.values()))
        assert report.written_bytes == bundle.size_bytes - before
        assert report.duration_us > 0
        again = bundle.append(recording, contents)
    assert (again.new_artifact_count, again.new_size_bytes, again.written_bytes) == (0, 0, 0)
    assert again.artifact_count == len(recording.artifacts)


def test_a_report_is_one_line(path):
    report = SaveReport(
        path=path,
        new_artifact_count=3,
        new_size_bytes=1_272_569,
        written_bytes=29_000,
        artifact_count=1_017,
        duration_us=12_300,
    )
    assert str(report) == f"saved {path}: 3 new artifacts of 1,017, 1.3 MB in 29 kB of file, 12 ms"
    empty = replace(report, new_artifact_count=0, new_size_bytes=0)
    assert str(empty) == f"saved {path}: 0 new artifacts of 1,017, 0 B in 29 kB of file, 12 ms"  # rows alone
    for written_bytes in (0, -4_096):
        again = replace(empty, written_bytes=written_bytes)
        assert str(again) == f"saved {path}: nothing new, 1,017 artifacts as before, 12 ms"


def test_equal_contents_are_stored_once(tmp_path, small):
    recording, _ = small
    content = os.urandom(100_000)
    digest = sha256(content).hexdigest()
    artifacts = tuple(
        replace(recording.artifacts[0], cache_key=f"key-{number}", content_sha256=digest, size_bytes=100_000)
        for number in range(10)
    )
    with Bundle.create(tmp_path / "a.megacache") as bundle:
        bundle.append(Recording(systems=recording.systems, artifacts=artifacts), {digest: content})
        assert bundle.size_bytes < 150_000
        assert bundle.verify().blob_count == 1


def test_a_missing_content_saves_nothing(path, small):
    recording, _ = small
    before = path.read_bytes()
    artifact = replace(recording.artifacts[0], content_sha256="ab" * 32)
    session = replace(recording.sessions[0], session_id="third")
    with Bundle.open(path) as bundle:
        with pytest.raises(ArtifactNotFoundError, match="nothing was saved") as caught:
            bundle.append(Recording(sessions=(session,), artifacts=(artifact,)), {})
        assert caught.value.cache_key == "ab" * 32
        assert len(bundle.recording().sessions) == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["documents", "artifact_uses"])
def test_documents_and_key_components_must_be_there_too(bundle, small, table):
    column = {"documents": "content_sha256", "artifact_uses": "components_sha256"}[table]
    row = replace(getattr(small[0], table)[0], ordinal=900, **{column: "cd" * 32})
    with pytest.raises(ArtifactNotFoundError, match="cdcdcdcdcdcd"):
        bundle.append(Recording(**{table: (row,)}), {})


def test_a_content_with_another_hash_saves_nothing(path, small):
    recording, _ = small
    before = path.read_bytes()
    rows, contents = documents_of_size(recording, [1000, 1000])
    contents[rows[1].content_sha256] = b"something else"
    with Bundle.open(path) as bundle, pytest.raises(BundleError, match="another hash: nothing was saved"):
        bundle.append(Recording(documents=rows), contents)
    assert path.read_bytes() == before


def test_a_content_that_no_row_names_is_passed_over(bundle):
    blob_count = bundle.verify().blob_count
    report = bundle.append(Recording(), {sha256(b"x").hexdigest(): b"x"})
    assert report.new_size_bytes == 0
    assert bundle.verify().blob_count == blob_count


def test_an_empty_content(tmp_path, small):
    rows, contents = documents_of_size(small[0], [0])
    with Bundle.create(tmp_path / "a.megacache") as bundle:
        bundle.append(replace(small[0], documents=rows, artifacts=(), artifact_uses=()), contents)
        assert bundle.read(rows[0].content_sha256) == b""
        assert bundle.verify().is_ok


def test_twenty_saves_of_a_session_that_goes_on_stay_small(path, small):
    """A session that is saved again and again replaces its events; the old ones must not stay."""
    recording, contents = small
    first = path.stat().st_size
    with Bundle.open(path) as bundle:
        for number in range(20):
            events = contents.add(os.urandom(3000) + bytes([number]))
            row = replace(recording.documents[0], content_sha256=events, size_bytes=3001)
            session = replace(recording.sessions[0], ended_us=recording.sessions[0].started_us + number)
            bundle.append(Recording(sessions=(session,), documents=(row,)), contents)
        report = bundle.verify()
        assert report.is_ok
    assert report.blob_count == len(contents) - 19
    assert report.size_bytes < 1.1 * first + 4096


def test_many_small_saves_share_packs(tmp_path, small):
    recording, _ = small
    with Bundle.create(tmp_path / "a.megacache") as bundle:
        for number in range(30):
            rows, contents = documents_of_size(recording, [20_000])
            bundle.append(Recording(documents=(replace(rows[0], ordinal=number),)), contents)
        report = bundle.verify()
    assert report.blob_count == 30
    assert report.pack_count == 5
    assert report.size_bytes < 680_000


def test_a_damaged_last_pack_does_not_stop_a_save(path, small):
    content = bytearray(path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 8] ^= 0xFF
    path.write_bytes(content)
    rows, contents = documents_of_size(small[0], [5000])
    document = replace(rows[0], ordinal=900)
    with Bundle.open(path) as bundle:
        assert not bundle.verify().is_ok
        bundle.append(Recording(documents=(document,)), contents)
        assert bundle.read(document.content_sha256) == contents[document.content_sha256]


def test_the_cost_does_not_follow_the_size_of_the_bundle(tmp_path, small, monkeypatch):
    """No pack is read but a small last one: the rest of the bundle might as well not be there."""
    recording, _ = small
    monkeypatch.setattr(tail, "SMALL_SIZE_BYTES", 10_000)
    with Bundle.create(tmp_path / "a.megacache") as bundle:
        bundle.append(Recording(documents=(rows := documents_of_size(recording, [3_000_000]))[0]), rows[1])
        monkeypatch.setattr("megacache.bundle.frames.decompress", None)
        written = []
        for number in range(1, 4):
            added, contents = documents_of_size(recording, [100_000])
            report = bundle.append(Recording(documents=(replace(added[0], ordinal=number),)), contents)
            written.append(report.written_bytes)
    assert max(written) < 110_000


def test_a_report_of_several_saves_is_their_sum(path):
    facts = {"path": path, "new_artifact_count": 1, "new_size_bytes": 2, "written_bytes": 3, "duration_us": 4}
    total = SaveReport.of([SaveReport(**facts, artifact_count=5), SaveReport(**facts, artifact_count=6)])
    sums = {"path": path, "new_artifact_count": 2, "new_size_bytes": 4, "written_bytes": 6, "duration_us": 8}
    assert total == SaveReport(**sums, artifact_count=6)


def test_a_later_save_of_a_session_updates_it(bundle, small):
    recording, _ = small
    session = replace(recording.sessions[0], status="ok", error=None, ended_us=7)
    bundle.append(Recording(systems=(system(),), sessions=(session,)), {})
    found = {each.session_id: each for each in bundle.recording().sessions}[COLD]
    assert (found.status, found.ended_us) == ("ok", 7)
    assert found.error == recording.sessions[0].error
