"""Row digests: each row proves itself, a change of any value is found, and nothing false gets into what is true."""

import json
import shutil
import sqlite3
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megacache.bundle import Bundle, row_digests, rows
from megacache.bundle.listing import list_bundle
from megacache.errors import CorruptBundleError
from megacache.recording import Recording

GOLDEN = Path(__file__).parents[1] / "golden"
VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_the_example_in_the_format_document():
    values = ("inductor", "fabc", sha256(b"").hexdigest(), 0, 1795489251020000, "unknown")
    text = f'["artifact","inductor","fabc","{values[2]}",0,1795489251020000,"unknown"]'
    expected = int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True)
    assert row_digests.row_digest("artifact", *values) == expected == row_digests.text_digest(text.encode())


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_sqlite_makes_the_same_json(values):
    connection = sqlite3.connect(":memory:")
    marks = ", ".join("?" * len(values))
    (text,) = connection.execute(f"SELECT json_array('table', {marks})", values).fetchone()
    connection.close()
    assert text == json.dumps(["table", *values], ensure_ascii=False, separators=(",", ":"))
    assert row_digests.text_digest(text.encode()) == row_digests.row_digest("table", *values)


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_a_change_of_any_value_is_found_and_named(path, tmp_path, table):
    count = 0
    for column in table.columns:
        file = tmp_path / f"{column.name}.megacache"
        shutil.copy(path, file)
        count += changed_value(file, table, column)
        with Bundle.open(file) as bundle:
            with pytest.raises(CorruptBundleError, match=rf"row .* of {table.name} is not what was written.*repair"):
                bundle.recording()
            assert not bundle.verify().is_ok
    assert count == len(table.columns)


def changed_value(file, table, column):
    """Change one value of one row."""
    key, name = ", ".join(table.key), column.name
    other = f"coalesce({name}, 6) + 1000" if column.kind == "INTEGER" else f"coalesce({name}, '') || '?'"
    row = f"({key}) = (SELECT {key} FROM {table.name} ORDER BY {name} IS NULL, {key} LIMIT 1)"
    connection = sqlite3.connect(file, isolation_level=None)
    changed = connection.execute(f"UPDATE {table.name} SET {name} = {other} WHERE {row}").rowcount
    connection.close()
    return changed


def test_a_row_without_a_digest_is_refused(path, change):
    change("UPDATE code SET row_digest = NULL WHERE code_id = 'code-loss'")
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match="row code-loss of code"):
        bundle.recording()


def test_a_row_is_none_of_another_table(path, change):
    """A row of one table proves nothing in another of the same shape."""
    change("UPDATE document SET row_digest = (SELECT row_digest FROM backend_entry LIMIT 1)")
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match="of document"):
        bundle.recording()


@pytest.mark.parametrize("table", ["artifact", "artifact_use", "session"])
def test_a_listing_checks_the_rows_that_it_shows(path, change, table):
    change(f"UPDATE {table} SET row_digest = row_digest + 1")
    with pytest.raises(CorruptBundleError, match=f"of {table}"):
        list_bundle(path)


def test_many_damaged_rows_are_counted(path, change):
    change("UPDATE artifact SET row_digest = 0")
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match=r" and \d+ more; ") as caught:
        bundle.recording()
    assert len(caught.value.problems) == len(list_artifacts(path))


def list_artifacts(path):
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT * FROM artifact").fetchall()
    connection.close()
    return found


# -- writing -----------------------------------------------------------------------------------------------------------


def test_what_a_false_row_says_never_gets_into_a_true_one(path, change, small):
    """A save fills the gaps of a row with what the bundle knows, so it must not touch one that proves false."""
    recording, contents = small
    compile_ = next(each for each in recording.compiles if each.duration_us is not None)
    row = f"run_id = '{compile_.run_id}' AND compile_id = '{compile_.compile_id}'"
    change(f"UPDATE compile SET duration_us = 7 WHERE {row}")
    before = path.read_bytes()
    again = replace(compile_, duration_us=None)
    with Bundle.open(path) as bundle:
        with pytest.raises(CorruptBundleError, match=f"row {compile_.run_id}, {compile_.compile_id} of compile"):
            bundle.append(Recording(compiles=(again,)), contents)
        others = tuple(each for each in recording.compiles if each != compile_)
        bundle.append(Recording(compiles=others, artifacts=recording.artifacts), contents)
    assert path.read_bytes() == before


def test_a_false_artifact_is_not_taken_for_the_true_one(path, change, small):
    change("UPDATE artifact SET system_id = 'other'")
    with Bundle.open(path) as bundle, pytest.raises(CorruptBundleError, match="of artifact is not what was written"):
        bundle.append(*small)


def test_compact_and_prune_refuse_what_has_false_rows(path, change):
    change("UPDATE artifact SET content_sha256 = substr(content_sha256, 1, 63) || 'x'")
    before = path.read_bytes()
    with Bundle.open(path) as bundle:
        with pytest.raises(CorruptBundleError, match="of artifact"):
            bundle.compact()
        with pytest.raises(CorruptBundleError, match="of artifact"):
            bundle.prune(artifact_types=["inductor"])
    assert path.read_bytes() == before


# -- version 1 ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def first_version(tmp_path):
    return Path(shutil.copy(GOLDEN / "v1" / "notebook.megacache", tmp_path / "old.megacache"))


def test_the_first_save_makes_version_2(first_version, rows_of):
    with Bundle.open(first_version) as bundle:
        before = bundle.recording()
        assert bundle.format_version == 1
        bundle.append(Recording(), {})
        # The bundle was opened before; what it reads now is checked all the same.
        assert rows_of(bundle.recording()) == rows_of(before)
    with Bundle.open(first_version) as bundle:
        assert bundle.format_version == 2
        assert rows_of(bundle.recording()) == rows_of(before)
        assert bundle.verify().is_ok
    connection = sqlite3.connect(first_version, isolation_level=None)
    connection.execute("UPDATE artifact SET cache_key = 'k' || cache_key")
    assert connection.execute("SELECT count(*) FROM signature").fetchone() == (0,)
    connection.close()
    with Bundle.open(first_version) as bundle, pytest.raises(CorruptBundleError, match="of artifact"):
        bundle.recording()


def test_an_upgraded_bundle_has_the_columns_of_a_new_one(first_version, path):
    with Bundle.open(first_version) as bundle:
        bundle.append(Recording(), {})

    def columns(file):
        connection = sqlite3.connect(file)
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        connection.close()
        return found

    assert columns(first_version) == columns(path)


def test_a_dry_run_upgrades_nothing(first_version):
    before = first_version.read_bytes()
    with Bundle.open(first_version) as bundle:
        bundle.prune(unused=True, dry_run=True)
    assert first_version.read_bytes() == before


def test_damage_of_version_1_is_not_sealed(first_version):
    content = bytearray(first_version.read_bytes())
    content[content.index(b"code-loss")] = 0xFF
    first_version.write_bytes(content)
    with Bundle.open(first_version) as bundle, pytest.raises(CorruptBundleError):
        bundle.append(Recording(), {})
    assert first_version.read_bytes() == bytes(content)


def test_a_broken_structure_of_version_1_is_not_sealed(first_version):
    with Bundle.open(first_version) as bundle, bundle._reader.snapshot() as connection:
        statement = "SELECT rootpage FROM sqlite_schema WHERE name = 'blob_part_of_pack'"
        (page,) = connection.execute(statement).fetchone()
    content = bytearray(first_version.read_bytes())
    content[(page - 1) * 1024 + 3 : (page - 1) * 1024 + 5] = b"\x00\x00"
    first_version.write_bytes(content)
    with Bundle.open(first_version) as bundle, pytest.raises(CorruptBundleError, match="damaged"):
        bundle.append(Recording(), {})
    assert first_version.read_bytes() == bytes(content)
