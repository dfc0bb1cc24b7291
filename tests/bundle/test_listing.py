"""The listing: the same facts as the recording's, at a fraction of its cost."""

import sqlite3

import pytest

from forgery import forge
from megacache.bundle import Bundle
from megacache.bundle.listing import ARTIFACT_COLUMNS, SESSION_COLUMNS, list_bundle
from megacache.errors import BundleNotFoundError, CorruptBundleError
from samples import large_recording, small_recording


@pytest.fixture(params=["small", "large"])
def bundle(request, tmp_path):
    recording, contents = small_recording() if request.param == "small" else large_recording(40)
    with Bundle.create(tmp_path / "listed.megacache") as created:
        created.append(recording, contents)
        yield created


def test_artifacts_are_those_of_the_recording(bundle):
    rows = [tuple(getattr(each, name) for name in ARTIFACT_COLUMNS) for each in bundle.recording().artifacts]
    assert [each[: len(ARTIFACT_COLUMNS)] for each in list_bundle(bundle.path).artifacts] == rows
    assert list_bundle(bundle.path).artifacts[0]._fields[: len(ARTIFACT_COLUMNS)] == ARTIFACT_COLUMNS


def test_sessions_are_those_of_the_recording(bundle):
    recording, listing = bundle.recording(), list_bundle(bundle.path)
    rows = [tuple(getattr(each, name) for name in SESSION_COLUMNS) for each in recording.sessions]
    assert [each[: len(SESSION_COLUMNS)] for each in listing.sessions] == rows
    assert sum(each.compile_count for each in listing.sessions) == len(recording.compiles)


def test_the_state_is_that_of_the_last_use(bundle):
    recording = bundle.recording()
    for each in list_bundle(bundle.path).artifacts:
        key = (each.artifact_type, each.cache_key)
        uses = [use for use in recording.artifact_uses if (use.artifact_type, use.cache_key) == key]
        assert each.state == next((use.state for use in reversed(uses) if use.state), None)
        assert each.compile_ids == tuple(dict.fromkeys(use.compile_id for use in uses if use.compile_id))


def test_the_file_is_described(bundle):
    listing = list_bundle(bundle.path)
    assert (listing.path, listing.size_bytes) == (bundle.path, bundle.size_bytes)
    assert listing.format_version == bundle.format_version


def test_a_missing_file_has_its_error(tmp_path):
    with pytest.raises(BundleNotFoundError):
        list_bundle(tmp_path / "missing.megacache")


def test_a_value_of_a_wrong_type_is_named(bundle):
    bundle.close()
    connection = sqlite3.connect(bundle.path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, ', '') WHERE name = 'artifact'")
    connection.commit()
    connection.close()
    forge(bundle.path, "UPDATE artifact SET size_bytes = 'many'")
    with pytest.raises(CorruptBundleError, match=r"artifact\.size_bytes holds str instead of int"):
        list_bundle(bundle.path)
