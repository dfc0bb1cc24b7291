"""Schema: the SQL is the model; and each way in which a file is no bundle, or no whole one, has its error."""

import os
import re
import sqlite3
from pathlib import Path

import pytest

import megacache.bundle
from forgery import forge
from megacache.bundle import Bundle
from megacache.bundle.rows import TABLES
from megacache.errors import CorruptBundleError, NotABundleError, UnsupportedVersionError

SCHEMA = (Path(megacache.bundle.__file__).parent / "schema.sql").read_text()
FORMAT = (Path(megacache.bundle.__file__).parent / "FORMAT.md").read_text()


def expected_body(table):
    lines = [
        f"  {column.name} {'INTEGER' if column.kind == 'INTEGER' else 'TEXT'}"
        f"{'' if column.is_optional or column.kind in ('LIST', 'MAPPING') else ' NOT NULL'},"
        for column in table.columns
    ]
    return "\n".join([*lines, "  row_digest INTEGER,", f"  PRIMARY KEY ({', '.join(table.key)})"])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_has_the_fields_of_its_class(table):
    body = re.search(rf"CREATE TABLE {table.name} \(\n(.*?)\n\) STRICT, WITHOUT ROWID;", SCHEMA, re.DOTALL)
    assert body is not None
    assert body[1] == expected_body(table)


def test_every_table_is_in_the_format_document():
    for name in re.findall(r"CREATE TABLE (\w+)", SCHEMA):
        assert f"`{name}`" in FORMAT


@pytest.mark.parametrize("column", re.findall(r"^  (\w+) (?:TEXT|INTEGER|BLOB)", SCHEMA, re.MULTILINE))
def test_every_column_is_in_the_format_document(column):
    assert f"`{column}`" in FORMAT


def refused(path, error, match):
    before = path.read_bytes()
    with pytest.raises(error, match=match) as caught:
        Bundle.open(path)
    assert caught.value.path == str(path)
    assert path.read_bytes() == before
    return caught.value


# -- another file ------------------------------------------------------------------------------------------------------


def test_an_empty_file(tmp_path):
    file = tmp_path / "a.megacache"
    file.touch()
    refused(file, NotABundleError, "is not a megacache bundle")


@pytest.mark.parametrize("content", [b"notes", b"notes " * 1000, b"\x00" * 5000, b"PK\x03\x04" + b"\x00" * 2000])
def test_a_file_of_another_kind(tmp_path, content):
    file = tmp_path / "a.megacache"
    file.write_bytes(content)
    refused(file, NotABundleError, "is not a megacache bundle")


def test_another_sqlite_file(tmp_path):
    file = tmp_path / "a.megacache"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE session (session_id TEXT)")
    connection.close()
    refused(file, NotABundleError, "is not a megacache bundle")


def test_another_application_id(path, change):
    change("PRAGMA application_id = 7")
    refused(path, NotABundleError, "is not a megacache bundle")


def test_a_directory(tmp_path):
    with pytest.raises(NotABundleError, match="is a directory"):
        Bundle.open(tmp_path)


# -- another version ---------------------------------------------------------------------------------------------------


def test_a_newer_version(path, change):
    change("PRAGMA user_version = 3")
    assert refused(path, UnsupportedVersionError, "version 3.*upgrade megacache").version == 3


def test_a_newer_version_is_named_even_where_its_tables_are_others(path, change):
    change("PRAGMA user_version = 9", "DROP TABLE document")
    assert refused(path, UnsupportedVersionError, "version 9").version == 9


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was(path, change, version):
    change(f"PRAGMA user_version = {version}")
    refused(path, CorruptBundleError, "format version")


# -- a damaged schema --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", re.findall(r"CREATE TABLE (\w+)", SCHEMA))
def test_a_missing_table(path, change, table):
    change(f"DROP TABLE {table}")
    error = refused(path, CorruptBundleError, f"table '{table}' is missing")
    assert error.problems == (f"table '{table}' is missing",)


def test_a_missing_column(path, change):
    change("ALTER TABLE artifact DROP COLUMN size_bytes")
    assert refused(path, CorruptBundleError, "damaged").problems == ("column artifact.size_bytes is missing",)


def test_a_view_in_place_of_a_table(path, change):
    change("ALTER TABLE document RENAME TO hidden", "CREATE VIEW document AS SELECT * FROM hidden")
    assert "it has a view 'document'" in refused(path, CorruptBundleError, "damaged").problems


def test_a_trigger(path, change):
    change("CREATE TRIGGER hook AFTER INSERT ON session BEGIN DELETE FROM artifact; END")
    assert refused(path, CorruptBundleError, "damaged").problems == ("it has a trigger 'hook'",)


def test_a_virtual_table(path, change):
    change("CREATE VIRTUAL TABLE search USING fts5(text)")
    assert "it has a virtual table 'search'" in refused(path, CorruptBundleError, "damaged").problems


def test_a_directory_whose_name_is_no_utf8(path, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller"))
    folder.mkdir()
    moved = path.rename(folder / path.name)
    with Bundle.open(moved) as bundle:
        assert bundle.verify().is_ok
    with Bundle.create(folder / "new.megacache") as bundle:
        assert bundle.verify().is_ok


def test_a_file_in_wal_mode(path, change):
    change("PRAGMA journal_mode = WAL")
    refused(path, CorruptBundleError, "WAL mode")


def test_a_column_more_is_passed_over(path, change):
    change("ALTER TABLE artifact ADD COLUMN note TEXT")
    with Bundle.open(path) as bundle:
        assert bundle.recording().artifacts


# -- a damaged file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [50, 100, 600, 1024, 5000, 30_000, -1000, -1])
def test_a_truncated_file(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    refused(path, CorruptBundleError, "damaged")


def test_a_schema_that_is_not_sql(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE session", b"CREATE TABLF session"))
    refused(path, CorruptBundleError, "damaged")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE artifact SET size_bytes = 'many'", "column artifact.size_bytes holds str instead of int"),
        ("UPDATE artifact SET size_bytes = NULL", "column artifact.size_bytes holds NoneType instead of int"),
        ("UPDATE session SET name = x'00'", "row session-cold of session is not what was written"),
        ("UPDATE compile SET stack = '[1]'", "column compile.stack holds JSON that is no list of strings"),
        ("UPDATE compile SET stack = '{}'", "column compile.stack holds JSON that is no list of strings"),
        ("UPDATE compile SET stack = 'x'", "column compile.stack holds Expecting value"),
        ("UPDATE compile SET stack = printf('%.*c', 200000, '[')", "column compile.stack holds "),
        ("UPDATE session SET config = '{\"a\": []}'", "column session.config holds JSON that is no mapping of strings"),
    ],
)
def test_a_row_of_another_type(path, change, statement, problem):
    table = statement.split()[1]
    lax = re.search(rf"CREATE TABLE {table} \(.*?\n\) STRICT, WITHOUT ROWID", SCHEMA, re.DOTALL)[0]
    lax = lax.replace(" STRICT,", "").replace(" NOT NULL", "").replace(f"TABLE {table}", "TABLE lax")
    lax = re.sub(r" (TEXT|INTEGER)", "", lax)
    copy = f"INSERT INTO lax SELECT * FROM {table}"  # Our own names.
    change(lax, copy, f"DROP TABLE {table}", f"ALTER TABLE lax RENAME TO {table}")
    forge(path, statement)
    with Bundle.open(path) as bundle:
        with pytest.raises(CorruptBundleError, match="damaged") as caught:
            bundle.recording()
        assert caught.value.problems[0].startswith(problem)
        report = bundle.verify()
        assert any(each.startswith(problem) for each in report.problems)


def test_a_text_that_is_not_utf8(path):
    content = path.read_bytes()
    assert b"contrastive_loss" in content
    path.write_bytes(content.replace(b"contrastive_loss", b"contrastive\xff\xfe\xff\xfe\xff"))
    with Bundle.open(path) as bundle:
        with pytest.raises(CorruptBundleError, match="row code-loss of code is not what was written"):
            bundle.recording()
        assert not bundle.verify().is_ok
